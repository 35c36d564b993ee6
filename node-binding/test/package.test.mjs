// The package as users get it: packed, unpacked elsewhere, in both module systems, with its types.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = (name) => join(here, 'node_modules/.bin', name);
const folder = mkdtempSync(join(tmpdir(), 'peergate-package-'));
const modules = join(folder, 'node_modules');
let tarball;

const modulePath = join(modules, 'peergate/dist/wasm/peergate_bg.wasm');

/** What the module and the whole package may take; what they take is a little less. */
const MODULE_BYTES = 375_000;
const UNPACKED_BYTES = 640_000;

const run = (file, args, options) => execFileSync(file, args, { cwd: folder, encoding: 'utf8', stdio: 'pipe', ...options });

before(() => {
  const name = run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: here }).trim();
  tarball = join(folder, name);
  mkdirSync(join(modules, 'peergate'), { recursive: true });
  run('tar', ['-xzf', tarball, '--strip-components=1', '-C', join(modules, 'peergate')]);
});
after(() => rmSync(folder, { recursive: true }));

const program = `
const gate = createGate({ policy: { version: 1, allow: [{ name: 'all', from: 'anyone' }] } });
clientCertAuth({ gate });
clientCertAuth(toDocuments({ allowSubjectCNs: ['a'] }));
const request = {};
setClientCertificate(request, { subjectCn: 'a' });
const codes = [() => parseForwardedClientCert(';'), () => parseCertificate('x'), () => normalizePeerCertificate('x')].map((call) => {
  try {
    call();
  } catch (error) {
    return error instanceof ParseError && error.code;
  }
});
console.log(gate.decide({}).rule, getClientCertificate(request).subjectCn, PolicyError.name, gate instanceof Gate, AccessDeniedError.name, ...codes);
`;
const expected = 'all a PolicyError true AccessDeniedError empty_pair bad_pem bad_pem\n';
const names =
  'createGate, clientCertAuth, getClientCertificate, setClientCertificate, Gate, PolicyError, AccessDeniedError, toDocuments, ' +
  'parseForwardedClientCert, parseCertificate, normalizePeerCertificate, ParseError';

test('nothing is needed at run time, and nothing runs at installation', () => {
  const manifest = JSON.parse(readFileSync(join(modules, 'peergate/package.json'), 'utf8'));
  for (const kind of ['dependencies', 'optionalDependencies']) {
    assert.equal(manifest[kind], undefined, kind);
  }
  // What works with another package asks for it when it is called, and never has it installed.
  for (const name of Object.keys(manifest.peerDependencies ?? {})) {
    assert.deepEqual(manifest.peerDependenciesMeta[name], { optional: true }, name);
  }
  for (const script of ['preinstall', 'install', 'postinstall', 'prepare']) {
    assert.equal(manifest.scripts[script], undefined, script);
  }
  const files = readdirSync(join(modules, 'peergate'), { recursive: true });
  assert.equal(files.filter((file) => file.endsWith('.wasm')).length, 1);
  assert.deepEqual(files.filter((file) => /\.rs$|test|bench|node_modules|tsconfig/.test(file)), []);
});

test('it is small', () => {
  const files = readdirSync(join(modules, 'peergate'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const sizes = files.map((entry) => statSync(join(entry.parentPath, entry.name)).size);
  const unpacked = sizes.reduce((sum, size) => sum + size, 0);
  const module = statSync(modulePath).size;
  assert.ok(module <= MODULE_BYTES, `the module has ${module} bytes`);
  assert.ok(unpacked <= UNPACKED_BYTES, `unpacked, the package has ${unpacked} bytes`);
});

test('the module does not tell where it was built', () => {
  // A panic names its source file.
  const text = readFileSync(modulePath, 'latin1');
  assert.ok(text.includes('hashbrown-0.'), 'source files are named');
  for (const folder of ['/registry/src/', '/toolchains/', dirname(here)]) {
    assert.ok(!text.includes(folder), folder);
  }
});

test('the bill of materials names every library in the module, and the package holds their licences', () => {
  const bill = JSON.parse(readFileSync(join(modules, 'peergate/dist/sbom.cdx.json'), 'utf8'));
  const licences = readFileSync(join(modules, 'peergate/dist/THIRD-PARTY-LICENSES.txt'), 'utf8');
  assert.deepEqual([bill.bomFormat, bill.specVersion, bill.metadata.component.name], ['CycloneDX', '1.5', 'peergate-node']);
  const names = bill.components.map(({ name }) => name);
  for (const name of ['peergate-core', 'serde_json', 'x509-parser', 'base64', 'subtle', 'wasm-bindgen', 'std']) {
    assert.ok(names.includes(name), name);
  }
  assert.ok(!names.includes('wasmtime') && !names.includes('syn'), 'nothing that only builds or tests');
  for (const { name, version, purl, licenses, hashes } of bill.components) {
    assert.match(purl, /^pkg:(cargo|generic)\//);
    assert.notEqual(licenses[0].expression, '');
    if (name !== 'std' && name !== 'peergate-core') {
      assert.match(hashes[0].content, /^[0-9a-f]{64}$/);
      assert.ok(licences.includes(`${name} ${version}\n`), name);
    }
  }
});

test('require works', () => {
  writeFileSync(join(folder, 'program.cjs'), `const { ${names} } = require('peergate');${program}`);
  assert.equal(run(process.execPath, ['program.cjs']), expected);
});

test('import works', () => {
  writeFileSync(join(folder, 'program.mjs'), `import { ${names} } from 'peergate';${program}`);
  assert.equal(run(process.execPath, ['program.mjs']), expected);
});

test('both are one: a gate of one is a gate of the other', () => {
  writeFileSync(
    join(folder, 'both.mjs'),
    `import * as esm from 'peergate';
     import { createRequire } from 'node:module';
     const cjs = createRequire(import.meta.url)('peergate');
     const missing = Object.keys(cjs).filter((name) => cjs[name] !== esm[name]);
     console.log(missing.join() || 'one');`,
  );
  assert.equal(run(process.execPath, ['both.mjs']), 'one\n');
});

test('the first example of the README runs as it stands', async () => {
  const [, example] = /```js\n([^]*?)```/.exec(readFileSync(join(modules, 'peergate/README.md'), 'utf8'));
  symlinkSync(join(here, 'node_modules/express'), join(modules, 'express'));
  const asked = `
const server = app.listen(0, '127.0.0.1', async () => {
  const ask = async (path, uri) => {
    const headers = uri === undefined ? {} : { 'x-forwarded-client-cert': 'Hash=' + 'a'.repeat(64) + ';Subject="";URI=' + uri };
    const answer = await fetch('http://127.0.0.1:' + server.address().port + path, { headers });
    return answer.status + ' ' + (answer.ok ? (await answer.json()).caller : '');
  };
  console.log(await ask('/v1/orders/7', 'spiffe://prod.example/ns/web/sa/front'));
  console.log(await ask('/v1/orders/7', 'spiffe://prod.example/ns/web/sa/other'));
  console.log(await ask('/v1/orders/7'));
  console.log(await ask('/healthz'));
  server.closeAllConnections();
  server.close();
});`;
  assert.match(example, /'10\.0\.0\.7'/);
  writeFileSync(join(folder, 'readme.mjs'), example.replace('10.0.0.7', '127.0.0.1') + asked);
  // Nothing in the example answers /healthz: 404 is the application's own.
  assert.equal(run(process.execPath, ['readme.mjs']), '200 spiffe://prod.example/ns/web/sa/front\n403 \n401 \n404 \n');
});

const typed = (express, connect) => `
import { createServer } from 'node:http';
${express}
${connect}
import { X509Certificate } from 'node:crypto';
import { connect as connectTls } from 'node:tls';
import { clientCertAuth, createGate, getClientCertificate, setClientCertificate, AccessDeniedError, PolicyError } from 'peergate';
import { normalizePeerCertificate, parseCertificate, parseForwardedClientCert, toDocuments, ParseError } from 'peergate';
import type { ClientCertificate, Decision, DecisionReason, Gate, GateOptions, LoadCode } from 'peergate';
import type { ForwardedClientCert, NormalizedCertificate, ParseCode, ShortFormOptions } from 'peergate';

const options: GateOptions = { policy: new URL('file:///policy.json'), source: { preset: 'envoy' } };
const gate: Gate = createGate(options);
const auth = clientCertAuth({ gate, trustPeer: (socket) => socket.remoteAddress === '10.0.0.1', onDeny: 'next' });

const app = express();
app.use(auth);
app.get('/v1/orders', clientCertAuth({ policy: 'policy.json' }), (request, response) => {
  const caller: ClientCertificate | undefined = getClientCertificate(request);
  response.json({ caller: caller?.identity ?? null });
});
const connected = connect();
connected.use(auth);
connected.use('/v1', auth);

createServer((request, response) => {
  const through: boolean = auth(request, response);
  if (through) {
    const decision: Decision = gate.decide(request);
    const reason: DecisionReason = decision.reason;
    response.end(reason);
  }
});
gate.decide({ method: 'GET', path: '/', headers: [['x', { base64: '' }]], connection: { verified: true }, now: new Date() });
gate.decide(new Request('http://localhost/'));
try {
  gate.update({ policy: {} });
} catch (error) {
  if (error instanceof PolicyError) {
    const code: LoadCode = error.code;
    const line: number = error.line;
    console.log(code, line);
  }
  if (error instanceof AccessDeniedError) {
    const status: number = error.status;
    console.log(status);
  }
}
const short: ShortFormOptions = { header: { format: 'xfcc', trustedProxies: ['spiffe://td/p'] }, allowSANs: ['DNS:a'] };
app.use(clientCertAuth({ ...short, requireVerified: true, checkValidity: false, stateKey: 'caller', trustPeer: () => true }));
app.use(clientCertAuth({ allowSubjectCNs: ['a'], resolve: (request) => ({ certificate: new X509Certificate(request.url ?? ''), verified: true }) }));
const checked = clientCertAuth({ header: { format: 'nginx' }, verify: async (certificate, request) => certificate?.subjectCn === request.url });
createServer(async (request, response) => {
  if (await checked(request, response)) {
    const until: Date | undefined = getClientCertificate(request)?.notAfter;
    const names: readonly string[] | undefined = getClientCertificate(request)?.subjectAltNames;
    response.end(String(until) + String(names));
  }
});
createGate(toDocuments(short));
setClientCertificate({}, { identity: 'spiffe://td/a', identityType: 'spiffe' });
const [caller]: ForwardedClientCert[] = parseForwardedClientCert(Buffer.from(''), { format: 'json' });
const uris: readonly string[] | undefined = caller?.URI;
const parsed: NormalizedCertificate = parseCertificate('');
const socket = connectTls({});
console.log(uris, parsed.serialNumber, normalizePeerCertificate(socket.getPeerCertificate()), normalizePeerCertificate(socket.getPeerX509Certificate()!));
try {
  parseForwardedClientCert('');
} catch (error) {
  const code: ParseCode | undefined = error instanceof ParseError ? error.code : undefined;
  console.log(code);
}
// @ts-expect-error a list, not a string
clientCertAuth({ allowSANs: 'URI:spiffe://td/a' });
// @ts-expect-error the short form does not go with documents
clientCertAuth({ policy: 'policy.json', allowSANs: ['URI:spiffe://td/a'] });
// @ts-expect-error nor with a gate
clientCertAuth({ gate, allowSANs: ['URI:spiffe://td/a'] });
// @ts-expect-error there is no such preset
clientCertAuth({ header: { format: 'envy' } });
// @ts-expect-error a verdict is a boolean
clientCertAuth({ gate, verify: () => 'yes' });
// @ts-expect-error a certificate has no such field
setClientCertificate({}, { commonName: 'a' });
// @ts-expect-error a misspelt option
clientCertAuth({ gate, onDenied: 'next' });
// @ts-expect-error a deployment holds its source
createGate({ deployment: {}, source: {} });
// @ts-expect-error there is no such reason
const wrong: boolean = gate.decide({}).reason === 'because';
console.log(wrong);
`;

test('the types hold in both module systems, with the types of Express 4 and 5 and of Connect', () => {
  // The frameworks' types are those of this checkout; the package is the packed one.
  for (const [version, types] of [['4', 'express4'], ['5', 'express']]) {
    const project = join(folder, `types-${version}`);
    const own = join(project, 'node_modules');
    mkdirSync(join(own, '@types'), { recursive: true });
    cpSync(join(modules, 'peergate'), join(own, 'peergate'), { recursive: true });
    for (const name of readdirSync(join(here, 'node_modules/@types'))) {
      const target = join(here, 'node_modules/@types', name === 'express' ? types : name);
      if (!['express', 'express4'].includes(name) || name === 'express') {
        symlinkSync(target, join(own, '@types', name));
      }
    }
    symlinkSync(join(here, 'node_modules/undici-types'), join(own, 'undici-types'));
    writeFileSync(join(project, 'app.mts'), typed("import express from 'express';", "import connect from 'connect';"));
    writeFileSync(join(project, 'app.cts'), typed("import express = require('express');", "import connect = require('connect');"));
    const compilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      target: 'es2022',
      lib: ['es2023'],
      module: 'node16',
      types: ['node'],
      // The types of the frameworks themselves are not ours to check; our own are checked below.
      skipLibCheck: true,
    };
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['app.mts', 'app.cts'] }));
    checked(project);
    const alone = { ...compilerOptions, skipLibCheck: false };
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: alone, files: ['alone.mts', 'alone.cts'] }));
    writeFileSync(join(project, 'alone.mts'), "export * from 'peergate';");
    writeFileSync(join(project, 'alone.cts'), "export * from 'peergate';");
    checked(project);
  }
});

const typedTls = `
import https from 'node:https';
import http2 from 'node:http2';
import { Agent, fetch as fetchOf, request } from 'undici';
import { createGate, watchPolicy, type PolicyInfo } from 'peergate';
import { certificateExpiry, createMtlsAgent, reloadServerCertificates, TlsError } from 'peergate/tls';
import type { CertificateExpiry, CertificateInfo, MtlsAgentOptions, TlsErrorCode } from 'peergate/tls';

const paths = { directory: 'certs', key: 'tls.key', cert: 'tls.crt', ca: ['a.crt', 'b.crt'] };
const reloader = reloadServerCertificates(https.createServer(), paths, { context: { minVersion: 'TLSv1.3' }, interval: 0 });
reloadServerCertificates(http2.createSecureServer(), paths).on('error', (error) => {
  const code: TlsErrorCode = error.code;
  console.log(code, error instanceof TlsError);
});
reloader.on('reloaded', ({ notAfter }) => console.log(notAfter.getTime()));
const info: CertificateInfo = reloader.current;
const [soonest]: CertificateExpiry[] = certificateExpiry(paths);
console.log(info.fingerprint256, soonest?.secondsLeft);

const options: MtlsAgentOptions = { ...paths, pool: { connections: 2 } };
// Node's own fetch.
const agent = createMtlsAgent(options);
fetch('https://localhost', { dispatcher: agent }).then((answer) => answer.status);
// That of undici, with undici's own types.
const own = createMtlsAgent({ ...paths, Agent });
own.certificates.on('reloaded', () => console.log(own.closed));
request('https://localhost', { dispatcher: own }).then(({ statusCode }) => statusCode);
fetchOf('https://localhost', { dispatcher: own }).then((answer) => answer.status);

const gate = createGate({ policy: 'policy.json' });
watchPolicy(gate, 'policy.json', { debounce: 10 }).on('reloaded', (now: PolicyInfo) => console.log(now.sha256));
// @ts-expect-error a check that stays on
createMtlsAgent({ ...paths, rejectUnauthorized: false });
// @ts-expect-error the authority is what makes it mutual
createMtlsAgent({ key: 'a', cert: 'b' });
// @ts-expect-error a misspelt document
watchPolicy(gate, 'policy.json', { document: 'polcy' });
// @ts-expect-error the files say it
reloadServerCertificates(https.createServer(), paths, { context: { cert: 'x' } });
`;

test('the types of peergate/tls hold with undici, without it, and in a browser project', () => {
  const project = join(folder, 'types-tls');
  const own = join(project, 'node_modules');
  mkdirSync(join(own, '@types'), { recursive: true });
  cpSync(join(modules, 'peergate'), join(own, 'peergate'), { recursive: true });
  symlinkSync(join(here, 'node_modules/@types/node'), join(own, '@types/node'));
  symlinkSync(join(here, 'node_modules/undici-types'), join(own, 'undici-types'));
  const compilerOptions = { strict: true, exactOptionalPropertyTypes: true, noEmit: true, target: 'es2022', lib: ['es2023'], module: 'node16', types: ['node'] };
  const check = (options, files) => {
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: { ...compilerOptions, ...options }, files }));
    checked(project);
  };
  writeFileSync(join(project, 'alone.mts'), "export * from 'peergate/tls'; import { createMtlsAgent } from 'peergate/tls'; createMtlsAgent({ ca: 'a', cert: 'b', key: 'c' });");
  writeFileSync(join(project, 'alone.cts'), "import tls = require('peergate/tls'); tls.certificateExpiry('a');");
  check({ skipLibCheck: false }, ['alone.mts', 'alone.cts']);
  check({ skipLibCheck: false, lib: ['es2023', 'dom'] }, ['alone.mts']);
  check({ skipLibCheck: false, module: 'commonjs', moduleResolution: 'node10', ignoreDeprecations: '5.0', esModuleInterop: true }, ['alone.cts']);
  symlinkSync(join(here, 'node_modules/undici'), join(own, 'undici'));
  writeFileSync(join(project, 'app.mts'), typedTls);
  check({ skipLibCheck: true }, ['app.mts']);
});

function checked(project) {
  try {
    run(bin('tsc'), ['--project', project]);
  } catch (error) {
    assert.fail(error.stdout);
  }
}

test('the module asks nothing of JavaScript but its own glue', () => {
  const bytes = readFileSync(modulePath);
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(bytes));
  const foreign = imports.filter(({ module, kind }) => module !== './peergate_bg.js' || kind !== 'function');
  assert.deepEqual(foreign, []);
  // Throwing a text, handing over the memory, and two that every module has: no clock, no random numbers.
  const called = imports.map(({ name }) => name.replace(/_[0-9a-f]{16}$/, '')).sort();
  assert.deepEqual(called, [
    '__wbg___wbindgen_memory',
    '__wbg___wbindgen_throw',
    '__wbindgen_generic',
    '__wbindgen_init_externref_table',
  ]);
});

test('publint finds nothing', () => {
  run(bin('publint'), ['run', '--strict', tarball]);
});

test('are the types wrong? no', () => {
  try {
    run(bin('attw'), [tarball, '--format', 'ascii', '--no-emoji', '--exclude-entrypoints', 'peergate_bg.wasm']);
  } catch (error) {
    assert.fail(error.stdout);
  }
});
