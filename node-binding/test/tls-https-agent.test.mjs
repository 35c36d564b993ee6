// The agent for clients on node:https, over real connections.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { test } from 'node:test';
import { createMtlsHttpsAgent } from '../dist/tls.mjs';
import { authority, bundle, NAMES, namingServer, WAYS } from './tls-authority.mjs';
import { running } from './tls-support.mjs';

const ca = authority('authority');
const server = ca.issue('server');
const stranger = authority('stranger');
const clients = Array.from({ length: 4 }, (_, at) => ca.issue(`client ${at}`, { names: `URI:spiffe://td/${at}` }));
const QUICK = { debounce: 20, interval: 0 };
const told = (agent) => once(agent.certificates, 'reloaded', { signal: AbortSignal.timeout(20_000) });

function naming(identity = server, more = {}) {
  const named = namingServer(ca, identity, more);
  // The server ends nothing of its own accord, so that what ends was ended by the client.
  named.listener.keepAliveTimeout = 0;
  return named;
}

async function using(options, use, files = WAYS['exchanged link'](bundle(clients[0], ca))) {
  const agent = createMtlsHttpsAgent({ directory: files.directory, ...NAMES, ...QUICK, ...options });
  try {
    return await use(agent, files.put);
  } finally {
    agent.destroy();
  }
}

/** The answer's beginning, and its text when it is there. */
async function open(port, options) {
  const request = https.get({ port, host: 'localhost', ...options });
  const [response] = await once(request, 'response');
  const text = (async () => {
    let body = '';
    for await (const part of response.setEncoding('utf8')) {
      body += part;
    }
    return body;
  })();
  return { text, reused: request.reusedSocket };
}
const get = async (port, options) => (await open(port, options)).text;
const refusal = (port, options) => get(port, options).then((text) => text, (error) => error.code);

test('requests share connections; after a renewal there are others, and slow requests finish', () =>
  using({ pool: { maxSockets: 2 } }, async (agent, put) => {
    assert.ok(agent instanceof https.Agent);
    const { listener, waiting, counts } = naming();
    await running(listener, async (port) => {
      for (let i = 0; i < 20; i += 1) {
        assert.equal(await get(port, { agent }), 'client 0');
      }
      assert.deepEqual(counts, { connections: 1, requests: 20 });
      const slow = await open(port, { agent, path: '/slow' });
      assert.equal(slow.reused, true);
      const reloaded = told(agent);
      put(bundle(clients[1], ca));
      await reloaded;
      assert.equal(await get(port, { agent }), 'client 1');
      waiting[0]();
      assert.equal(await slow.text, 'client 0 in the end');
      // The connection of the slow one is not kept for anybody.
      for (let i = 0; i < 20; i += 1) {
        assert.equal(await get(port, { agent }), 'client 1');
      }
      assert.deepEqual(counts, { connections: 2, requests: 42 });
      const held = () => new Promise((resolve) => listener.getConnections((_, count) => resolve(count)));
      for (const end = Date.now() + 20_000; (await held()) > 1 && Date.now() < end; ) {
        await new Promise((soon) => setTimeout(soon, 5));
      }
      assert.equal(await held(), 1);
    });
  }));

test('connections that are not in use end with a renewal', () =>
  using({}, async (agent, put) => {
    const { listener } = naming();
    const closed = [];
    listener.on('secureConnection', (socket) => socket.on('close', () => closed.push('closed')));
    await running(listener, async (port) => {
      await Promise.all(Array.from({ length: 5 }, () => get(port, { agent })));
      assert.deepEqual(closed, []);
      const reloaded = told(agent);
      put(bundle(clients[1], ca));
      await reloaded;
      for (const end = Date.now() + 20_000; closed.length < 5 && Date.now() < end; ) {
        await new Promise((soon) => setTimeout(soon, 5));
      }
      assert.equal(closed.length, 5);
    });
  }));

test('under load no request is lost while the certificate is renewed', () =>
  using({ pool: { maxSockets: 8 } }, async (agent, put) => {
    const { listener } = naming();
    await running(listener, async (port) => {
      let on = true;
      let total = 0;
      const seen = new Set();
      const load = Array.from({ length: 200 }, async () => {
        while (on) {
          seen.add(await get(port, { agent }));
          total += 1;
        }
      });
      for (const next of clients.slice(1)) {
        const reloaded = told(agent);
        put(bundle(next, ca));
        await reloaded;
        for (const enough = total + 400; total < enough; ) {
          await new Promise((soon) => setTimeout(soon, 5));
        }
      }
      on = false;
      await Promise.all(load);
      assert.deepEqual([...seen].sort(), ['client 0', 'client 1', 'client 2', 'client 3']);
    });
  }));

test('a wrong server gets no request, whatever the request says of certificates', () =>
  using({}, async (agent) => {
    const lax = { agent, rejectUnauthorized: false, checkServerIdentity: () => undefined, ca: [stranger.cert], minVersion: 'TLSv1.2' };
    const cases = [
      [naming(ca.issue('elsewhere', { names: 'DNS:elsewhere.example' })), /^ERR_TLS_CERT_ALTNAME_INVALID$/],
      [naming(stranger.issue('server')), /^UNABLE_TO_VERIFY_LEAF_SIGNATURE$/],
      // Told by whichever comes first, the alert or the end of the connection.
      [naming(server, { maxVersion: 'TLSv1.2' }), /^(ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION|EPROTO)$/],
    ];
    for (const [{ listener, counts }, code] of cases) {
      await running(listener, async (port) => {
        assert.match(await refusal(port, { agent }), code);
        assert.match(await refusal(port, lax), code);
        assert.equal(counts.requests, 0);
      });
    }
    // And nothing but the agent's certificate is shown.
    const { listener } = naming();
    await running(listener, async (port) => {
      assert.equal(await get(port, { agent, key: clients[3].key, cert: clients[3].cert }), 'client 0');
    });
  }));

test('`servername` and `serverIdentity` hold as for undici', async () => {
  const orders = ca.issue('orders', { names: 'DNS:orders.internal,URI:spiffe://td/orders' });
  const to = (options, request) =>
    using(options, (agent) => running(naming(orders).listener, (port) => refusal(port, { agent, ...request })));
  assert.equal(await to({ servername: 'orders.internal' }), 'client 0');
  assert.equal(await to({ servername: 'payments.internal' }, { servername: 'orders.internal' }), 'ERR_TLS_CERT_ALTNAME_INVALID');
  assert.equal(await to({ servername: 'payments.internal' }, { headers: { host: 'orders.internal' } }), 'ERR_TLS_CERT_ALTNAME_INVALID');
  assert.equal(await to({ serverIdentity: { spiffe: 'spiffe://td/orders' } }), 'client 0');
  assert.equal(await to({ serverIdentity: { spiffe: 'spiffe://td/payments' } }), 'ERR_PEERGATE_TLS_SERVER_IDENTITY');
});

test('a server that was revoked since is met anew, and refused', async () => {
  const gone = ca.issue('gone');
  const files = WAYS['exchanged link']({ ...bundle(clients[0], ca), 'ca.crl': ca.crl() });
  await using(
    { crl: 'ca.crl' },
    async (agent, put) => {
      await running(naming(gone).listener, async (port) => {
        assert.equal(await get(port, { agent }), 'client 0');
        ca.revoke(gone);
        const reloaded = told(agent);
        put({ ...bundle(clients[0], ca), 'ca.crl': ca.crl() });
        await reloaded;
        assert.equal(await refusal(port, { agent }), 'CERT_REVOKED');
      });
    },
    files,
  );
});

test('http: is refused, and so are options that are wrong', async () => {
  await using({}, async (agent) => {
    assert.throws(() => http.get({ host: 'localhost', port: 1, agent }), { code: 'ERR_INVALID_PROTOCOL' });
  });
  const { directory } = WAYS['written files'](bundle(clients[0], ca));
  const refused = (more, message) =>
    assert.throws(() => createMtlsHttpsAgent({ directory, ...NAMES, ...QUICK, ...more }), { code: 'ERR_PEERGATE_TLS_OPTION', message });
  refused({ ca: undefined }, /`ca` is missing/);
  refused({ rejectUnauthorized: false }, /createMtlsHttpsAgent\(\) has no option "rejectUnauthorized"/);
  refused({ pool: { connections: 1 } }, /no option "connections"/);
  refused({ Agent: https.Agent }, /no option "Agent"/);
});

test('destroy ends the connections, and the watching', () =>
  using({}, async (agent, put) => {
    await running(naming().listener, async (port) => {
      const before = open(port, { agent, path: '/slow' });
      const { text } = await before;
      agent.destroy();
      await assert.rejects(text);
      put(bundle(clients[1], ca));
      assert.equal(agent.certificates.check(), true);
      assert.equal(agent.certificates.current.fingerprint256, clients[0].sha256);
    });
  }));
