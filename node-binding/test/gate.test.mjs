import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { clientCertAuth as fastifyAuth } from '../dist/fastify.mjs';
import { clientCertAuth, createGate, Gate, PolicyError } from '../dist/index.mjs';
import { deployment, hash, policy, xfcc } from './support.mjs';

const folder = mkdtempSync(join(tmpdir(), 'peergate-'));
after(() => rmSync(folder, { recursive: true }));

const caller = (value = xfcc(), more = {}) => ({
  path: '/v1/x',
  headers: [['x-forwarded-client-cert', value]],
  ...more,
});

test('a decision says what, why, by which rule and for whom', () => {
  const decision = createGate({ policy }).decide(caller());
  const expected = {
    decision: 'allow',
    status: null,
    reason: 'allowed',
    detail: null,
    rule: 'a',
    identity: 'spiffe://td/a',
    identityType: 'spiffe',
    verified: true,
    sha256: hash(),
    shadow: null,
  };
  assert.deepEqual(decision.toJSON(), expected);
  assert.deepEqual(JSON.parse(JSON.stringify(decision)), expected);
});

test('a refusal has a status, a reason and a detail', () => {
  const gate = createGate({ policy });
  assert.deepEqual(
    (({ decision, status, reason, detail }) => ({ decision, status, reason, detail }))(gate.decide(caller(`${xfcc()};`))),
    { decision: 'deny', status: 403, reason: 'malformed_header', detail: 'empty_pair' },
  );
  assert.equal(gate.decide({ path: '/v1/x' }).reason, 'no_certificate');
  assert.equal(gate.decide({ path: '/healthz' }).rule, 'health');
});

test('repeated lines stay apart: two are two elements', () => {
  const line = ['x-forwarded-client-cert', xfcc()];
  const decision = createGate({ policy }).decide({ path: '/v1/x', headers: [line, line] });
  assert.equal(decision.reason, 'unexpected_element');
});

test('a name is text, also beyond ASCII', () => {
  const gate = createGate({ policy: { version: 1, allow: [{ name: 'any', from: 'authenticated' }] } });
  const decision = gate.decide(caller(`Hash=${hash()};Subject="CN=Zo\\C3\\AB"`));
  assert.deepEqual([decision.identity, decision.identityType], ['Zoë', 'cn']);
});

test('shadow is told beside the decision', () => {
  const gate = createGate({ policy: { ...policy, mode: 'shadow' } });
  const { decision, reason, rule, shadow } = gate.decide(caller(xfcc('spiffe://td/b')));
  assert.deepEqual({ decision, reason, rule }, { decision: 'allow', reason: 'shadow_mode', rule: null });
  assert.deepEqual(shadow, { decision: 'deny', status: 403, reason: 'no_rule', rule: null });
});

test('a Web Request works, with its joined lines', () => {
  const gate = createGate({ policy });
  const request = new Request('http://host/v1/x?q', { headers: { 'X-Forwarded-Client-Cert': xfcc() } });
  assert.equal(gate.decide(request).decision, 'allow');
  request.headers.append('x-forwarded-client-cert', xfcc());
  assert.equal(gate.decide(request).decision, 'deny');
});

test('characters that are no bytes are refused, and not cut to bytes', () => {
  const gate = createGate({ policy });
  // U+0130 cut to a byte is "0"; U+012F in a target is "/".
  for (const request of [
    caller(xfcc().replace('aa', '\u0130a')),
    caller(`${xfcc('spiffe://td/a')}\u0130`),
    caller(xfcc(), { path: '\u012fv1/x' }),
    caller(xfcc(), { path: `/v1/${'x'.repeat(40)}\u012f` }),
    caller(xfcc(), { method: '\u0147ET' }),
    { path: '/v1/x', headers: [['x-forwarded-client-cer\u0174', xfcc()]] },
  ]) {
    const decision = gate.decide(request);
    assert.equal(decision.decision, 'deny');
    if (decision.reason === 'internal_error') {
      assert.equal(decision.detail, 'not_latin1');
      assert.equal(decision.status, 500);
    }
  }
  assert.equal(gate.decide(caller(`${xfcc()}\u0130`)).detail, 'not_latin1');
});

test('a header at the limit is read, one byte more is refused, a megabyte as well', () => {
  const gate = createGate({ policy });
  const filled = (length) => {
    const start = `Hash=${hash()};Subject="CN=`;
    const end = '";URI=spiffe://td/a';
    return start + 'x'.repeat(length - start.length - end.length) + end;
  };
  assert.equal(gate.decide(caller(filled(65_536))).decision, 'allow');
  assert.equal(gate.decide(caller(filled(65_537))).detail, 'header_too_long');
  assert.equal(gate.decide(caller(filled(1 << 20))).detail, 'header_too_long');
  const absurd = gate.decide(caller(filled(17 << 20)));
  assert.deepEqual([absurd.decision, absurd.detail], ['deny', 'request_too_long']);
  assert.equal(gate.decide(caller()).decision, 'allow');
});

test('documents come as objects, bytes, paths and URLs', () => {
  const path = join(folder, 'policy.json');
  writeFileSync(path, JSON.stringify(policy));
  for (const input of [policy, Buffer.from(JSON.stringify(policy)), path, pathToFileURL(path)]) {
    assert.equal(createGate({ policy: input }).policyName, 'test');
  }
  const named = join(folder, 'deployment.json');
  writeFileSync(named, JSON.stringify({ ...deployment, policy: 'policy.json' }));
  const gate = createGate({ deployment: named });
  assert.equal(gate.policyName, 'test');
  gate.update({ policy: { ...policy, name: 'other' } });
  assert.equal(gate.policyName, 'other');
  assert.equal(createGate({ deployment }).policyName, 'test');
  assert.throws(() => createGate({ policy: JSON.stringify(policy) }), { name: 'TypeError', message: /path/ });
  assert.throws(() => createGate({ policy: join(folder, 'missing.json') }), { code: 'ENOENT' });
});

test('options that do not exist are errors', () => {
  assert.throws(() => createGate({ policy, sources: {} }), { name: 'TypeError', message: /"sources"/ });
  assert.throws(() => createGate({}), { name: 'TypeError' });
  assert.throws(() => createGate({ deployment, source: {} }), { name: 'TypeError' });
  assert.throws(() => createGate({ policy }).update({ rules: [] }), { name: 'TypeError' });
  assert.throws(() => createGate({ policy: [policy] }), { name: 'TypeError' });
});

test('a refused document says where and why', () => {
  const text = '{\n  "version": 1,\n  "allow": [{"name": "a", "from": "anyone", "path": ["/"]}]\n}';
  assert.throws(
    () => createGate({ policy: Buffer.from(text) }),
    (error) => {
      assert.ok(error instanceof PolicyError && error instanceof Error);
      const { code, pointer, line, column } = error;
      assert.deepEqual({ code, pointer, line, column }, { code: 'unknown_key', pointer: '/policy/allow/0/path', line: 3, column: 45 });
      assert.match(error.message, /unknown_key/);
      return true;
    },
  );
});

test('an update is all or nothing', () => {
  const gate = createGate({ policy });
  const before = gate.policySha256;
  assert.match(before, /^[0-9a-f]{64}$/);
  assert.throws(() => gate.update({ policy: { version: 2, allow: [] } }), PolicyError);
  assert.throws(() => gate.update({ policy, source: { preset: 'nothing' } }), PolicyError);
  assert.equal(gate.policySha256, before);
  assert.equal(gate.decide(caller()).decision, 'allow');
  gate.update({ policy: { version: 1, allow: [] } });
  assert.notEqual(gate.policySha256, before);
  assert.equal(gate.decide(caller()).decision, 'deny');
  gate.update({ source: { preset: 'envoy', headers: { cert: 'x-peer' } }, policy });
  assert.equal(gate.decide(caller()).reason, 'no_certificate');
  assert.equal(gate.decide({ path: '/v1/x', headers: [['X-Peer', xfcc()]] }).decision, 'allow');
});

test('a gate is made by createGate only, and refuses once it was freed', () => {
  const gate = createGate({ policy });
  assert.ok(gate instanceof Gate);
  gate.free();
  gate.free();
  const decision = gate.decide(caller());
  assert.deepEqual([decision.decision, decision.detail], ['deny', 'gate_freed']);
  assert.throws(() => gate.policyName, /freed/);
});

test('what is no request is a mistake of the program', () => {
  const gate = createGate({ policy });
  assert.throws(() => gate.decide(), TypeError);
  assert.throws(() => gate.decide('GET /'), TypeError);
  assert.throws(() => gate.decide(caller(7)), TypeError);
});

test('a document given as an object leaves nothing out unseen', () => {
  for (const nothing of [undefined, () => ['/a'], Symbol('a')]) {
    const open = { version: 1, allow: [{ name: 'a', from: 'anyone', paths: nothing }] };
    assert.throws(() => createGate({ policy: open }), { name: 'TypeError', message: /"paths"/ });
  }
});

test('what is no request is not decided about as one for nothing by nobody', () => {
  const gate = createGate({ policy: { version: 1, allow: [{ name: 'front', from: 'anyone', methods: ['GET'], paths: ['/'] }] } });
  class Context {
    get path() {
      return '/secret';
    }
  }
  for (const event of [{ httpMethod: 'DELETE', rawPath: '/secret' }, { metod: 'DELETE' }, new Context()]) {
    assert.throws(() => gate.decide(event), TypeError);
  }
  assert.equal(gate.decide({}).decision, 'allow');
});

test('a setting that was forgotten is an error, and does not open what it should have closed', () => {
  const policy = { version: 1, allow: [{ name: 'a', from: 'authenticated' }] };
  for (const name of ['source', 'deployment', 'policy']) {
    assert.throws(() => createGate({ ...(name === 'policy' ? {} : { policy }), [name]: undefined }), /undefined/, name);
  }
  for (const name of ['source', 'trustPeer', 'verify', 'resolve']) {
    assert.throws(() => clientCertAuth({ policy, [name]: undefined }), new RegExp(`\`${name}\` is undefined`), name);
  }
});

test('what options and documents inherit is an error, since it would be forgotten', () => {
  class Options {
    policy = { version: 1, allow: [] };
    get source() {
      return { preset: 'connection' };
    }
  }
  assert.throws(() => clientCertAuth(new Options()), /must be a plain object/);
  assert.throws(() => createGate(new Options()), /must be a plain object/);
  fastifyAuth({}, new Options(), (error) => assert.match(error.message, /must be a plain object/));
  class Rule {
    name = 'r';
    from = 'anyone';
    get paths() {
      return ['/open'];
    }
  }
  assert.throws(() => createGate({ policy: { version: 1, allow: [new Rule()] } }), /must be a plain object/);
});

test('a polluted Object.prototype is no option', () => {
  const policy = { version: 1, allow: [{ name: 'a', from: 'authenticated' }] };
  const gate = createGate({ policy, source: { preset: 'connection' } });
  const forged = { headers: [['x-forged', 'a']] };
  Object.defineProperty(Object.prototype, 'source', {
    configurable: true,
    value: { preset: 'rfc9440', headers: { cert: 'x-forged' } },
  });
  try {
    gate.update({ policy });
    assert.equal(gate.decide(forged).reason, 'no_certificate');
    assert.equal(createGate({ policy }).decide(forged).reason, 'no_certificate');
  } finally {
    delete Object.prototype.source;
  }
});
