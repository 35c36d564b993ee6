// Callers who come again are answered in another way than strangers, and must get the same answers.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { createRequire } from 'node:module';
import http from 'node:http';
import net from 'node:net';
import { test } from 'node:test';
import v8 from 'node:v8';
import vm from 'node:vm';
import { clientCertAuth, createGate, getClientCertificate } from '../dist/index.mjs';
import { authority } from './tls-authority.mjs';
import { hash, policy, xfcc } from './support.mjs';

const require = createRequire(import.meta.url);
const glue = require('../dist/wasm/peergate.js');
const { GateHandle } = glue;
const realAgain = GateHandle.prototype.again;
const returning = require('../dist/returning.js');
const { markOf } = returning;

const NAME = 'x-forwarded-client-cert';
const caller = (value = xfcc(), more = {}) => ({ path: '/v1/x', headers: [[NAME, value]], ...more });

/** The same request with its lines as bytes: these are always answered as a stranger's. */
const asStranger = ({ headers = [], ...rest }) => ({
  ...rest,
  headers: headers.map(([name, value]) => [name, { base64: Buffer.from(value, 'latin1').toString('base64') }]),
});

/** Runs `use` while `again` stands in the place of the module's own; what that said, in order. */
function watched(use, again = realAgain) {
  const said = [];
  GateHandle.prototype.again = function (...about) {
    said.push(again.apply(this, about));
    return said.at(-1);
  };
  try {
    use();
  } finally {
    GateHandle.prototype.again = realAgain;
  }
  return said;
}

/** An answer that the caller did not get before, and one that the caller did. */
const isNew = (said) => (said & 8) !== 0;
const isSame = (said) => (said & 8) === 0 && (said & 7) !== 0;

/** Everything that follows from a decision. */
const whole = (decision) => ({
  ...decision.toJSON(),
  upstream: decision.decision === 'allow' ? decision.upstream() : undefined,
  refusal: decision.decision === 'deny' ? decision.refusal() : undefined,
  certificate: decision.certificate,
});

/**
 * Tests with marks as they are, and with one for all, so that every caller looks like every other and
 * only comparing tells them apart.
 */
function testBoth(about, run) {
  test(about, run);
  test(`${about}, when all marks are the same`, (t) => {
    t.after(() => {
      returning.markOf = markOf;
    });
    returning.markOf = (asked) => (markOf(asked) === 0 ? 0 : 7);
    return run(t);
  });
}

function incoming(lines, { method = 'GET', target = '/v1/x', socket = new net.Socket() } = {}) {
  const request = new http.IncomingMessage(socket);
  request.method = method;
  request.url = target;
  request._addHeaderLines(lines.flat(), lines.length * 2);
  return request;
}

test('whoever comes for the third time is known, and the fourth gets the answer of the third', () => {
  const gate = createGate({ policy });
  const expected = whole(createGate({ policy }).decide(caller()));
  const said = watched(() => {
    for (let turn = 0; turn < 6; turn += 1) {
      assert.deepEqual(whole(gate.decide(caller())), expected, `turn ${turn}`);
    }
  });
  assert.deepEqual([said.length, isNew(said[0]), said.slice(1).every(isSame)], [4, true, true]);
});

test('what is decided for one who is known is decided by the request: method, target and time', () => {
  const rules = { ...policy, allow: [...policy.allow, { name: 'b', from: [{ spiffe: 'spiffe://td/a' }], methods: ['PUT'] }] };
  const gate = createGate({ policy: rules });
  const requests = ['/v1/x', '/v2/x', '/v1/../x', `/v1/${'long'.repeat(20)}`, '/v1/\xe9', '*', '', '/v1/y?z', `/v1/${'x'.repeat(9000)}`].flatMap(
    (path) => ['GET', 'PUT', 'get', ''].map((method) => caller(xfcc(), { method, path })),
  );
  const said = watched(() => {
    for (let turn = 0; turn < 4; turn += 1) {
      for (const request of requests) {
        assert.deepEqual(whole(gate.decide(request)), whole(gate.decide(asStranger(request))), JSON.stringify(request).slice(0, 90));
      }
    }
  });
  assert.ok(said.filter(isSame).length > 50, 'hardly anything was answered as before');
});

testBoth('a value that looks like a known one is another value, wherever it differs', () => {
  const gate = createGate({ policy: { version: 1, allow: [{ name: 'any', from: 'authenticated' }] } });
  const known = `Hash=${hash()};Subject="CN=abcdefgh,O=Example";URI=spiffe://td/ns/abcdefgh/sa/service`;
  const expected = whole(gate.decide(asStranger(caller(known))));
  for (let at = 0; at < known.length; at += 1) {
    const other = `${known.slice(0, at)}${known[at] === 'e' ? 'c' : 'e'}${known.slice(at + 1)}`;
    for (let turn = 0; turn < 3; turn += 1) {
      assert.deepEqual(whole(gate.decide(caller(known))), expected, `the known one, at ${at}`);
      assert.deepEqual(whole(gate.decide(caller(other))), whole(gate.decide(asStranger(caller(other)))), `another, at ${at}`);
    }
  }
});

testBoth('lines and values that would be the same in one piece are not the same', () => {
  const gate = createGate({ deployment: { identityHeader: 'x-client-identity', policy: { version: 1, allow: [{ name: 'any', from: 'authenticated' }] } } });
  const lines = [
    [[NAME, xfcc()]],
    [[NAME, ''], [NAME, xfcc()]],
    [[NAME, xfcc()], [NAME, '']],
    [['X-Client-Identity', 'a'], [NAME, xfcc()]],
    [['x-client-identity', 'a'], [NAME, xfcc()]],
    [['x_client_identity', 'a'], [NAME, xfcc()]],
    [[NAME, xfcc()], ['x-client-identity', 'a']],
    [['x_forwarded_client_cert', xfcc()]],
    [[NAME, 'a'], ['x-client-identity', xfcc()]],
    [],
  ];
  for (let turn = 0; turn < 5; turn += 1) {
    for (const headers of lines) {
      const request = { headers };
      assert.deepEqual(whole(gate.decide(request)), whole(gate.decide(asStranger(request))), `turn ${turn} ${JSON.stringify(headers)}`);
    }
  }
});

test('more callers than are kept: each gets an own answer, and memory has an end', () => {
  const gate = createGate({ policy: { version: 1, allow: [{ name: 'any', from: 'authenticated' }] } });
  const padding = 'p'.repeat(3800);
  const value = (i) => `Hash=${hash()};Subject="CN=${padding}";URI=spiffe://td/${i}`;
  const round = (callers) => {
    for (let i = 0; i < callers * 3; i += 1) {
      // Three in a row, and some who come back much later.
      const id = i % 7 === 0 ? i % 40 : Math.floor(i / 3);
      assert.equal(gate.decide(caller(value(id))).identity, `spiffe://td/${id}`);
    }
    return glue.linearMemory().buffer.byteLength;
  };
  let said;
  let before;
  let after;
  said = watched(() => {
    before = round(1_000);
    after = round(10_000);
  });
  assert.ok(said.some(isNew) && said.some(isSame));
  assert.ok(after - before < 1 << 20, `${after - before} bytes more`);
});

test('keeping callers who do not come again has an end', (t) => {
  const real = GateHandle.prototype.keep;
  let kept = 0;
  GateHandle.prototype.keep = function (...about) {
    kept += 1;
    return real.apply(this, about);
  };
  t.after(() => {
    GateHandle.prototype.keep = real;
    returning.markOf = markOf;
  });
  // Everybody seems to come again, and nobody does.
  returning.markOf = () => 7;
  const gate = createGate({ policy });
  for (let i = 0; i < 20_000; i += 1) {
    assert.equal(gate.decide(caller(xfcc(`spiffe://td/${i}`))).identity, `spiffe://td/${i}`);
  }
  assert.ok(kept >= 256 && kept < 256 + 20_000 / 16, `${kept}`);
});

test('what is long is not kept, and answered as ever', () => {
  const gate = createGate({ policy });
  const long = `Hash=${hash()};Subject="CN=${'x'.repeat(5000)}";URI=spiffe://td/a`;
  const said = watched(() => {
    for (let turn = 0; turn < 5; turn += 1) {
      assert.equal(gate.decide(caller(long)).rule, 'a');
    }
  });
  assert.deepEqual(said, []);
});

test('an answer that is long is copied each time', () => {
  const uri = `spiffe://td/${'u'.repeat(1500)}`;
  const gate = createGate({ policy: { version: 1, allow: [{ name: 'any', from: 'authenticated' }] } });
  const said = watched(() => {
    for (let turn = 0; turn < 5; turn += 1) {
      assert.equal(gate.decide(caller(xfcc(uri))).identity, uri);
    }
  });
  assert.equal(said.length, 3);
  assert.ok(said.every((each) => (each & 15) === 0 && each >>> 4 > 1500));
});

test('more answers than are kept of one caller: each is the right one', () => {
  const allow = Array.from({ length: 9 }, (_, i) => ({ name: `r${i}`, from: [{ spiffe: 'spiffe://td/a' }], paths: [`/v1/${i}`] }));
  const gate = createGate({ policy: { version: 1, allow } });
  const said = watched(() => {
    for (let turn = 0; turn < 200; turn += 1) {
      const i = (turn * 7 + (turn >> 3)) % 9;
      assert.equal(gate.decide(caller(xfcc(), { path: `/v1/${i}` })).rule, `r${i}`);
      assert.equal(gate.decide(caller(xfcc(), { path: `/v1/${i}` })).rule, `r${i}`);
    }
  });
  assert.ok(said.some(isNew) && said.some(isSame));
});

test('other documents decide from the moment they are in force', () => {
  const gate = createGate({ policy });
  const none = { version: 1, allow: [{ name: 'b', from: [{ spiffe: 'spiffe://td/b' }] }] };
  for (let turn = 0; turn < 20; turn += 1) {
    gate.update({ policy: turn % 2 === 0 ? policy : none });
    for (let i = 0; i < turn % 6; i += 1) {
      assert.equal(gate.decide(caller()).decision, turn % 2 === 0 ? 'allow' : 'deny');
      assert.equal(gate.decide(caller(xfcc('spiffe://td/b'))).decision, turn % 2 === 0 ? 'deny' : 'allow');
    }
  }
  gate.free();
  assert.equal(gate.decide(caller()).detail, 'gate_freed');
});

testBoth('a peer that may not speak for callers does not become trusted by a known caller, nor the other way round', () => {
  const gate = createGate({ policy });
  const said = watched(() => {
    for (let turn = 0; turn < 8; turn += 1) {
      for (const untrusted of turn % 3 === 0 ? [true, false, true] : [false, true]) {
        const answer = gate.answer(caller(), untrusted);
        assert.deepEqual([answer.decision, answer.reason], untrusted ? ['deny', 'untrusted_proxy'] : ['allow', 'allowed']);
      }
    }
  });
  assert.ok(said.filter(isSame).length > 5);
});

test('decisions and certificates are objects of their own for each request', () => {
  const { cert } = authority('own').issue('api', { names: 'URI:spiffe://td/a' });
  const gate = createGate({ policy, source: { preset: 'nginx' } });
  const auth = clientCertAuth({ gate, trustPeer: () => true });
  const lines = [['X-SSL-Client-Cert', encodeURIComponent(cert)], ['X-SSL-Client-Verify', 'SUCCESS']];
  const seen = [];
  const said = watched(() => {
    for (let turn = 0; turn < 6; turn += 1) {
      const request = incoming(lines);
      assert.equal(auth(request, new http.ServerResponse(request)), true);
      const certificate = getClientCertificate(request);
      assert.equal(getClientCertificate(request), certificate);
      assert.ok(Object.isFrozen(certificate) && Object.isFrozen(certificate.subjectAltNames));
      assert.equal(new X509Certificate(cert).validTo, new X509Certificate(certificate.pem).validTo);
      assert.equal(certificate.notAfter.getTime(), new Date(new X509Certificate(cert).validTo).getTime());
      // Nobody else sees this.
      certificate.notAfter.setTime(0);
      assert.ok(!seen.includes(certificate));
      seen.push(certificate, gate.decide(request));
    }
  });
  assert.equal(new Set(seen).size, 12);
  assert.ok(said.some(isSame));
});

test('the hook verify has the last word on known callers, each time', () => {
  let word = false;
  const auth = clientCertAuth({ policy, trustPeer: () => true, verify: () => word });
  for (let turn = 0; turn < 8; turn += 1) {
    word = turn % 2 === 0;
    const request = incoming([[NAME, xfcc()]]);
    const response = new http.ServerResponse(request);
    assert.equal(auth(request, response), word);
    assert.equal(response.statusCode, word ? 200 : 403);
    assert.equal(getClientCertificate(request)?.identity, word ? 'spiffe://td/a' : undefined);
  }
});

test('the certificate of a known caller ends, and begins, by the clock', (t) => {
  const { cert } = authority('time').issue('api', { names: 'URI:spiffe://td/a', from: -1, to: 1 });
  const gate = createGate({ policy, source: { preset: 'rfc9440' } });
  const value = `:${new X509Certificate(cert).raw.toString('base64')}:`;
  const day = 86_400_000;
  const now = Date.now();
  t.mock.timers.enable({ apis: ['Date'] });
  const said = watched(() => {
    for (const [days, reason] of [[0, 'allowed'], [0, 'allowed'], [0, 'allowed'], [2, 'expired'], [0, 'allowed'], [-2, 'not_yet_valid'], [2, 'expired'], [0, 'allowed']]) {
      t.mock.timers.setTime(now + days * day);
      const request = { path: '/v1/x', headers: [['client-cert', value]] };
      assert.equal(gate.decide(request).reason, reason);
      assert.deepEqual(whole(gate.decide(request)), whole(gate.decide(asStranger(request))));
    }
  });
  assert.ok(said.some(isSame));
});

test('connections that show the same certificate share what is known, and those that TLS did not verify do not', () => {
  const { raw } = new X509Certificate(authority('tls').issue('api', { names: 'URI:spiffe://td/a' }).cert);
  const other = Buffer.from(raw.toString('latin1').replace('spiffe://td/a', 'spiffe://td/b'), 'latin1');
  // Of what ends otherwise, both are held.
  other[other.length - 4] ^= 2;
  const gate = createGate({ policy, source: { preset: 'connection' } });
  const outcome = (der, authorized) => {
    const socket = new net.Socket();
    socket.authorized = authorized;
    socket.getPeerX509Certificate = () => (der === undefined ? undefined : { raw: Buffer.from(der) });
    return gate.decide(incoming([], { socket })).reason;
  };
  const said = watched(() => {
    for (let turn = 0; turn < 12; turn += 1) {
      // Twice in a row, which is when somebody is kept.
      assert.deepEqual([outcome(raw, true), outcome(raw, true)], ['allowed', 'allowed']);
      assert.deepEqual([outcome(other, true), outcome(other, true)], ['no_rule', 'no_rule']);
      assert.deepEqual([outcome(raw, false), outcome(raw, false)], ['unverified', 'unverified']);
      assert.deepEqual([outcome(undefined, true), outcome(undefined, true)], ['no_certificate', 'no_certificate']);
    }
  });
  assert.deepEqual([said.filter(isNew).length, said.filter(isSame).length], [4, 4 * 21]);
});

testBoth('connections whose certificates end alike do not share what is known', () => {
  const { raw } = new X509Certificate(authority('alike').issue('api', { names: 'URI:spiffe://td/a' }).cert);
  const gate = createGate({ policy, source: { preset: 'connection' } });
  const sockets = ['spiffe://td/a', 'spiffe://td/b', undefined].map((uri) => {
    const socket = new net.Socket();
    socket.authorized = true;
    const shown = uri === undefined ? undefined : Buffer.from(raw.toString('latin1').replace('spiffe://td/a', uri), 'latin1');
    socket.getPeerX509Certificate = () => (shown === undefined ? undefined : { raw: shown });
    return socket;
  });
  const said = watched(() => {
    for (let turn = 0; turn < 10; turn += 1) {
      const reasons = sockets.map((socket) => gate.decide(incoming([], { socket })).reason);
      assert.deepEqual(reasons, ['allowed', 'no_rule', 'no_certificate']);
    }
  });
  assert.ok(said.some(isSame));
});

test('memory that grows between two requests of known callers is seen', () => {
  const gate = createGate({ policy });
  const [a, b] = ['spiffe://td/a', 'spiffe://td/b'].map((uri) => caller(xfcc(uri)));
  for (let turn = 0; turn < 4; turn += 1) {
    gate.decide(a);
    gate.decide(b);
  }
  const long = { path: `/v1/${'x'.repeat(100)}` };
  const said = watched(() => {
    for (let turn = 0; turn < 5; turn += 1) {
      const before = glue.linearMemory().buffer;
      glue.linearMemory().grow(1);
      assert.equal(before.byteLength, 0, 'the old view must be dead, or this tests nothing');
      assert.equal(gate.decide({ ...a, ...(turn % 2 === 0 ? long : {}) }).decision, 'allow');
      assert.equal(gate.decide({ ...b, ...(turn % 2 === 0 ? long : {}) }).decision, 'deny');
      assert.equal(gate.decide({ ...a, path: '/v2/x' }).decision, 'deny');
    }
  });
  assert.ok(said.length === 15 && !said.includes(0));
});

test('a short frame that was not written, or not whole, or written before, is nobody\'s', () => {
  const gate = createGate({ policy });
  const expected = whole(gate.decide(caller()));
  const wrongs = [
    (handle, number, ...rest) => realAgain.call(handle, number + 1, ...rest),
    (handle, _number, ...rest) => realAgain.call(handle, 0, ...rest),
    (handle, number, ...rest) => {
      assert.notEqual(realAgain.call(handle, number, ...rest), 0);
      return realAgain.call(handle, number, ...rest);
    },
    (handle, number, place, key, method, target, now) => realAgain.call(handle, number, place, key + 1, method, target, now),
    (handle, number, place, key, method, target, now) => realAgain.call(handle, number, place ^ 1, key, method, target, now),
    (handle, number, _place, key, method, target, now) => realAgain.call(handle, number, 256, key, method, target, now),
    (handle, number, place, key, _method, target, now) => realAgain.call(handle, number, place, key, 0xffffffff, target, now),
    (handle, number, place, key, method, _target, now) => realAgain.call(handle, number, place, key, method, 0xffffffff, now),
  ];
  for (const wrong of wrongs) {
    for (let turn = 0; turn < 4; turn += 1) {
      gate.decide(caller());
    }
    const said = watched(
      () => assert.deepEqual(whole(gate.decide(caller())), expected),
      function (...about) {
        return wrong(this, ...about);
      },
    );
    assert.deepEqual(said, [0], String(wrong));
  }
  for (let turn = 0; turn < 4; turn += 1) {
    gate.decide(caller());
  }
  assert.ok(watched(() => gate.decide(caller())).every(isSame));
});

test('a module that names an answer which is not here is asked the long way', () => {
  const gate = createGate({ policy });
  for (let turn = 0; turn < 4; turn += 1) {
    gate.decide(caller());
  }
  const said = watched(
    () => assert.equal(gate.decide(caller()).rule, 'a'),
    () => 4,
  );
  assert.deepEqual(said, [4]);
});

test('a trap on the short way refuses its request, and the caller is a stranger to the new instance', () => {
  const gate = createGate({ policy });
  for (let turn = 0; turn < 4; turn += 1) {
    assert.equal(gate.decide(caller()).decision, 'allow');
  }
  watched(
    () => assert.deepEqual([gate.decide(caller()).decision, gate.decide(caller()).decision], ['deny', 'allow']),
    () => {
      throw new WebAssembly.RuntimeError('unreachable');
    },
  );
  const said = watched(() => {
    for (let turn = 0; turn < 4; turn += 1) {
      assert.equal(gate.decide(caller()).decision, 'allow');
      assert.equal(gate.decide(caller(xfcc('spiffe://td/b'))).decision, 'deny');
    }
  });
  assert.ok(said.some(isNew) && !said.includes(0));
});

test('an answer that could not be fetched leaves nobody with the one that was in its place', () => {
  const allow = Array.from({ length: 4 }, (_, i) => ({ name: `r${i}`, from: [{ spiffe: 'spiffe://td/a' }], paths: [`/v1/${i}`] }));
  const gate = createGate({ policy: { version: 1, allow } });
  const rule = (path) => gate.decide(caller(xfcc(), { path })).rule;
  const paths = [0, 1, 2, 3].map((i) => `/v1/${i}`);
  for (let turn = 0; turn < 4; turn += 1) {
    assert.deepEqual(paths.map(rule), ['r0', 'r1', 'r2', 'r3']);
  }
  const real = glue.answerAddress;
  glue.answerAddress = () => {
    throw new RangeError('Maximum call stack size exceeded');
  };
  try {
    const decision = gate.decide(caller(xfcc(), { path: '/other' }));
    assert.deepEqual([decision.decision, decision.detail], ['deny', 'wasm_trap']);
  } finally {
    glue.answerAddress = real;
  }
  for (let turn = 0; turn < 5; turn += 1) {
    assert.deepEqual(['/other', ...paths].map(rule), [null, 'r0', 'r1', 'r2', 'r3'], `turn ${turn}`);
  }
});

test('a decision that is broken off, at whatever moment, leaves no wrong answer behind', async (t) => {
  // Each of them may trap the module, which says so.
  const listeners = process.listeners('warning');
  process.removeAllListeners('warning');
  t.after(() => listeners.forEach((listener) => process.on('warning', listener)));
  const allow = Array.from({ length: 9 }, (_, i) => ({ name: `r${i}`, from: [{ spiffeUnder: 'spiffe://td' }], paths: [`/v1/${i}`] }));
  const gate = createGate({ policy: { version: 1, allow } });
  let at = 0;
  let refused = 0;
  const ask = () => {
    at += 1;
    const [id, path] = [(at * 7 + (at >> 5)) % 30, (at * 5 + (at >> 3)) % 12];
    const { reason, rule, identity } = gate.decide(caller(xfcc(`spiffe://td/${id}`), { path: `/v1/${path}` }));
    if (reason === 'internal_error') {
      refused += 1;
    } else {
      assert.deepEqual([rule, identity], [path < 9 ? `r${path}` : null, `spiffe://td/${id}`]);
    }
  };
  const context = vm.createContext({ ask });
  const endless = new vm.Script('for (;;) ask()');
  let last = 0;
  for (let turn = 0; turn < 1_500; turn += 1) {
    assert.throws(() => endless.runInContext(context, { timeout: 1 }), { code: 'ERR_SCRIPT_EXECUTION_TIMEOUT' });
    last = refused;
    for (let i = 0; i < 40; i += 1) {
      ask();
    }
    assert.ok(refused <= last + 1, 'whoever comes after a trap is answered');
  }
  // The warnings come by themselves.
  await new Promise((resolve) => setImmediate(resolve));
});

test('what follows from an answer cannot be changed for the next who gets it', () => {
  const gate = createGate({ deployment: { policy, identityHeader: 'x-client-identity' } });
  const request = { path: '/v1/x', headers: [[NAME, xfcc()], ['X-Client-Identity', 'a']] };
  const expected = whole(gate.decide(request));
  assert.deepEqual([expected.upstream.remove, expected.upstream.set.length], [['X-Client-Identity'], 2]);
  const said = watched(() => {
    for (let turn = 0; turn < 6; turn += 1) {
      const decision = gate.decide(request);
      const { remove, set } = decision.upstream();
      for (const change of [() => remove.pop(), () => (set[1] = 'spiffe://td/b'), () => (decision.upstream().set = undefined)]) {
        assert.throws(change, TypeError);
      }
      assert.deepEqual(whole(decision), expected);
    }
  });
  assert.ok(said.some(isSame));
  assert.ok(Object.isFrozen(createGate({ policy }).decide(caller()).upstream().remove));
});

test('a clock that does not say the time is no clock, to strangers and to who is known', (t) => {
  const { cert } = authority('clock').issue('api', { names: 'URI:spiffe://td/a' });
  const gate = createGate({ policy, source: { preset: 'rfc9440' } });
  const request = { path: '/v1/x', headers: [['client-cert', `:${new X509Certificate(cert).raw.toString('base64')}:`]] };
  const clock = Date.now;
  t.after(() => {
    Date.now = clock;
  });
  const said = watched(() => {
    for (const time of [NaN, Infinity, -Infinity, 1e300, undefined, NaN]) {
      for (let turn = 0; turn < 4; turn += 1) {
        Date.now = () => time;
        for (const decision of [gate.decide(request), gate.decide(asStranger(request))]) {
          assert.deepEqual([decision.reason, decision.detail], ['expired', 'no_clock'], `${time}`);
        }
        Date.now = clock;
        assert.equal(gate.decide(request).reason, 'allowed');
      }
    }
  });
  assert.ok(said.some(isSame));
});

test('a decision that is held does not hold the callers of documents that are no longer in force', () => {
  v8.setFlagsFromString('--expose-gc');
  const gc = vm.runInNewContext('gc');
  const rules = { version: 1, allow: [{ name: 'any', from: 'authenticated' }] };
  const gate = createGate({ policy: rules });
  const value = (i) => `Hash=${hash()};Subject="CN=${'p'.repeat(3500)}";URI=spiffe://td/${i}`;
  const held = [];
  const used = () => {
    gc();
    return process.memoryUsage().heapUsed;
  };
  const before = used();
  for (let version = 0; version < 12; version += 1) {
    gate.update({ policy: { ...rules, name: `v${version}` } });
    for (let i = 0; i < 200 * 4; i += 1) {
      held[version] = gate.decide(caller(value(i >> 2)));
    }
  }
  gate.free();
  const more = used() - before;
  // Of each version 200 callers with 3.5 kB of lines were kept.
  assert.ok(more < 3_000_000, `${more} bytes more`);
  assert.deepEqual(held.map((decision) => decision.certificate.subjectCn.length), Array(12).fill(3500));
});

test('gates with known callers come and go in the same memory', () => {
  const round = (count) => {
    for (let i = 0; i < count; i += 1) {
      const gate = createGate({ policy });
      for (let turn = 0; turn < 12; turn += 1) {
        assert.equal(gate.decide(caller(xfcc(`spiffe://td/${turn % 3}`))).reason, 'no_rule');
      }
      gate.free();
    }
    return glue.linearMemory().buffer.byteLength;
  };
  const before = round(100);
  assert.equal(round(3_000), before);
});

testBoth('random callers, requests, times and documents: as a gate answers that has never seen any of them', () => {
  let seed = 0x2545f491;
  const random = (below) => {
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    return (seed >>> 0) % below;
  };
  const pick = (list) => list[random(list.length)];
  const { cert } = authority('random').issue('api', { names: 'URI:spiffe://td/a,DNS:a.example' });
  const escaped = encodeURIComponent(cert);
  const rules = (paths) => ({
    version: 1,
    deny: [{ name: 'never', from: [{ spiffe: 'spiffe://td/c' }], methods: ['DELETE'] }],
    allow: [
      { name: 'a', from: [{ spiffe: 'spiffe://td/a' }], paths },
      { name: 'shadowed', from: [{ spiffeUnder: 'spiffe://td/b' }], mode: 'shadow' },
      { name: 'health', from: 'anyone', methods: ['GET'], paths: ['/healthz'] },
    ],
  });
  const documents = [
    { deployment: { identityHeader: 'x-client-identity', policy: rules(['/v1/*']) } },
    { deployment: { identityHeader: 'x-client-identity', policy: { ...rules(['/v2/*']), mode: 'shadow' } } },
    { deployment: { identityHeader: 'x-id', source: { preset: 'nginx' }, policy: rules(['/v1/*', '/']) } },
    { deployment: { source: { preset: 'envoy', format: 'json' }, policy: rules(['/v1/*']) } },
  ];
  const values = [
    ...['a', 'b', 'b/x', 'c', 'd'].map((name) => xfcc(`spiffe://td/${name}`)),
    `${xfcc()},${xfcc('spiffe://td/c')}`,
    `${xfcc()};`,
    `${xfcc()}\xe9`,
    `Hash=${hash('b')};Cert="${escaped}"`,
    `[{"hash":"${hash()}","uri":["spiffe://td/a"]}]`,
    '',
    'SUCCESS',
    escaped,
    `Hash=${hash()};Subject="CN=${'y'.repeat(4100)}"`,
  ];
  const names = [NAME, NAME, NAME, 'X-Forwarded-Client-Cert', 'x_forwarded_client_cert', 'x-client-identity', 'X-Id', 'host', 'x-ssl-client-cert', 'x-ssl-client-verify'];
  const line = () => [pick(names), pick(values)];
  const headers = Array.from({ length: 40 }, (_, i) => (i === 0 ? [['x-ssl-client-cert', escaped], ['x-ssl-client-verify', 'SUCCESS']] : Array.from({ length: random(3) }, line)));
  const targets = ['/v1/x', '/v2/x', '/', '/healthz', '/v1/../x', `/v1/${'z'.repeat(40)}`, '/v1/\xe9', '/v1/\u0130'];
  const methods = ['GET', 'GET', 'POST', 'DELETE', 'get'];
  const times = [undefined, undefined, '2020-01-01T00:00:00Z', '2090-01-01T00:00:00Z'];
  let inForce = documents[0];
  const gate = createGate(inForce);
  const said = watched(() => {
    for (let turn = 0; turn < 6_000; turn += 1) {
      if (random(300) === 0) {
        inForce = pick(documents);
        gate.update(inForce);
      }
      const request = { method: pick(methods), path: pick(targets), headers: pick(headers), now: pick(times) };
      const untrusted = random(8) === 0;
      const fresh = createGate(inForce);
      assert.deepEqual(whole(gate.answer(request, untrusted)), whole(fresh.answer(request, untrusted)), JSON.stringify({ inForce, request, untrusted }));
      fresh.free();
    }
  });
  assert.ok(said.filter(isSame).length > 100 && said.filter(isNew).length > 100, `${said.length}`);
});
