// What the application has a say in: verify, resolve, stateKey.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import net from 'node:net';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { test } from 'node:test';
import { clientCertAuth, createGate, getClientCertificate, setClientCertificate } from '../dist/index.mjs';
import { ask, deployment, policy, served, xfcc } from './support.mjs';

process.env.NODE_ENV = 'test';

const require = createRequire(import.meta.url);
const glue = require('../dist/wasm/peergate.js');
const CALLER = [['X-Forwarded-Client-Cert', xfcc()]];
const STRANGER = [['X-Forwarded-Client-Cert', xfcc('spiffe://td/b')]];
const trustPeer = () => true;
const pem = readFileSync(new URL('../../tests/fixtures/certificates/web.pem', import.meta.url), 'utf8');
const der = new X509Certificate(pem).raw;
const SPIFFE = 'URI:spiffe://td.example/ns/web/sa/front';

/** The same application in node:http, where the guard's word may be a promise, and in two frameworks. */
const hosts = {
  'node:http': (auth, handler) => async (request, response) => {
    if (await auth(request, response)) {
      handler(request, response);
    }
  },
  Connect: (auth, handler) => require('connect')().use(auth).use(handler),
  'Express 5': (auth, handler) => require('express')().use(auth).use(handler),
};

const name = (request, response) => response.end(getClientCertificate(request)?.identity ?? 'nobody');

async function decisionsDuring(use) {
  const decisions = [];
  const note = ({ decision }) => decisions.push(decision.toJSON());
  subscribe('peergate:decision', note);
  try {
    await use();
  } finally {
    unsubscribe('peergate:decision', note);
  }
  return decisions;
}

for (const [host, build] of Object.entries(hosts)) {
  test(`${host}: verify passes with true, or a promise of it, and with nothing else`, async () => {
    const thrown = new Error('mine');
    const thenable = (value) => ({ then: (settle) => settle(value) });
    const verdicts = [
      [true, () => true],
      [true, async () => true],
      [true, () => wait(5, true)],
      [true, () => thenable(true)],
      ...[false, undefined, null, 0, 1, 'true', {}, [true], new Boolean(true)].flatMap((value) => [
        [false, () => value],
        [false, async () => value],
      ]),
      [false, () => thenable(1)],
      [false, () => ({ then: true })],
      [false, () => { throw thrown; }],
      [false, async () => { throw thrown; }],
      [false, () => Promise.reject()],
      [false, () => ({ then() { throw thrown; } })],
      [false, () => ({ get then() { throw thrown; } })],
    ];
    for (const [passes, verify] of verdicts) {
      const decisions = await decisionsDuring(() =>
        served(build(clientCertAuth({ policy, trustPeer, verify }), name), async (port) => {
          const { status, body } = await ask(port, { lines: CALLER });
          assert.deepEqual([status, passes ? body : ''], passes ? [200, 'spiffe://td/a'] : [403, ''], String(verify));
        }),
      );
      assert.equal(decisions.length, 1, 'a request has one decision');
      const [{ decision, reason, identity }] = decisions;
      assert.deepEqual([decision, reason, identity], passes ? ['allow', 'allowed', 'spiffe://td/a'] : ['deny', 'application', 'spiffe://td/a']);
    }
  });

  test(`${host}: a client that is gone while verify takes its time is let go`, async () => {
    let handled = 0;
    let settle;
    const asked = Promise.withResolvers?.() ?? deferred();
    const verify = () => {
      asked.resolve();
      return new Promise((resolve) => {
        settle = resolve;
      });
    };
    const auth = clientCertAuth({ policy, trustPeer, verify });
    const handler = (request, response) => {
      handled += 1;
      name(request, response);
    };
    await served(build(auth, handler), async (port) => {
      const socket = net.connect(port, '127.0.0.1');
      socket.write(`GET /v1/x HTTP/1.1\r\nHost: a\r\n${CALLER[0][0]}: ${CALLER[0][1]}\r\n\r\n`);
      await asked.promise;
      socket.destroy();
      await once(socket, 'close');
      // The server hears of it in its own time.
      await wait(20);
      settle(true);
      await wait(20);
      assert.equal(handled, 0);
      const next = ask(port, { lines: CALLER });
      await wait(20);
      settle(true);
      assert.equal((await next).status, 200);
    });
  });

  test(`${host}: somebody answers while verify takes its time: there is no second answer`, async () => {
    for (const verdict of [true, false]) {
      let handled = 0;
      const auth = clientCertAuth({ policy, trustPeer, verify: () => wait(30, verdict) });
      const timed = build(auth, (request, response) => {
        handled += 1;
        name(request, response);
      });
      const listener = (request, response) => {
        setTimeout(() => response.writeHead(503, { connection: 'close' }).end('late'), 5);
        timed(request, response);
      };
      await served(listener, async (port) => {
        const { status, body } = await ask(port, { lines: CALLER });
        assert.deepEqual([status, body.includes('late')], [503, true]);
        await wait(50);
        assert.equal(handled, 0);
      });
    }
  });
}

function deferred() {
  const out = {};
  out.promise = new Promise((resolve) => {
    out.resolve = resolve;
  });
  return out;
}

test('verify is asked about requests that the policy lets through, with the certificate', async () => {
  const asked = [];
  const verify = (certificate, request) => {
    asked.push([certificate?.identity, certificate?.subjectAltNames, request.url, getClientCertificate(request)]);
    return true;
  };
  await served(hosts['node:http'](clientCertAuth({ policy, trustPeer, verify }), name), async (port) => {
    await ask(port, { lines: CALLER });
    await ask(port, { lines: STRANGER });
    await ask(port, { target: '/healthz' });
  });
  assert.deepEqual(asked, [
    ['spiffe://td/a', ['URI:spiffe://td/a'], '/v1/x', undefined],
    [undefined, undefined, '/healthz', undefined],
  ]);
});

test('a refusal by verify has the status and the body that the rules have', async () => {
  for (const [responses, status] of [[undefined, 403], [{ forbidden: 404 }, 404], [{ forbidden: 401 }, 401]]) {
    const documents = { ...deployment, ...(responses === undefined ? {} : { responses }) };
    const answers = [];
    for (const [verify, lines] of [[() => false, CALLER], [() => true, STRANGER]]) {
      const auth = clientCertAuth({ deployment: documents, trustPeer, verify });
      const { status: got, headers, body } = await served(hosts['node:http'](auth, name), (port) => ask(port, { lines }));
      const { date: _, ...rest } = headers;
      answers.push({ got, rest, body });
    }
    assert.deepEqual(answers[0], answers[1]);
    assert.equal(answers[0].got, status);
    assert.equal('www-authenticate' in answers[0].rest, status === 401);
  }
});

test('a gate that is freed while verify takes its time refuses', async () => {
  const gate = createGate({ policy });
  const auth = clientCertAuth({ gate, trustPeer, verify: async () => gate.free() });
  const { status } = await served(hosts['node:http'](auth, name), (port) => ask(port, { lines: CALLER }));
  assert.equal(status, 500);
});

/** A request that some runtime made, with whatever it knows. */
function event(extra) {
  const request = new http.IncomingMessage(new net.Socket());
  Object.assign(request, { method: 'GET', url: '/v1/x' }, extra);
  return request;
}

/** What a guard says to it: the caller's name, or the status. */
function answer(auth, request) {
  const response = new http.ServerResponse(request);
  response.end = () => response;
  return auth(request, response) ? (getClientCertificate(request)?.identity ?? 'nobody') : response.statusCode;
}

test('resolve brings the certificate from wherever it is, in any form', () => {
  const auth = clientCertAuth({ allowSANs: [SPIFFE], resolve: ({ found }) => found });
  const front = 'spiffe://td.example/ns/web/sa/front';
  for (const certificate of [pem, der, new Uint8Array(der), new X509Certificate(pem), { raw: der }]) {
    assert.equal(answer(auth, event({ found: { certificate, verified: true } })), front);
    for (const verified of [false, undefined, 1, 'true', {}]) {
      assert.equal(answer(auth, event({ found: { certificate, verified } })), 403);
    }
  }
  assert.equal(answer(auth, event({ found: undefined })), 401);
  const whole = event({ found: { certificate: pem, verified: true } });
  answer(auth, whole);
  assert.equal(getClientCertificate(whole).pem, pem);
});

test('resolve that fails, promises, or gives what it must not is a refusal, whatever the rules say', async () => {
  const source = { preset: 'connection' };
  const anyone = { version: 1, allow: [{ name: 'all', from: 'anyone' }] };
  const refused = async (resolve) => {
    let status;
    const [decision] = await decisionsDuring(() => {
      status = answer(clientCertAuth({ policy: anyone, source, resolve }), event({}));
    });
    assert.equal(status, 403, String(resolve));
    return decision;
  };
  for (const resolve of [
    () => { throw new Error('mine'); },
    async () => undefined,
    async () => { throw new Error('mine'); },
    async () => ({ certificate: pem, verified: true }),
    () => null,
    () => pem,
    () => ({}),
    () => ({ verified: true }),
    () => ({ certificate: null, verified: true }),
    () => ({ certificate: { raw: pem }, verified: true }),
    () => ({ certificate: 7, verified: true }),
    () => ({ get certificate() { throw new Error('mine'); } }),
  ]) {
    const { reason, detail } = await refused(resolve);
    assert.deepEqual([reason, detail], ['application', 'resolve_failed']);
  }
  // These are certificates, and core refuses them.
  for (const certificate of ['', 'x', pem + pem, '\u20ac', Buffer.alloc(0), der.subarray(1), Buffer.from(pem)]) {
    const { reason, detail } = await refused(() => ({ certificate, verified: true }));
    assert.deepEqual([reason, detail], ['malformed_header', 'bad_certificate']);
  }
  const auth = clientCertAuth({ policy: anyone, source, resolve: () => undefined });
  assert.equal(answer(auth, event({})), 'nobody');
});

test('a promise from trustPeer trusts nobody, and ends nothing when it comes to nothing', async () => {
  const unhandled = [];
  const note = (reason) => unhandled.push(reason);
  process.on('unhandledRejection', note);
  try {
    for (const trustPeer of [async () => true, () => Promise.reject(new Error('no'))]) {
      const auth = clientCertAuth({ deployment, trustPeer });
      await served(
        (request, response) => void (auth(request, response) && response.end()),
        async (port) => assert.equal((await ask(port, { lines: CALLER })).status, 403),
      );
    }
    assert.deepEqual(unhandled, []);
  } finally {
    process.off('unhandledRejection', note);
  }
});

test('resolve takes the place of the connection, and not of a header', () => {
  const auth = clientCertAuth({ allowSANs: [SPIFFE], resolve: ({ found }) => found });
  const request = event({});
  request.socket.authorized = true;
  request.socket.getPeerX509Certificate = () => new X509Certificate(pem);
  assert.equal(answer(auth, request), 401);
  const resolve = () => undefined;
  for (const options of [
    { policy, resolve },
    { gate: createGate({ policy }), resolve },
    { header: { format: 'xfcc' }, resolve },
    { allowSANs: [SPIFFE], resolve: undefined },
    { allowSANs: [SPIFFE], resolve: true },
  ]) {
    assert.throws(() => clientCertAuth(options), TypeError);
  }
});

test('a gate that comes to read headers does not read what resolve gives', async () => {
  const everybody = { version: 1, allow: [{ name: 'all', from: 'anyone' }] };
  const gate = createGate({ policy: everybody, source: { preset: 'connection' } });
  const auth = clientCertAuth({ gate, resolve: () => ({ certificate: pem, verified: true }) });
  assert.equal(answer(auth, event({})), 'spiffe://td.example/ns/web/sa/front');
  gate.update({ source: { preset: 'envoy' } });
  const [decision] = await decisionsDuring(() => assert.equal(answer(auth, event({})), 500));
  assert.deepEqual([decision.reason, decision.detail], ['internal_error', 'resolve_unused']);
});

test('bytes that are changed after resolve gave them change nothing', () => {
  const certificate = Buffer.from(der);
  const auth = clientCertAuth({ allowSANs: [SPIFFE], resolve: () => ({ certificate, verified: true }) });
  const request = event({});
  answer(auth, request);
  certificate.fill(0);
  assert.equal(getClientCertificate(request).pem, pem);
});

test('stateKey shows the certificate on requests that were let through', () => {
  const auth = clientCertAuth({ policy, trustPeer, stateKey: 'clientCertificate' });
  const request = event({});
  request._addHeaderLines(['x-forwarded-client-cert', xfcc()], 2);
  let made = 0;
  const real = glue.GateHandle.prototype.describe;
  glue.GateHandle.prototype.describe = function (...all) {
    made += 1;
    return real.apply(this, all);
  };
  try {
    assert.equal(answer(clientCertAuth({ policy: { ...policy, mode: 'enforce' }, trustPeer, stateKey: 'clientCertificate', verify: () => true }), event({ url: '/healthz' })), 'nobody');
    made = 0;
    const response = new http.ServerResponse(request);
    response.end = () => response;
    assert.equal(auth(request, response), true);
    assert.equal(made, 0, 'made only when it is looked at');
    assert.equal(request.clientCertificate.identity, 'spiffe://td/a');
    assert.equal(request.clientCertificate, getClientCertificate(request));
    assert.equal(made, 1);
  } finally {
    glue.GateHandle.prototype.describe = real;
  }
  assert.ok(!Object.keys(request).includes('clientCertificate'));
  // A second guard may say the same, and a refusal takes it back.
  assert.equal(answer(auth, request), 'spiffe://td/a');
  assert.equal(answer(clientCertAuth({ policy: { version: 1, allow: [] }, trustPeer }), request), 403);
  assert.equal(request.clientCertificate, undefined);

  const refused = event({});
  assert.equal(answer(auth, refused), 401);
  assert.ok(!('clientCertificate' in refused));
  const without = event({});
  without._addHeaderLines(['x-forwarded-client-cert', xfcc()], 2);
  answer(clientCertAuth({ policy, trustPeer }), without);
  assert.ok(!('clientCertificate' in without));
});

test('stateKey is a name that nothing else has', async () => {
  for (const stateKey of [undefined, null, '', 7, Symbol('x'), '__proto__', 'constructor', 'toString', 'prototype', 'then', 'url', 'headers', 'socket', 'rawHeaders', 'on', 'destroy', 'method']) {
    assert.throws(() => clientCertAuth({ policy, stateKey }), TypeError, String(stateKey));
  }
  const auth = clientCertAuth({ policy, trustPeer, stateKey: 'body' });
  for (const there of [{ body: 'posted' }, { body: undefined }]) {
    const request = event({ ...there, url: '/healthz' });
    const decisions = await decisionsDuring(() => assert.equal(answer(auth, request), 500));
    assert.deepEqual([decisions.at(-1).reason, decisions.at(-1).detail], ['internal_error', 'state_key_taken']);
    assert.equal(getClientCertificate(request), undefined);
    assert.equal(request.body, there.body);
  }
  const open = event({ url: '/healthz' });
  assert.equal(answer(auth, open), 'nobody');
  const sealed = Object.preventExtensions(event({ url: '/healthz' }));
  assert.equal(answer(auth, sealed), 500);
});

test('a certificate that the application set is shown under the name, too', () => {
  const auth = clientCertAuth({ policy, trustPeer, stateKey: 'caller' });
  const request = event({});
  request._addHeaderLines(['x-forwarded-client-cert', xfcc()], 2);
  answer(auth, request);
  setClientCertificate(request, { identity: 'other' });
  assert.equal(request.caller.identity, 'other');
});
