// Node's own TLS connection as the source, with certificates made for the occasion.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import tls from 'node:tls';
import { clientCertAuth, createGate, getClientCertificate } from '../dist/index.mjs';
import { xfcc } from './support.mjs';

const folder = mkdtempSync(join(tmpdir(), 'peergate-tls-'));
after(() => rmSync(folder, { recursive: true }));

const certificate = (name) => {
  const key = join(folder, `${name}.key`);
  const cert = join(folder, `${name}.pem`);
  execFileSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'],
    ...['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert],
  ], { stdio: 'ignore' });
  const pem = readFileSync(cert);
  const { raw, fingerprint256 } = new X509Certificate(pem);
  return { key: readFileSync(key), cert: pem, raw, sha256: fingerprint256.replaceAll(':', '').toLowerCase() };
};

const server = certificate('server');
const alice = certificate('alice');
const mallory = certificate('mallory');

const pinned = { version: 1, allow: [{ name: 'alice', from: [{ sha256: alice.sha256 }] }, { name: 'open', from: 'anyone', paths: ['/open'] }] };
const connection = { preset: 'connection' };

/** A server that trusts Alice's certificate, and takes any other without trusting it. */
async function listening(auth, use, options = {}) {
  const reads = { count: 0 };
  const listener = https.createServer(
    { key: server.key, cert: server.cert, ca: [alice.cert], requestCert: true, rejectUnauthorized: false, ...options },
    (request, response) => {
      if (auth(request, response)) {
        response.end(JSON.stringify({ caller: getClientCertificate(request) ?? null }));
      }
    },
  );
  listener.on('secureConnection', (socket) => {
    const real = socket.getPeerX509Certificate;
    socket.getPeerX509Certificate = function () {
      reads.count += 1;
      return real.call(this);
    };
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  try {
    return await use(listener.address().port, reads);
  } finally {
    listener.closeAllConnections();
    listener.close();
  }
}

async function get(port, client, { path = '/', agent = false, headers = {} } = {}) {
  const request = https.get({ port, host: '127.0.0.1', path, agent, headers, ca: [server.cert], servername: 'localhost', ...client });
  const [response] = await once(request, 'response');
  let body = '';
  for await (const part of response.setEncoding('utf8')) {
    body += part;
  }
  return { status: response.statusCode, body };
}

const as = ({ key, cert }) => ({ key, cert });

test('the peer of the connection is the caller', async () => {
  const auth = clientCertAuth({ policy: pinned, source: connection });
  await listening(auth, async (port) => {
    const known = await get(port, as(alice));
    assert.equal(known.status, 200);
    assert.equal(JSON.parse(known.body).caller.sha256, alice.sha256);
    assert.equal(JSON.parse(known.body).caller.verified, true);
    assert.equal((await get(port, as(mallory))).status, 403);
    assert.equal((await get(port, {})).status, 401);
    assert.equal((await get(port, {}, { path: '/open' })).status, 200);
  });
});

test('a certificate that was not verified is refused, also where its fingerprint is listed', async () => {
  const gate = createGate({
    policy: { version: 1, allow: [{ name: 'mallory', from: [{ sha256: mallory.sha256 }] }] },
    source: connection,
  });
  const reasons = [];
  await listening(
    (request) => {
      reasons.push(gate.decide(request).reason);
      return true;
    },
    (port) => get(port, as(mallory)),
  );
  assert.deepEqual(reasons, ['unverified']);
});

test('the certificate is read once for a connection, and not at all where nobody asks', async () => {
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
  try {
    await listening(clientCertAuth({ policy: pinned, source: connection }), async (port, reads) => {
      for (let i = 0; i < 5; i += 1) {
        assert.equal((await get(port, as(alice), { agent })).status, 200);
      }
      assert.equal(reads.count, 1);
    });
    await listening(clientCertAuth({ policy: pinned }), async (port, reads) => {
      assert.equal((await get(port, as(alice), { path: '/open', agent })).status, 200);
      assert.equal(reads.count, 0);
    });
  } finally {
    agent.destroy();
  }
});

test('behind a proxy with its own certificate the header is not compared with the proxy', async () => {
  const policy = { version: 1, allow: [{ name: 'a', from: [{ spiffe: 'spiffe://td/a' }] }] };
  const headers = { 'x-forwarded-client-cert': xfcc() };
  await listening(clientCertAuth({ policy }), async (port) => {
    assert.equal((await get(port, as(alice), { headers })).status, 200);
  });
  // With `bindConnection: true` it is, and the hash in the header is another one.
  const bound = clientCertAuth({ policy, source: { preset: 'envoy', bindConnection: true } });
  await listening(bound, async (port) => {
    assert.equal((await get(port, as(alice), { headers })).status, 403);
    const own = { 'x-forwarded-client-cert': xfcc().replace(/Hash=[a]+/, `Hash=${alice.sha256}`) };
    assert.equal((await get(port, as(alice), { headers: own })).status, 200);
    assert.equal((await get(port, {}, { headers: own })).status, 403);
  });
});

test('a resumed session that never had a certificate is nobody', async () => {
  const auth = clientCertAuth({ policy: { version: 1, allow: [{ name: 'all', from: 'authenticated' }] }, source: connection });
  await listening(auth, async (port) => {
    const session = await new Promise((resolve) => {
      const socket = tls.connect({ port, host: '127.0.0.1', ca: [server.cert], servername: 'localhost' }, () => {
        socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
      });
      socket.resume();
      socket.once('session', (ticket) => {
        resolve(ticket);
        socket.destroy();
      });
    });
    assert.equal((await get(port, { session })).status, 401);
  });
});

test('PEM of a connection in the shape of fixtures', () => {
  const gate = createGate({ policy: pinned, source: connection });
  const ask = (verified) =>
    gate.decide({ connection: { certificatePem: alice.cert.toString(), ...(verified === undefined ? {} : { verified }) } });
  assert.equal(ask(true).rule, 'alice');
  assert.equal(ask(true).sha256, alice.sha256);
  for (const verified of [false, undefined, 'true', 1]) {
    assert.equal(ask(verified).reason, 'unverified', String(verified));
  }
});
