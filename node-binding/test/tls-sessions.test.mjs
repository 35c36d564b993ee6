// Who the caller is on every kind of TLS connection, first and resumed: always the one whose
// certificate was shown and verified, and never anybody else.

import assert from 'node:assert/strict';
import { constants } from 'node:crypto';
import { once } from 'node:events';
import http2 from 'node:http2';
import https from 'node:https';
import { test } from 'node:test';
import tls from 'node:tls';
import { createGate } from '../dist/index.mjs';
import { alice, as, ask, counting, get, mallory, running, server, serverOptions } from './tls-support.mjs';

const policy = {
  version: 1,
  deny: [{ name: 'no-mallory', from: [{ sha256: mallory.sha256 }] }],
  allow: [
    { name: 'alice', from: [{ sha256: alice.sha256 }] },
    { name: 'open', from: 'anyone', paths: ['/open'] },
  ],
};
const strict = createGate({ policy, source: { preset: 'connection' } });
const lax = createGate({ policy, source: { preset: 'connection', requireVerified: false } });

/** A server that notes what both gates say, and what TLS says. */
function noting(options) {
  const notes = [];
  const listener = https.createServer({ ...serverOptions, ...options }, (request, response) => {
    const { authorized } = request.socket;
    const decision = strict.decide(request).toJSON();
    notes.push({ authorized, reused: request.socket.isSessionReused(), ...decision, lax: lax.decide(request).reason });
    response.statusCode = decision.status ?? 200;
    response.end();
  });
  return { listener, notes };
}

/** Keeps sessions on the server, for clients that get a number in place of a ticket. */
function remembering(listener) {
  const sessions = new Map();
  listener.on('newSession', (id, data, done) => {
    sessions.set(id.toString('hex'), data);
    done();
  });
  listener.on('resumeSession', (id, done) => done(null, sessions.get(id.toString('hex')) ?? null));
}

for (const version of ['TLSv1.2', 'TLSv1.3']) {
  for (const tickets of [true, false]) {
    const about = `${version} ${tickets ? 'with' : 'without'} tickets`;
    // Node looks for the number of a session where TLS 1.3 no longer has it: no second one is resumed.
    const resumes = tickets || version === 'TLSv1.2';
    const options = {
      minVersion: version,
      maxVersion: version,
      ...(tickets ? {} : { secureOptions: constants.SSL_OP_NO_TICKET }),
      sessionIdContext: 'peergate',
    };

    const twice = (first, second, check) => {
      const { listener, notes } = noting(options);
      if (!tickets) {
        remembering(listener);
      }
      return running(listener, async (port) => {
        const { session } = await ask(port, first);
        const { reused } = await ask(port, { ...second, session });
        assert.equal(reused, resumes);
        assert.deepEqual(notes.map((note) => note.reused), [false, resumes]);
        notes.forEach(check);
      });
    };

    test(`${about}: a verified certificate stays who it is`, () =>
      twice(as(alice), as(alice), (note) => {
        assert.deepEqual([note.reason, note.rule, note.sha256, note.verified], ['allowed', 'alice', alice.sha256, true]);
      }));

    test(`${about}: without a certificate a session is nobody, resumed or not`, () =>
      twice({}, {}, (note) => {
        // When it is resumed, Node says `authorized`.
        assert.deepEqual([note.reason, note.sha256, note.verified], ['no_certificate', null, null], JSON.stringify(note));
        assert.equal(note.lax, 'no_certificate');
      }));

    test(`${about}: who takes up such a session with a certificate is still nobody`, () =>
      twice({}, as(alice), (note, at) => assert.equal(note.reason, at === 0 || resumes ? 'no_certificate' : 'allowed')));

    test(`${about}: an untrusted certificate stays unverified`, () =>
      twice(as(mallory), as(mallory), (note) => {
        assert.deepEqual([note.reason, note.sha256, note.verified], ['unverified', mallory.sha256, false], JSON.stringify(note));
        assert.equal(note.lax, 'denied_by_rule');
      }));
  }
}

test('the trap is real: Node calls a resumed session without a certificate authorized', async () => {
  const { listener, notes } = noting({ maxVersion: 'TLSv1.3', minVersion: 'TLSv1.3' });
  await running(listener, async (port) => {
    const { session } = await ask(port, {});
    await ask(port, { session });
  });
  // Once a Node says false here, the check for a certificate is one too many, and harmless.
  console.log(`# resumed without a certificate, authorized is ${notes[1].authorized} in Node ${process.version}`);
  assert.equal(notes[0].authorized, false);
  assert.equal(notes[1].reason, 'no_certificate');
});

test('where TLS itself refuses strangers, a caller is always known', async () => {
  const { listener, notes } = noting({ rejectUnauthorized: true });
  await running(listener, async (port) => {
    assert.equal((await get(port, as(alice))).status, 200);
    await assert.rejects(get(port, as(mallory)));
    await assert.rejects(get(port, {}));
  });
  assert.deepEqual(notes.map((note) => note.rule), ['alice']);
});

test('a server that asks for no certificate has no caller', async () => {
  const { listener, notes } = noting({ requestCert: false });
  await running(listener, (port) => get(port, as(alice)));
  assert.deepEqual(notes.map((note) => note.reason), ['no_certificate']);
});

/**
 * A client may leave as soon as its request is out. Node then forgets its certificate; the request
 * may still have an effect, so it must not pass as that of a stranger whom no deny rule names.
 */
test('who has hung up before the decision is refused, not taken for nobody', async () => {
  const reasons = [];
  let done;
  const finished = new Promise((resolve) => {
    done = resolve;
  });
  const listener = https.createServer({ ...serverOptions, ca: [mallory.cert] }, async (request) => {
    await once(request.socket, 'close');
    reasons.push(lax.decide(request).decision, strict.decide(request).decision);
    done();
  });
  await running(listener, async (port) => {
    const socket = tls.connect({ port, host: '127.0.0.1', ca: [server.cert], servername: 'localhost', ...as(mallory) }, () => {
      socket.write('GET /open HTTP/1.1\r\nHost: localhost\r\n\r\n', () => socket.destroy());
    });
    await finished;
  });
  assert.deepEqual(reasons, ['deny', 'deny']);
});

test('a decision taken before is not forgotten with the connection', async () => {
  const rules = [];
  const listener = https.createServer(serverOptions, async (request, response) => {
    rules.push(strict.decide(request).rule);
    response.end();
    await once(request.socket, 'close');
    rules.push(strict.decide(request).rule);
  });
  await running(listener, async (port) => {
    await get(port, as(alice));
    await new Promise((resolve) => setTimeout(resolve, 50));
  });
  assert.deepEqual(rules, ['alice', 'alice']);
});

test('in HTTP/2 the caller is that of the session, read once', async () => {
  const reasons = [];
  const listener = http2.createSecureServer(serverOptions, (request, response) => {
    const { rule, reason } = strict.decide(request);
    reasons.push(rule ?? reason);
    response.end();
  });
  const reads = counting(listener);
  await running(listener, async (port) => {
    for (const client of [as(alice), as(mallory), {}]) {
      const session = http2.connect(`https://localhost:${port}`, { ca: [server.cert], host: '127.0.0.1', ...client });
      for (let i = 0; i < 3; i += 1) {
        const stream = session.request({ ':path': '/' });
        await once(stream.resume(), 'end');
      }
      session.close();
      await once(session, 'close');
    }
  });
  assert.deepEqual(reasons, ['alice', 'alice', 'alice', 'unverified', 'unverified', 'unverified', ...Array(3).fill('no_certificate')]);
  assert.equal(reads.count, 3);
});

test('in HTTP/2 a stream that was reset before the decision is refused', async () => {
  let done;
  const decided = new Promise((resolve) => {
    done = resolve;
  });
  const listener = http2.createSecureServer({ ...serverOptions, ca: [mallory.cert] }, async (request) => {
    await once(request.stream, 'close');
    await new Promise((resolve) => setImmediate(resolve));
    done(lax.decide(request).toJSON());
  });
  await running(listener, async (port) => {
    const session = http2.connect(`https://localhost:${port}`, { ca: [server.cert], host: '127.0.0.1', ...as(mallory) });
    const stream = session.request({ ':path': '/open' });
    stream.on('error', () => {});
    stream.on('ready', () => setTimeout(() => stream.close(http2.constants.NGHTTP2_CANCEL), 20));
    const decision = await decided;
    session.destroy();
    assert.equal(decision.decision, 'deny', JSON.stringify(decision));
  });
});
