// The short form: which documents it stands for, whom they let in, and what is no short form.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import vm from 'node:vm';
import { clientCertAuth, createGate, PolicyError, toDocuments } from '../dist/index.mjs';
import { hash, policy } from './support.mjs';

const fixture = (name) => readFileSync(new URL(`../../tests/fixtures/certificates/${name}.pem`, import.meta.url));
const pem = fixture('web').toString();
const fingerprint = new X509Certificate(pem).fingerprint256;
const SPIFFE = 'URI:spiffe://td.example/ns/web/sa/front';

/** What the short form answers to a caller with this certificate on the connection. */
function onConnection(options, { certificate = pem, verified = true, now = '2026-01-01T00:00:00Z' } = {}) {
  const connection = certificate === null ? undefined : { certificatePem: certificate, verified };
  return createGate(toDocuments(options)).decide({ connection, now }).reason;
}

/** What it answers to these header lines. */
function toHeaders(options, ...headers) {
  return createGate(toDocuments(options)).decide({ headers, now: '2026-01-01T00:00:00Z' }).reason;
}

const xfcc = (fields) => ['x-forwarded-client-cert', `Hash=${hash()};${fields}`];

test('each list lets in whom it names and nobody else', () => {
  for (const [option, listed, other] of [
    ['allowSANs', [SPIFFE], ['URI:spiffe://td.example/ns/web/sa/back']],
    ['allowSANs', ['DNS:FRONT.web.td.example'], ['DNS:web.td.example']],
    ['allowSubjectCNs', ['front'], ['Front']],
    ['allowIssuerCNs', ['Test CA 1'], ['front']],
    ['allowFingerprints', [fingerprint], [hash()]],
    ['allowFingerprints', [fingerprint.replaceAll(':', '').toLowerCase()], [hash()]],
  ]) {
    assert.equal(onConnection({ [option]: listed }), 'allowed', option);
    assert.equal(onConnection({ [option]: [...other, ...listed] }), 'allowed', `${option}: the last of several`);
    assert.equal(onConnection({ [option]: other }), 'no_rule', option);
    assert.equal(onConnection({ [option]: listed }, { certificate: null }), 'no_certificate', option);
  }
});

test('all lists must hold', () => {
  const all = { allowSANs: [SPIFFE], allowSubjectCNs: ['front'], allowIssuerCNs: ['Test CA 1'], allowFingerprints: [fingerprint] };
  assert.equal(onConnection(all), 'allowed');
  for (const option of Object.keys(all)) {
    const other = option === 'allowFingerprints' ? hash() : option === 'allowSANs' ? 'DNS:other.example' : 'other';
    assert.equal(onConnection({ ...all, [option]: [other] }), 'no_rule', option);
  }
});

test('without a list any certificate will do, and no other', () => {
  const options = { requireVerified: true };
  assert.deepEqual(toDocuments(options), {
    policy: { version: 1, name: 'short-form', allow: [{ name: 'callers', from: 'authenticated' }] },
    source: { preset: 'connection', requireVerified: true },
  });
  assert.equal(onConnection(options), 'allowed');
  assert.equal(onConnection(options, { certificate: null }), 'no_certificate');
  assert.equal(onConnection(options, { verified: false }), 'unverified');
});

test('the documents are those that one would write', () => {
  const options = {
    header: { format: 'xfcc', trustedProxies: ['spiffe://td/edge'] },
    allowSANs: ['URI:spiffe://td/a', 'DNS:a.example'],
    allowSubjectCNs: ['a', 'b'],
    allowFingerprints: [hash()],
    checkValidity: false,
  };
  const from = [{ san: ['URI:spiffe://td/a', 'DNS:a.example'], subject: { cn: ['a', 'b'] }, sha256: [hash()] }];
  assert.deepEqual(toDocuments(options), {
    policy: { version: 1, name: 'short-form', allow: [{ name: 'callers', from }] },
    source: { preset: 'envoy', trustedProxies: ['spiffe://td/edge'], validity: 'ignore' },
  });
  assert.equal(createGate(toDocuments(options)).policyName, 'short-form');
  // Nobody who holds the options changes what was made of them.
  const documents = toDocuments(options);
  options.allowSANs.length = 0;
  assert.equal(documents.policy.allow[0].from[0].san.length, 2);
});

test('requireVerified', () => {
  assert.equal(onConnection({ allowSubjectCNs: ['front'] }, { verified: false }), 'unverified');
  assert.equal(onConnection({ allowSubjectCNs: ['front'], requireVerified: true }, { verified: false }), 'unverified');
  assert.equal(onConnection({ allowSubjectCNs: ['front'], requireVerified: false }, { verified: false }), 'allowed');
});

test('checkValidity', () => {
  const late = { now: '2040-01-01T00:00:00Z' };
  assert.equal(onConnection({ allowSubjectCNs: ['front'] }, late), 'expired');
  assert.equal(onConnection({ allowSubjectCNs: ['front'], checkValidity: true }, late), 'expired');
  assert.equal(onConnection({ allowSubjectCNs: ['front'], checkValidity: false }, late), 'allowed');
  assert.equal(onConnection({ allowSubjectCNs: ['front'], checkValidity: true }), 'allowed');
  // Fields of a header know no validity: who asks for it is told so.
  refusedFor({ header: { format: 'xfcc' }, checkValidity: true }, 'checkValidity', 'attribute_not_carried');
  assert.equal(toHeaders({ header: { format: 'xfcc' }, checkValidity: false }, xfcc('Subject="";URI=')), 'allowed');
});

test('header: xfcc, its JSON form, RFC 9440 and presets by name', () => {
  const allowSANs = ['URI:spiffe://td/a'];
  const caller = xfcc('Subject="";URI=spiffe://td/a');
  const json = ['x-forwarded-client-cert', JSON.stringify([{ hash: hash(), uri: ['spiffe://td/a'] }])];
  assert.equal(toHeaders({ header: { format: 'xfcc' }, allowSANs }, caller), 'allowed');
  assert.equal(toHeaders({ header: { format: 'envoy' }, allowSANs }, caller), 'allowed');
  assert.equal(toHeaders({ header: { format: 'xfcc' }, allowSANs }, json), 'malformed_header');
  assert.equal(toHeaders({ header: { format: 'xfcc-json' }, allowSANs }, json), 'allowed');
  assert.equal(toHeaders({ header: { format: 'xfcc-json' }, allowSANs }, caller), 'malformed_header');
  const renamed = { format: 'xfcc', headers: { cert: 'x-my-client-cert' } };
  assert.equal(toHeaders({ header: renamed, allowSANs }, ['x-my-client-cert', caller[1]]), 'allowed');
  assert.equal(toHeaders({ header: renamed, allowSANs }, caller), 'no_certificate');

  const der = new X509Certificate(pem).raw.toString('base64');
  const structured = ['client-cert', `:${der}:`];
  assert.equal(toHeaders({ header: { format: 'structured' }, allowSANs: [SPIFFE] }, structured), 'allowed');
  assert.equal(toHeaders({ header: { format: 'structured' }, allowSANs: ['DNS:other'] }, structured), 'no_rule');
  const nginx = ['x-ssl-client-cert', encodeURIComponent(pem)];
  assert.equal(toHeaders({ header: { format: 'nginx' }, allowSANs: [SPIFFE] }, nginx, ['x-ssl-client-verify', 'SUCCESS']), 'allowed');
  assert.equal(toHeaders({ header: { format: 'nginx' }, allowSANs: [SPIFFE] }, nginx, ['x-ssl-client-verify', 'FAILED']), 'unverified');
});

test('an issuer is known only where the certificate is forwarded', () => {
  const header = { format: 'xfcc' };
  refusedFor({ header, allowIssuerCNs: ['Test CA 1'] }, 'allowIssuerCNs', 'attribute_not_carried');
  const whole = ['x-forwarded-client-cert', `Hash=${fingerprint.replaceAll(':', '').toLowerCase()};Cert="${encodeURIComponent(pem)}"`];
  const read = { header: { ...header, read: 'certificate' }, allowIssuerCNs: ['Test CA 1'] };
  assert.equal(toHeaders(read, whole), 'allowed');
  assert.equal(toHeaders({ ...read, allowIssuerCNs: ['Test CA 2'] }, whole), 'no_rule');
});

/** Core refuses the documents, and the error names the option. */
function refusedFor(options, option, code) {
  assert.throws(
    () => clientCertAuth(options),
    (error) => {
      assert.ok(error instanceof PolicyError, String(error));
      assert.deepEqual([error.option, error.code], [option, code]);
      assert.deepEqual([error.faults[0].option, error.faults[0].code], [option, code]);
      assert.ok(error.message.startsWith(`${option} ${code}: `), error.message);
      return true;
    },
  );
}

test('what core refuses is told by the option that it is in', () => {
  refusedFor({ allowSANs: [SPIFFE, 'spiffe://td/a'] }, 'allowSANs[1]', 'san_without_type');
  assert.throws(() => clientCertAuth({ allowSANs: ['spiffe://td/a'] }), /"URI:spiffe:/);
  refusedFor({ allowSANs: ['10.0.0.7'] }, 'allowSANs[0]', 'san_without_type');
  refusedFor({ allowFingerprints: ['ab'.repeat(20)] }, 'allowFingerprints[0]', 'sha1_fingerprint');
  refusedFor({ allowSubjectCNs: ['a', ''] }, 'allowSubjectCNs[1]', 'empty_string');
  refusedFor({ allowIssuerCNs: ['\ud800'] }, 'allowIssuerCNs[0]', 'lone_surrogate');
  refusedFor({ header: { format: 'envy' } }, 'header.format', 'unknown_value');
  refusedFor({ header: { format: 'xfcc', subjectDN: 'x' } }, 'header.subjectDN', 'unknown_key');
  refusedFor({ header: { format: 'xfcc', trustedProxies: ['td'] } }, 'header.trustedProxies.0', 'bad_spiffe_id');
  refusedFor({ header: { format: 'azure-app-service' } }, 'header.format', 'never_verified');
  refusedFor({ header: { format: 'xfcc', requireVerified: 'false' } }, 'header.requireVerified', 'wrong_type');
  for (const option of ['allowSANs', 'allowSubjectCNs', 'allowIssuerCNs', 'allowFingerprints']) {
    refusedFor({ [option]: [] }, option, 'empty_array');
  }
});

test('what was forgotten or misspelt is an error, and never a check less', () => {
  const list = ['URI:spiffe://td/a'];
  const holes = [...list];
  holes.length = 2;
  class Options {
    allowSANs = list;
  }
  for (const options of [
    {},
    { trustPeer: () => true },
    { onDeny: 'next' },
    { allowSans: list },
    { allowSANs: list, allowSan: list },
    { allowSANs: undefined },
    { allowSANs: list, allowSubjectCNs: undefined },
    { allowSANs: 'URI:spiffe://td/a' },
    { allowSANs: { 0: 'URI:spiffe://td/a', length: 1 } },
    { allowSANs: new Set(list) },
    { allowSANs: [undefined] },
    { allowSANs: [null] },
    { allowSANs: [list] },
    { allowSANs: holes },
    { allowFingerprints: [7] },
    { requireVerified: 'false' },
    { requireVerified: undefined },
    { requireVerified: 0 },
    { checkValidity: 'false' },
    { checkValidity: null },
    { header: undefined, allowSANs: list },
    { header: null },
    { header: 'xfcc' },
    { header: [] },
    { header: {} },
    { header: { preset: 'envoy' } },
    { header: { format: 'xfcc', preset: 'envoy' } },
    { header: { format: 'xfcc', requireVerified: false }, requireVerified: true },
    { header: { format: 'xfcc', validity: 'ignore' }, checkValidity: true },
    { header: { format: 'xfcc', trustedProxies: undefined } },
    { header: { format: 'xfcc', read: () => 'certificate' } },
    // Its lists are where nobody looks.
    Object.create({ allowSANs: list }, { verify: { value: () => true, enumerable: true } }),
    Object.assign(new Options(), { verify: () => true }),
    // What was meant to be a gate is no short form.
    { gate: undefined, verify: () => true },
    { policy: undefined, allowSANs: list },
    { policy, allowSANs: list },
    { policy, requireVerified: true },
    { gate: createGate({ policy }), allowSANs: list },
    { deployment: { policy }, header: { format: 'xfcc' } },
  ]) {
    assert.throws(() => clientCertAuth(options), TypeError, JSON.stringify(options));
  }
  assert.throws(() => toDocuments({ verify: () => true }), TypeError);
  assert.throws(() => toDocuments(), TypeError);
});

test('names of prototypes are names like any other', () => {
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    const options = JSON.parse(`{"allowSubjectCNs": ["front"], ${JSON.stringify(name)}: ["x"]}`);
    assert.throws(() => clientCertAuth(options), TypeError, name);
    assert.throws(() => clientCertAuth({ header: { format: name } }), PolicyError, name);
    assert.equal(onConnection({ allowSubjectCNs: [name] }), 'no_rule');
    const header = JSON.parse(`{"format": "xfcc", ${JSON.stringify(name)}: {}}`);
    assert.throws(() => clientCertAuth({ header }), PolicyError, name);
  }
});

test('options that are frozen, hidden, from elsewhere, or that throw', () => {
  assert.equal(onConnection(Object.freeze({ allowSubjectCNs: Object.freeze(['front']) })), 'allowed');
  assert.equal(onConnection(Object.assign(Object.create(null), { allowSubjectCNs: ['front'] })), 'allowed');
  assert.equal(onConnection(vm.runInNewContext('({ allowSubjectCNs: ["front"] })')), 'allowed');
  const hidden = Object.defineProperty({ requireVerified: true }, 'allowSubjectCNs', { value: ['other'] });
  assert.equal(onConnection(hidden), 'no_rule');
  const thrown = new Error('mine');
  const throwing = { requireVerified: true, get allowSANs() { throw thrown; } };
  assert.throws(() => clientCertAuth(throwing), thrown);
});

test('texts of a megabyte, with NUL, with any letter', () => {
  const long = 'x'.repeat(1 << 20);
  assert.equal(onConnection({ allowSubjectCNs: [long, 'front'] }), 'allowed');
  assert.equal(onConnection({ allowSANs: [`DNS:${long}`, SPIFFE] }), 'allowed');
  assert.equal(onConnection({ allowSubjectCNs: ['front\0', 'fr\u00f6nt', '\u{1f512}'] }), 'no_rule');
  const many = Array.from({ length: 10_000 }, (_, i) => `name-${i}`);
  assert.equal(onConnection({ allowSubjectCNs: [...many, 'front'] }), 'allowed');
});
