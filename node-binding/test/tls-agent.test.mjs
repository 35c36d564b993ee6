// Clients that show a certificate, with undici 6 and 7 and with Node's own fetch, over real connections.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import undici from 'undici';
import undici6 from 'undici6';
import { createMtlsAgent } from '../dist/tls.mjs';
import { authority, bundle, folder, NAMES, namingServer, WAYS } from './tls-authority.mjs';
import { running } from './tls-support.mjs';

const ca = authority('authority');
const server = ca.issue('server');
const clients = Array.from({ length: 4 }, (_, at) => ca.issue(`client ${at}`, { names: `URI:spiffe://td/${at}` }));
const QUICK = { debounce: 20, interval: 0 };
const PATIENCE = 20_000;
const UNDICI = { 'undici 7': undici, 'undici 6': undici6 };

const naming = (identity = server, more = {}) => namingServer(ca, identity, more);

const made = (files = bundle(clients[0], ca), way = 'renamed files') => WAYS[way](files);
const agentOf = ({ directory }, more = {}) => createMtlsAgent({ directory, ...NAMES, ...QUICK, ...more });

/** Runs `use` with an agent, and ends the agent whatever happens. */
async function using(options, use, files = made()) {
  const agent = agentOf(files, options);
  try {
    return await use(agent, files.put);
  } finally {
    await agent.destroy();
  }
}

const url = (port, path = '/') => `https://localhost:${port}${path}`;
const told = (agent, what = 'reloaded') => once(agent.certificates, what, { signal: AbortSignal.timeout(PATIENCE) });

for (const [version, { Agent, request, fetch: fetchOf }] of Object.entries(UNDICI)) {
  test(`${version}: request and fetch show the certificate, over one connection`, () =>
    using({ Agent, pool: { connections: 1 } }, async (agent) => {
      const { listener, counts } = naming();
      await running(listener, async (port) => {
        assert.ok(agent instanceof Agent);
        for (let i = 0; i < 50; i += 1) {
          const { statusCode, body } = await request(url(port), { dispatcher: agent });
          assert.deepEqual([statusCode, await body.text()], [200, 'client 0']);
          assert.equal(await (await fetchOf(url(port), { dispatcher: agent })).text(), 'client 0');
          const { body: own } = await agent.request({ origin: url(port, ''), path: '/', method: 'GET' });
          assert.equal(await own.text(), 'client 0');
        }
        assert.deepEqual(counts, { connections: 1, requests: 150 });
      });
    }));

  test(`${version}: after a renewal new requests use the new certificate, and slow ones finish on the old`, () =>
    using({ Agent }, async (agent, put) => {
      const { listener, waiting } = naming();
      await running(listener, async (port) => {
        const slow = await request(url(port, '/slow'), { dispatcher: agent });
        const reloaded = told(agent);
        put(bundle(clients[1], ca));
        assert.equal((await reloaded)[0].fingerprint256, clients[1].sha256);
        const { body } = await request(url(port), { dispatcher: agent });
        assert.equal(await body.text(), 'client 1');
        waiting[0]();
        assert.equal(await slow.body.text(), 'client 0 in the end');
      });
    }));

  test(`${version}: close waits for requests of every certificate`, async () => {
    const files = made();
    const agent = agentOf(files, { Agent });
    const { listener, waiting } = naming();
    await running(listener, async (port) => {
      const first = await request(url(port, '/slow'), { dispatcher: agent });
      const reloaded = told(agent);
      files.put(bundle(clients[1], ca));
      await reloaded;
      const second = await request(url(port, '/slow'), { dispatcher: agent });
      let closed = false;
      const closing = agent.close().then(() => (closed = true));
      await assert.rejects(request(url(port), { dispatcher: agent }), { name: 'ClientClosedError' });
      const ends = Promise.all([first.body.text(), second.body.text()]);
      waiting[1]();
      await new Promise((soon) => setTimeout(soon, 50));
      assert.equal(closed, false);
      waiting[0]();
      assert.deepEqual(await ends, ['client 0 in the end', 'client 1 in the end']);
      await closing;
    });
  });
}

for (const way of Object.keys(WAYS)) {
  test(`under load no request is lost while the certificate is renewed: ${way}`, () =>
    using(
      { Agent: undici.Agent, pool: { connections: 8 } },
      async (agent, put) => {
        const { listener } = naming();
        const errors = [];
        agent.certificates.on('error', (error) => errors.push(error.code));
        await running(listener, async (port) => {
          let on = true;
          const seen = new Set();
          let total = 0;
          const ask = async () => {
            while (on) {
              const { statusCode, body } = await undici.request(url(port), { dispatcher: agent });
              assert.equal(statusCode, 200);
              seen.add(await body.text());
              total += 1;
            }
          };
          const load = Array.from({ length: 200 }, ask);
          for (const next of clients.slice(1)) {
            const reloaded = told(agent);
            put(bundle(next, ca));
            await reloaded;
            for (const enough = total + 150; total < enough; ) {
              await new Promise((soon) => setTimeout(soon, 5));
            }
          }
          on = false;
          await Promise.all(load);
          assert.ok(total >= 450, `only ${total} requests`);
          assert.deepEqual([...seen].sort(), ['client 0', 'client 1', 'client 2', 'client 3']);
        });
        assert.deepEqual(errors, []);
      },
      made(undefined, way),
    ));
}

test("Node's own fetch takes the agent of the undici whose version is near Node's", async () => {
  const found = [];
  for (const [version, { Agent }] of Object.entries(UNDICI)) {
    await using({ Agent }, async (agent) => {
      const { listener } = naming();
      await running(listener, async (port) => {
        const answer = await fetch(url(port), { dispatcher: agent }).then((each) => each.text(), (error) => `${error.cause?.code}`);
        found.push([version, answer]);
      });
    });
  }
  console.log(`# Node ${process.version} has undici ${process.versions.undici}; ${found.map((each) => each.join(': ')).join(', ')}`);
  const [own] = process.versions.undici.split('.');
  const same = found.find(([version]) => version === `undici ${own}`);
  assert.ok(same === undefined || same[1] === 'client 0', `${found}`);
});

test('a server of another name, of another authority, or of TLS 1.2 gets no request', () =>
  using({}, async (agent) => {
    const stranger = authority('stranger').issue('server');
    const elsewhere = ca.issue('elsewhere', { names: 'DNS:elsewhere.example' });
    const cases = [
      [naming(elsewhere), /^ERR_TLS_CERT_ALTNAME_INVALID$/],
      [naming(stranger), /^UNABLE_TO_VERIFY_LEAF_SIGNATURE$/],
      // Told by whichever comes first, the alert or the end of the connection.
      [naming(server, { maxVersion: 'TLSv1.2' }), /^(ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION|EPROTO)$/],
    ];
    for (const [{ listener, counts }, code] of cases) {
      await running(listener, async (port) => {
        await assert.rejects(undici.request(url(port), { dispatcher: agent }), (error) => {
          assert.match(error.code, code);
          return true;
        });
        assert.equal(counts.requests, 0);
      });
    }
  }));

test('NODE_TLS_REJECT_UNAUTHORIZED=0 changes nothing', async () => {
  const { listener, counts } = naming(authority('stranger').issue('server'));
  const { directory } = made();
  await running(listener, async (port) => {
    const program = `
      import undici from 'undici';
      import { createMtlsAgent } from './dist/tls.mjs';
      const agent = createMtlsAgent(${JSON.stringify({ directory, ...NAMES })});
      await undici.request('${url(port)}', { dispatcher: agent }).then(() => console.log('let in'), (error) => console.log(error.code));`;
    const said = await new Promise((resolve, reject) => {
      import('node:child_process').then(({ execFile }) => {
        const options = { cwd: fileURLToPath(new URL('..', import.meta.url)), env: { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: '0', NODE_NO_WARNINGS: '1' } };
        execFile(process.execPath, ['--input-type=module', '-e', program], options, (error, out) => (error ? reject(error) : resolve(out.trim())));
      });
    });
    assert.equal(said, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE');
    assert.equal(counts.requests, 0);
  });
});

test('`servername` is the name that servers must prove, whatever the request says', () =>
  using({ servername: 'orders.internal' }, async (agent) => {
    const named = naming(ca.issue('orders', { names: 'DNS:orders.internal' }));
    await running(named.listener, async (port) => {
      const { body } = await undici.request(url(port), { dispatcher: agent });
      assert.equal(await body.text(), 'client 0');
    });
    const other = naming(ca.issue('other', { names: 'DNS:localhost,DNS:other.example' }));
    await running(other.listener, async (port) => {
      for (const headers of [{}, { host: 'other.example' }]) {
        await assert.rejects(undici.request(url(port), { dispatcher: agent, headers }), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
      }
      assert.equal(other.counts.requests, 0);
    });
  }));

test('`serverIdentity` is who servers must be, by the rules of policies', async () => {
  const orders = ca.issue('orders', { names: 'URI:spiffe://td/ns/orders/sa/api' });
  const { subscribe, unsubscribe } = await import('node:diagnostics_channel');
  const published = [];
  const note = (message) => published.push(message);
  subscribe('peergate:decision', note);
  const to = (certificate, options) =>
    using(options, async (agent) => {
      const { listener, counts } = naming(certificate);
      return running(listener, async (port) => {
        const answer = undici.request(url(port), { dispatcher: agent });
        const told = await answer.then(({ body }) => body.text(), (error) => error.code);
        assert.equal(counts.requests, told === 'client 0' ? 1 : 0);
        return told;
      });
    });
  const refused = 'ERR_PEERGATE_TLS_SERVER_IDENTITY';
  const right = { spiffe: 'spiffe://td/ns/orders/sa/api' };
  assert.equal(await to(orders, {}), 'ERR_TLS_CERT_ALTNAME_INVALID');
  assert.equal(await to(orders, { serverIdentity: right }), 'client 0');
  assert.equal(await to(orders, { serverIdentity: [{ san: 'DNS:other' }, { spiffeUnder: 'spiffe://td/ns/orders' }] }), 'client 0');
  assert.equal(await to(orders, { serverIdentity: { spiffe: 'spiffe://td/ns/orders/sa/ap' } }), refused);
  // A name that the URL has does not help a server that is another.
  assert.equal(await to(server, { serverIdentity: right }), refused);
  // Two URIs make no SPIFFE ID.
  const both = ca.issue('both', { names: 'URI:spiffe://td/ns/orders/sa/api,URI:spiffe://td/x' });
  assert.equal(await to(both, { serverIdentity: right }), refused);
  // With a name as well, both must be right.
  assert.equal(await to(orders, { serverIdentity: right, servername: 'localhost' }), 'ERR_TLS_CERT_ALTNAME_INVALID');
  const stranger = authority('stranger').issue('orders', { names: 'URI:spiffe://td/ns/orders/sa/api' });
  assert.equal(await to(stranger, { serverIdentity: right }), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  unsubscribe('peergate:decision', note);
  // These are no decisions about callers.
  assert.deepEqual(published, []);

  const wrong = (serverIdentity) => assert.throws(() => agentOf(made(), { serverIdentity }), { name: 'PolicyError' });
  [[], {}, [{}], { spiffe: 'td/x' }, { spifffe: 'spiffe://td/x' }, { san: 'localhost' }].forEach(wrong);
});

test('http: is refused, also where a redirect leads there', () =>
  using({}, async (agent) => {
    const plain = http.createServer((_, response) => response.end('who are you?'));
    let asked = 0;
    plain.on('request', () => (asked += 1));
    await running(plain, async (port) => {
      const there = `http://localhost:${port}/`;
      await assert.rejects(undici.request(there, { dispatcher: agent }), { code: 'ERR_PEERGATE_TLS_PLAINTEXT' });
      await assert.rejects(undici.fetch(there, { dispatcher: agent }), ({ cause }) => cause.code === 'ERR_PEERGATE_TLS_PLAINTEXT');
      const redirecting = https.createServer({ key: server.key, cert: server.cert }, (_, response) => response.writeHead(302, { location: there }).end());
      await running(redirecting, async (from) => {
        await assert.rejects(undici.fetch(url(from), { dispatcher: agent }), ({ cause }) => cause.code === 'ERR_PEERGATE_TLS_PLAINTEXT');
      });
    });
    assert.equal(asked, 0);
  }));

test('a renewal that cannot be used is told, and the old certificate stays', () =>
  using({}, async (agent, put) => {
    const { listener } = naming();
    // Something has to keep the process alive: the agent does not.
    await running(listener, async (port) => {
      const refused = told(agent, 'error');
      put({ 'tls.crt': clients[1].cert });
      const [error] = await refused;
      assert.equal(error.code, 'ERR_PEERGATE_TLS_KEY_MISMATCH');
      const { body } = await undici.request(url(port), { dispatcher: agent });
      assert.equal(await body.text(), 'client 0');
      assert.equal(agent.certificates.refused, error);
    });
  }));

test('a server that was revoked gets no request', async () => {
  const gone = ca.issue('gone');
  ca.revoke(gone);
  const files = made({ ...bundle(clients[0], ca), 'ca.crl': ca.crl() });
  await using(
    { crl: 'ca.crl' },
    async (agent) => {
      const revoked = naming(gone);
      await running(revoked.listener, async (port) => {
        await assert.rejects(undici.request(url(port), { dispatcher: agent }), { code: 'CERT_REVOKED' });
        assert.equal(revoked.counts.requests, 0);
      });
      await running(naming().listener, async (port) => {
        const { statusCode, body } = await undici.request(url(port), { dispatcher: agent });
        assert.equal(statusCode, 200);
        await body.dump();
      });
    },
    files,
  );
});

test('a key with a passphrase', async () => {
  const secret = ca.issue('client secret', { names: 'URI:spiffe://td/s', passphrase: 'open sesame' });
  const files = made(bundle(secret, ca));
  await using(
    { passphrase: 'open sesame' },
    async (agent) => {
      await running(naming().listener, async (port) => {
        const { body } = await undici.request(url(port), { dispatcher: agent });
        assert.equal(await body.text(), 'client secret');
      });
    },
    files,
  );
  assert.throws(() => agentOf(files, { passphrase: 'wrong' }), { code: 'ERR_PEERGATE_TLS_KEY' });
});

test('HTTP/2, if it is asked for', async () => {
  const http2 = await import('node:http2');
  const options = { key: server.key, cert: server.cert, ca: [ca.cert], requestCert: true, allowHTTP1: true };
  const listener = http2.createSecureServer(options, (request, response) => {
    const { CN } = request.socket.getPeerCertificate().subject;
    response.end(`${request.httpVersion} ${CN}`);
  });
  await using({ pool: { allowH2: true } }, (agent, put) =>
    running(listener, async (port) => {
      const ask = async () => (await undici.request(url(port), { dispatcher: agent })).body.text();
      assert.equal(await ask(), '2.0 client 0');
      const reloaded = told(agent);
      put(bundle(clients[1], ca));
      await reloaded;
      assert.equal(await ask(), '2.0 client 1');
      await agent.destroy();
    }),
  );
});

test('what is missing, empty, unknown or turns a check off is refused when the agent is made', () => {
  const files = made();
  const refused = (more, message) => assert.throws(() => agentOf(files, more), { name: 'TlsError', code: 'ERR_PEERGATE_TLS_OPTION', message });
  for (const name of ['ca', 'cert', 'key']) {
    refused({ [name]: undefined }, new RegExp(`\`${name}\` is missing`));
    refused({ [name]: '' }, new RegExp(`\`${name}\` is empty`));
  }
  refused({ ca: [] }, /`ca` is an empty list/);
  refused({ servername: '' }, /`servername` is empty/);
  refused({ passphrase: '' }, /`passphrase` is empty/);
  refused({ rejectUnauthorized: true }, /"rejectUnauthorized": servers are always verified/);
  refused({ checkServerIdentity: () => {} }, /"checkServerIdentity"/);
  refused({ minVersion: 'TLSv1.2' }, /"minVersion"/);
  refused({ connections: 1 }, /no option "connections"/);
  refused({ pool: { connect: {} } }, /no option "connect"/);
  refused({ Agent: 'undici' }, /`Agent` is not a class/);
  assert.throws(() => createMtlsAgent(undefined), { code: 'ERR_PEERGATE_TLS_OPTION' });
  const missing = { code: 'ERR_PEERGATE_TLS_UNREADABLE', path: `${files.directory}/none.pem`, message: /none\.pem cannot be read: ENOENT/ };
  assert.throws(() => agentOf(files, { ca: 'none.pem' }), missing);
  files.put({ 'tls.key': '' });
  assert.throws(() => agentOf(files), { code: 'ERR_PEERGATE_TLS_EMPTY', path: `${files.directory}/tls.key` });
  files.put({ 'tls.key': clients[1].key });
  assert.throws(() => agentOf(files), { code: 'ERR_PEERGATE_TLS_KEY_MISMATCH', message: /tls\.key .*tls\.crt/ });
});

test('without undici the error says what to do', () => {
  const alone = folder();
  const { directory } = made();
  execFileSync('cp', ['-r', fileURLToPath(new URL('../dist', import.meta.url)), alone]);
  const program = `
    const { createMtlsAgent } = require('./dist/tls.js');
    try { createMtlsAgent(${JSON.stringify({ directory, ...NAMES })}) } catch (error) { console.log(error.code, error.message) }`;
  const said = execFileSync(process.execPath, ['-e', program], { cwd: alone, encoding: 'utf8' });
  assert.match(said, /^ERR_PEERGATE_TLS_UNDICI peergate: createMtlsAgent\(\) needs the package undici: `npm install undici`/);
  rmSync(alone, { recursive: true });
});
