// Node's own TLS connection as the source, with certificates made for the occasion.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import https from 'node:https';
import { mock, test } from 'node:test';
import tls from 'node:tls';
import { promisify } from 'node:util';
import { clientCertAuth, createGate } from '../dist/index.mjs';
import { xfcc } from './support.mjs';
import { alice, as, bob, get, listening, mallory, server } from './tls-support.mjs';

const pinned = { version: 1, allow: [{ name: 'alice', from: [{ sha256: alice.sha256 }] }, { name: 'open', from: 'anyone', paths: ['/open'] }] };
const connection = { preset: 'connection' };

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

test('everything in the certificate can be asked for', async () => {
  const rules = {
    spiffe: { spiffe: 'spiffe://td/alice' },
    dns: { san: 'DNS:ALICE.example' },
    subject: { subject: 'CN=alice' },
    issuer: { issuer: { cn: 'alice' }, serial: alice.serial },
  };
  for (const [name, principal] of Object.entries(rules)) {
    const policy = { version: 1, allow: [{ name, from: [principal] }] };
    const gate = createGate({ policy, source: connection });
    const seen = [];
    const auth = (request, response) => {
      const { rule, reason, identity } = gate.decide(request);
      seen.push([rule, reason, identity]);
      response.end();
    };
    await listening(auth, async (port) => {
      await get(port, as(alice));
      await get(port, as(bob));
    }, { ca: [alice.cert, bob.cert] });
    assert.deepEqual(seen, [[name, 'allowed', 'spiffe://td/alice'], [null, 'no_rule', 'spiffe://td/bob']], name);
  }
});

test('a certificate that expires while its connection stays open is refused from then on', async () => {
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
  const auth = clientCertAuth({ policy: pinned, source: connection });
  const now = Date.now();
  try {
    await listening(auth, async (port, reads) => {
      assert.equal((await get(port, as(alice), { agent })).status, 200);
      // It is valid for a day, and clocks may differ by a minute.
      mock.timers.enable({ apis: ['Date'], now: now + 2 * 86_400_000 });
      assert.equal((await get(port, as(alice), { agent })).status, 403);
      assert.equal(reads.count, 1);
    });
  } finally {
    mock.timers.reset();
    agent.destroy();
  }
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

/** A connection of TLS 1.2, over which each `ask` sends a request and gives the status of the answer. */
async function talking(port, client) {
  const socket = tls.connect({ port, host: '127.0.0.1', ca: [server.cert], servername: 'localhost', maxVersion: 'TLSv1.2', ...client });
  await once(socket, 'secureConnect');
  return {
    async ask() {
      socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
      const [head] = await once(socket, 'data');
      return Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]);
    },
    again: () => promisify(socket.renegotiate.bind(socket))({}),
    end: () => socket.destroy(),
  };
}

test('a second handshake on a connection makes nobody known: its certificate is told before it is proved', async () => {
  const gate = createGate({ policy: { version: 1, allow: [{ name: 'any', from: 'anyone' }] }, source: { ...connection, requireVerified: false } });
  const decided = [];
  const auth = (request, response) => {
    const { decision, identity } = gate.decide(request);
    decided.push([decision, identity]);
    response.end('{}');
  };
  await listening(auth, async (port) => {
    // Before anybody asked who called, and after.
    for (const first of [false, true]) {
      const client = await talking(port, as(alice));
      if (first) {
        await client.ask();
      }
      await client.again();
      await client.ask();
      client.end();
    }
  });
  const known = ['allow', 'spiffe://td/alice'];
  assert.deepEqual(decided, [['deny', null], known, known]);
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
