// What the application is told of the caller's certificate, and for how long it stays true.

import assert from 'node:assert/strict';
import { X509Certificate, createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import net from 'node:net';
import { test } from 'node:test';
import { clientCertAuth, createGate, getClientCertificate, parseCertificate, setClientCertificate } from '../dist/index.mjs';
import { hash, policy, xfcc } from './support.mjs';

const glue = createRequire(import.meta.url)('../dist/wasm/peergate.js');
const pem = readFileSync(new URL('../../tests/fixtures/certificates/web.pem', import.meta.url), 'utf8');
const der = new X509Certificate(pem).raw;
const everybody = { version: 1, allow: [{ name: 'all', from: 'authenticated' }] };
const trustPeer = () => true;

/** A request with these header lines. */
function incoming(...lines) {
  const request = new http.IncomingMessage(new net.Socket());
  request.method = 'GET';
  request.url = '/v1/x';
  request._addHeaderLines(lines.flat(), lines.length * 2);
  return request;
}

/** Lets a request through, or fails. */
function through(auth, request) {
  const response = new http.ServerResponse(request);
  response.end = () => response;
  assert.equal(auth(request, response), true);
  return request;
}

test('fields of a header tell what they carry, and leave out the rest', () => {
  const auth = clientCertAuth({ policy: everybody, trustPeer });
  const line = `By=spiffe://td/edge;Hash=${hash()};Subject="CN=a\\,b,O=c";URI=spiffe://td/a;DNS=a.example;DNS=b.example`;
  assert.deepEqual(getClientCertificate(through(auth, incoming(['x-forwarded-client-cert', line]))), {
    identity: 'spiffe://td/a',
    identityType: 'spiffe',
    sha256: hash(),
    verified: true,
    subjectDn: 'CN=a\\,b,O=c',
    subjectCn: 'a,b',
    fingerprint256: hash('A'),
    subjectAltNames: ['URI:spiffe://td/a', 'DNS:a.example', 'DNS:b.example'],
  });
  const bare = getClientCertificate(through(auth, incoming(['x-forwarded-client-cert', `Hash=${hash()};Subject="CN=a,CN=b";URI=`])));
  assert.deepEqual(bare, {
    identity: null,
    identityType: null,
    sha256: hash(),
    verified: true,
    subjectDn: 'CN=a,CN=b',
    fingerprint256: hash('A'),
  });
});

test('a certificate tells everything, from a header and from a connection', () => {
  const { fingerprint256 } = new X509Certificate(pem);
  const whole = { ...parseCertificate(pem), verified: true };
  assert.equal(whole.pem, pem);
  assert.ok(whole.notAfter instanceof Date);
  const sha256 = fingerprint256.replaceAll(':', '').toLowerCase();
  const expected = { identity: 'spiffe://td.example/ns/web/sa/front', identityType: 'spiffe', sha256, ...whole };

  const rfc9440 = clientCertAuth({ policy: everybody, source: { preset: 'rfc9440' }, trustPeer });
  const inHeader = incoming(['client-cert', `:${der.toString('base64')}:`]);
  assert.deepEqual(getClientCertificate(through(rfc9440, inHeader)), expected);

  const xfccWhole = clientCertAuth({ policy: everybody, source: { preset: 'envoy', read: 'certificate' }, trustPeer });
  const element = `Hash=${sha256};Cert="${encodeURIComponent(pem)}"`;
  assert.deepEqual(getClientCertificate(through(xfccWhole, incoming(['x-forwarded-client-cert', element]))), expected);

  const connection = clientCertAuth({ policy: everybody, source: { preset: 'connection' } });
  const onConnection = incoming();
  onConnection.socket.authorized = true;
  onConnection.socket.getPeerX509Certificate = () => new X509Certificate(pem);
  assert.deepEqual(getClientCertificate(through(connection, onConnection)), expected);
});

test('the fingerprint is the same whether it was there or is computed when it is asked for', () => {
  const sha256 = createHash('sha256').update(der).digest('hex');
  const request = { headers: [['client-cert', `:${der.toString('base64')}:`]] };
  const refusing = { version: 1, allow: [{ name: 'other', from: [{ spiffe: 'spiffe://td/other' }] }] };
  const pinned = { version: 1, allow: [{ name: 'pinned', from: [{ sha256 }] }] };
  for (const [documents, decision] of [
    [everybody, 'allow'],
    [refusing, 'deny'],
    [pinned, 'allow'],
  ]) {
    const gate = createGate({ policy: documents, source: { preset: 'rfc9440' } });
    const [first, ...others] = [1, 2, 3].map(() => gate.decide(request));
    assert.equal(first.decision, decision);
    assert.equal(first.sha256, sha256);
    assert.equal(first.sha256, sha256);
    for (const other of others) {
      assert.deepEqual(other.toJSON(), first.toJSON());
    }
  }
});

test('a source without fingerprints has callers, too', () => {
  const source = { preset: 'custom', fields: { spiffe: { header: 'x-spiffe' } }, verified: 'promise' };
  const auth = clientCertAuth({ policy: everybody, source, trustPeer });
  assert.deepEqual(getClientCertificate(through(auth, incoming(['x-spiffe', 'spiffe://td/a']))), {
    identity: 'spiffe://td/a',
    identityType: 'spiffe',
    verified: true,
    subjectAltNames: ['URI:spiffe://td/a'],
  });
});

test('it is the same object each time, and nobody changes it', () => {
  const auth = clientCertAuth({ policy, trustPeer });
  const request = through(auth, incoming(['x-forwarded-client-cert', xfcc()]));
  const certificate = getClientCertificate(request);
  assert.equal(getClientCertificate(request), certificate);
  assert.throws(() => {
    certificate.identity = 'spiffe://td/admin';
  }, TypeError);
  assert.throws(() => certificate.subjectAltNames.push('URI:spiffe://td/admin'), TypeError);
});

test('it is not made before somebody asks', () => {
  const auth = clientCertAuth({ policy, trustPeer });
  const real = glue.GateHandle.prototype.describe;
  let made = 0;
  glue.GateHandle.prototype.describe = function (...all) {
    made += 1;
    return real.apply(this, all);
  };
  try {
    const request = through(auth, incoming(['x-forwarded-client-cert', xfcc()]));
    assert.equal(made, 0);
    getClientCertificate(request);
    getClientCertificate(request);
    assert.equal(made, 1);
  } finally {
    glue.GateHandle.prototype.describe = real;
  }
});

test('other documents in force change nothing about who was let through', () => {
  for (const change of [
    (gate) => gate.update({ source: { preset: 'rfc9440' } }),
    (gate) => gate.update({ policy: { version: 1, allow: [] }, source: { preset: 'connection' } }),
    (gate) => gate.free(),
  ]) {
    const gate = createGate({ policy });
    const auth = clientCertAuth({ gate, trustPeer });
    const requests = [1, 2, 3].map(() => through(auth, incoming(['x-forwarded-client-cert', xfcc()])));
    change(gate);
    const real = glue.GateHandle.fromParts;
    let loads = 0;
    glue.GateHandle.fromParts = (...all) => {
      loads += 1;
      return real(...all);
    };
    try {
      for (const request of requests) {
        const { subjectAltNames, fingerprint256 } = getClientCertificate(request);
        assert.deepEqual([subjectAltNames, fingerprint256], [['URI:spiffe://td/a'], hash('A')]);
      }
    } finally {
      glue.GateHandle.fromParts = real;
    }
    assert.equal(loads, 1, 'the old documents are loaded once for all requests that they decided on');
  }
});

test('header lines that are changed afterwards change nothing about who called', () => {
  const auth = clientCertAuth({ policy, trustPeer });
  const request = incoming(['x-forwarded-client-cert', xfcc()]);
  through(auth, request);
  request.rawHeaders[1] = xfcc('spiffe://td/admin');
  request.headers['x-forwarded-client-cert'] = xfcc('spiffe://td/admin');
  assert.deepEqual(getClientCertificate(request).subjectAltNames, ['URI:spiffe://td/a']);
});

test('a trap leaves what the decision holds, and the next one is told in full', () => {
  const auth = clientCertAuth({ policy, trustPeer });
  const [first, second] = [1, 2].map(() => through(auth, incoming(['x-forwarded-client-cert', xfcc()])));
  const memory = glue.linearMemory();
  const real = glue.GateHandle.prototype.describe;
  glue.GateHandle.prototype.describe = function (number, length) {
    glue.GateHandle.prototype.describe = real;
    this.__wbg_ptr = 0xfffffff0;
    return real.call(this, number, length);
  };
  const held = { identity: 'spiffe://td/a', identityType: 'spiffe', sha256: hash(), verified: true };
  assert.deepEqual(getClientCertificate(first), held);
  assert.notEqual(glue.linearMemory(), memory, 'the instance must be another one');
  // Its documents are loaded again in the new instance.
  assert.equal(getClientCertificate(second).fingerprint256, hash('A'));
  const third = through(auth, incoming(['x-forwarded-client-cert', xfcc()]));
  assert.equal(getClientCertificate(third).fingerprint256, hash('A'));
});

test('memory that grows in between is seen', () => {
  const auth = clientCertAuth({ policy, trustPeer });
  for (let i = 0; i < 3; i += 1) {
    const request = through(auth, incoming(['x-forwarded-client-cert', xfcc()]));
    const before = glue.linearMemory().buffer;
    glue.linearMemory().grow(1);
    assert.equal(before.byteLength, 0, 'the old view must be dead, or this tests nothing');
    assert.equal(getClientCertificate(request).fingerprint256, hash('A'));
  }
});

test('who was refused, or named nobody, has none', () => {
  const shadow = clientCertAuth({ policy: { ...policy, mode: 'shadow' }, trustPeer });
  const broken = through(shadow, incoming(['x-forwarded-client-cert', `${xfcc()};`]));
  assert.equal(getClientCertificate(broken), undefined);
  const stranger = through(shadow, incoming(['x-forwarded-client-cert', xfcc('spiffe://td/b')]));
  assert.deepEqual(getClientCertificate(stranger).subjectAltNames, ['URI:spiffe://td/b']);
  assert.equal(getClientCertificate(through(shadow, incoming())), undefined);
});

test('setClientCertificate says who called, for tests and for adapters', () => {
  const request = incoming();
  setClientCertificate(request, { identity: 'spiffe://td/a', identityType: 'spiffe', subjectAltNames: ['URI:spiffe://td/a'] });
  const certificate = getClientCertificate(request);
  assert.deepEqual(certificate, {
    identity: 'spiffe://td/a',
    identityType: 'spiffe',
    verified: false,
    subjectAltNames: ['URI:spiffe://td/a'],
  });
  assert.ok(Object.isFrozen(certificate));
  setClientCertificate(request, { ...certificate, notAfter: new Date(0), subjectCn: undefined });
  assert.deepEqual(getClientCertificate(request).notAfter, new Date(0));
  setClientCertificate(request, undefined);
  assert.equal(getClientCertificate(request), undefined);
  for (const wrong of [null, 'spiffe://td/a', { idendity: 'a' }, { verified: 'true' }, { subjectAltNames: 'URI:a' }, { notAfter: '2026' }, { notAfter: new Date('x') }, { toString: 'x' }]) {
    assert.throws(() => setClientCertificate(request, wrong), TypeError, JSON.stringify(wrong));
  }
  assert.throws(() => setClientCertificate('request', {}), TypeError);
  assert.equal(getClientCertificate(request), undefined);
});

test('what was set is no way past a guard, and does not outlive a refusal', () => {
  const auth = clientCertAuth({ policy, trustPeer });
  const request = incoming();
  setClientCertificate(request, { identity: 'spiffe://td/a', identityType: 'spiffe', verified: true });
  const response = new http.ServerResponse(request);
  response.end = () => response;
  assert.equal(auth(request, response), false);
  assert.equal(getClientCertificate(request), undefined);
});
