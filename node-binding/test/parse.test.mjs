// Header values and certificates taken apart: the same as the command says, for everything in the fixtures.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createGate, normalizePeerCertificate, ParseError, parseCertificate, parseForwardedClientCert } from '../dist/index.mjs';
import { hash, policy, xfcc } from './support.mjs';
import { alice } from './tls-support.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const fixtures = join(root, 'tests/fixtures');
const command = join(resolve(root, process.env.CARGO_TARGET_DIR ?? 'target'), 'debug/peergate');
const pem = readFileSync(join(fixtures, 'certificates/web.pem'), 'utf8');

/** What the command prints. */
function peergate(args, input) {
  assert.ok(existsSync(command), 'the command is not built: run `make cli`');
  return new Promise((done, failed) => {
    const child = spawn(command, ['parse', ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    const parts = [];
    child.stdout.on('data', (part) => parts.push(part));
    child.on('error', failed);
    child.on('close', () => done(JSON.parse(Buffer.concat(parts))));
    child.stdin.end(input);
  });
}

/** Calls `use` with each, a few at a time. */
async function each(list, use) {
  const rest = [...list];
  const worker = async () => {
    while (rest.length > 0) {
      await use(rest.pop());
    }
  };
  await Promise.all([1, 2, 3, 4].map(worker));
}

/** Every object and text in the JSON files of the fixtures. */
function* values(value) {
  yield value;
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) {
      yield* values(inner);
    }
  }
}

const documents = readdirSync(fixtures, { recursive: true })
  .filter((name) => name.endsWith('.json'))
  .map((name) => JSON.parse(readFileSync(join(fixtures, name), 'utf8')));

const bytesOf = (text) => (typeof text === 'string' ? Buffer.from(text, 'latin1') : Buffer.from(text.base64, 'base64'));

function outcome(call) {
  try {
    return call();
  } catch (error) {
    assert.ok(error instanceof ParseError, String(error));
    return { error: { code: error.code, offset: error.offset } };
  }
}

/** The command's pairs in the shape of the package. */
function element(pairs) {
  const out = { By: [], Chain: [], URI: [], DNS: [] };
  for (const [key, value] of pairs) {
    if (Array.isArray(out[key])) {
      out[key].push(value);
    } else {
      assert.ok(!(key in out), `a second ${key}`);
      out[key] = value;
    }
  }
  return out;
}

test('every x-forwarded-client-cert of the fixtures is what the command says', async () => {
  const lines = documents.flatMap((fixture) => fixture.cases ?? []).flatMap(({ request }) => request?.headers ?? []);
  const named = lines.filter(([name]) => typeof name === 'string' && name.toLowerCase() === 'x-forwarded-client-cert');
  const all = new Map(named.map(([, value]) => [bytesOf(value).toString('latin1'), bytesOf(value)]));
  assert.ok(all.size > 1_500, `only ${all.size}`);
  let read = 0;
  await each(all.values(), async (value) => {
    // As JSON, what looks like it, and some of the rest.
    const formats = value[0] === 0x5b || value.length % 8 === 0 ? ['text', 'json'] : ['text'];
    for (const format of formats) {
      const expected = await peergate(['xfcc', '--format', format], Buffer.concat([value, Buffer.from('\n')]));
      const got = outcome(() => parseForwardedClientCert(value, { format }));
      assert.deepEqual(got, expected.elements?.map(element) ?? expected, value.toString('latin1').slice(0, 200));
      read += expected.elements === undefined ? 0 : 1;
      // The same as a string, where it is one: what is beyond ASCII is refused where it stands.
      assert.deepEqual(outcome(() => parseForwardedClientCert(value.toString('latin1'), { format })), got);
    }
  });
  assert.ok(read > 500, `only ${read} without a fault`);
});

test('every certificate of the fixtures is what the command says', async () => {
  const texts = documents.flatMap((document) => [...values(document)]).filter((text) => typeof text === 'string');
  const candidates = texts.filter((text) => text.startsWith('-----BEGIN CERTIFICATE-----'));
  const files = readdirSync(join(fixtures, 'certificates')).filter((name) => name.endsWith('.pem'));
  candidates.push(...files.map((name) => readFileSync(join(fixtures, 'certificates', name), 'utf8')));
  // DER, also such as is none.
  const encoded = texts.flatMap((text) => /^:?(MII[A-Za-z0-9+/]+=*):?$/.exec(text)?.[1] ?? []);
  const all = new Set([...candidates, ...encoded.map((text) => Buffer.from(text, 'base64'))].map((each) => Buffer.from(each).toString('latin1')));
  assert.ok(all.size > 100, `only ${all.size}`);
  let read = 0;
  await each(all, async (text) => {
    const bytes = Buffer.from(text, 'latin1');
    const expected = await peergate(['cert'], bytes);
    const got = outcome(() => parseCertificate(bytes));
    // A date is written with milliseconds.
    const written = JSON.parse(JSON.stringify(got), (key, value) => (/^not(Before|After)$/.test(key) ? value.replace('.000Z', 'Z') : value));
    assert.deepEqual(written, expected);
    if (expected.error === undefined) {
      read += 1;
      assert.ok(got.notBefore instanceof Date && got.notAfter instanceof Date);
      assert.deepEqual(parseCertificate(got.pem), got);
    }
  });
  assert.ok(read > 60, `only ${read} without a fault`);
});

test('elements have their keys in one spelling and one shape', () => {
  assert.deepEqual(parseForwardedClientCert(''), []);
  assert.deepEqual(parseForwardedClientCert(`by=spiffe://td/p;HASH=${hash()};subject="CN=a\\,b";uri=;Uri=u;dns=a,Hash=ab`), [
    { By: ['spiffe://td/p'], Hash: hash(), Chain: [], Subject: 'CN=a\\,b', URI: ['', 'u'], DNS: ['a'] },
    { By: [], Hash: 'ab', Chain: [], URI: [], DNS: [] },
  ]);
  assert.deepEqual(parseForwardedClientCert('[{"hash":"ab","chain":["x","y"]}]', { format: 'json' }), [
    { By: [], Hash: 'ab', Chain: ['x', 'y'], URI: [], DNS: [] },
  ]);
});

function fails(call, code, offset) {
  assert.throws(call, (error) => {
    assert.ok(error instanceof ParseError);
    assert.deepEqual([error.name, error.code, error.offset], ['ParseError', code, offset]);
    assert.equal(error.message, `${code} at byte ${offset}`);
    return true;
  });
}

test('an error says what and where, and repeats nothing', () => {
  fails(() => parseForwardedClientCert('Hash="secret'), 'unclosed_quote', 5);
  fails(() => parseForwardedClientCert('[]'), 'unexpected_format', 0);
  fails(() => parseForwardedClientCert('Hash=a', { format: 'json' }), 'unexpected_format', 0);
  fails(() => parseForwardedClientCert('Hash=a;URI=\u00e9'), 'non_ascii_byte', 11);
  fails(() => parseForwardedClientCert('Hash=a;URI=\u20ac'), 'non_ascii_byte', 11);
  fails(() => parseForwardedClientCert('Hash=\ud800'), 'non_ascii_byte', 5);
  fails(() => parseForwardedClientCert('Hash=a\0'), 'control_byte', 6);
  fails(() => parseForwardedClientCert('__proto__=a'), 'bad_key', 0);
  fails(() => parseForwardedClientCert('constructor=a'), 'unknown_key', 0);
  fails(() => parseForwardedClientCert('[{"__proto__":"a"}]', { format: 'json' }), 'unknown_key', 2);
  fails(() => parseCertificate(''), 'bad_pem', 0);
  fails(() => parseCertificate('not a certificate'), 'bad_pem', 0);
  fails(() => parseCertificate(pem + pem), 'bad_pem', 0);
  fails(() => parseCertificate(Buffer.from([0x30])), 'truncated', 1);
  fails(() => parseCertificate(Buffer.concat([new X509Certificate(pem).raw, Buffer.from([0])])), 'trailing_bytes', new X509Certificate(pem).raw.length);
});

test('values of a megabyte and more are read or refused, and leave the module working', () => {
  const gate = createGate({ policy });
  const long = 'a'.repeat(1 << 20);
  assert.equal(parseForwardedClientCert(`Hash=${long}`)[0].Hash, long);
  assert.equal(parseForwardedClientCert(`${`${xfcc()},`.repeat(10_000)}${xfcc()}`).length, 10_001);
  fails(() => parseForwardedClientCert('a'.repeat(16 * 1024 * 1024 + 1)), 'header_too_long', 16 * 1024 * 1024);
  fails(() => parseCertificate(Buffer.alloc(16 * 1024 * 1024 + 1, 0x30)), 'too_long', 16 * 1024 * 1024);
  const header = Buffer.concat([Buffer.from([0x30, 0x83, 0x10, 0, 0]), Buffer.alloc(1 << 20)]);
  fails(() => parseCertificate(header), 'too_long', 16_384);
  assert.equal(gate.decide({ path: '/v1/x', headers: [['x-forwarded-client-cert', xfcc()]] }).decision, 'allow');
});

test('what is no text and no bytes is a TypeError', () => {
  for (const wrong of [undefined, null, 7, {}, [], [xfcc()], new String(xfcc()), new ArrayBuffer(4)]) {
    assert.throws(() => parseForwardedClientCert(wrong), TypeError);
    assert.throws(() => parseCertificate(wrong), TypeError);
  }
  for (const options of [null, 'json', { format: 'JSON' }, { format: true }, { fromat: 'json' }, { format: 'toString' }]) {
    assert.throws(() => parseForwardedClientCert('', options), TypeError, JSON.stringify(options));
  }
});

test('what Node knows of a peer: only its DER counts', () => {
  const expected = parseCertificate(pem);
  const x509 = new X509Certificate(pem);
  assert.deepEqual(normalizePeerCertificate(x509), expected);
  assert.deepEqual(normalizePeerCertificate(x509.raw), expected);
  assert.deepEqual(normalizePeerCertificate(pem), expected);
  const legacy = x509.toLegacyObject();
  assert.ok(legacy.raw.length > 0);
  assert.deepEqual(normalizePeerCertificate(legacy), expected);
  const lying = { ...legacy, subjectaltname: 'URI:spiffe://td/admin', subject: { CN: 'admin' }, fingerprint256: 'AA' };
  assert.deepEqual(normalizePeerCertificate(lying), expected);
  const own = normalizePeerCertificate(new X509Certificate(alice.cert));
  assert.deepEqual(own.subjectAltNames, ['URI:spiffe://td/alice', 'DNS:alice.example']);
  assert.equal(own.fingerprint256.toLowerCase(), alice.sha256);
});

test('what has no DER is told to bring it', () => {
  const { raw: _, ...rest } = new X509Certificate(pem).toLegacyObject();
  for (const wrong of [{}, rest, { raw: undefined }, { raw: pem }, { raw: Buffer.alloc(0) }, null, undefined, 7]) {
    assert.throws(() => normalizePeerCertificate(wrong), { name: 'TypeError', message: /raw/ });
  }
  const thrown = new Error('mine');
  assert.throws(() => normalizePeerCertificate({ get raw() { throw thrown; } }), thrown);
  fails(() => normalizePeerCertificate({ raw: Buffer.from([0x30, 0]) }), 'truncated', 2);
});
