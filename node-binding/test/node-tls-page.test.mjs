// The programs of docs/node-tls.md, and what the page says about those that it replaces.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { TlsError } from '../dist/tls.mjs';
import { freePort } from './support.mjs';
import { authority, bundle, folder, WAYS } from './tls-authority.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(root, 'docs/node-tls.md'), 'utf8');
const PATIENCE_MS = 20_000;

const ca = authority('authority');
const servers = [ca.issue('server one'), ca.issue('server two')];
const web = ca.issue('web', { names: 'URI:spiffe://prod.example/ns/web/sa/front' });
const batch = ca.issue('batch', { names: 'URI:spiffe://prod.example/ns/etl/sa/batch' });

const programs = Object.fromEntries([...page.matchAll(/^```js(?:on)? (\S+)\n([^]*?)^```$/gm)].map(([, name, text]) => [name, text]));
assert.equal(Object.keys(programs).length, page.split('\n```js').length - 1, 'every program has a name');

/** Starts a program of the page with certificates of its own. */
async function start(name, { directory }, port) {
  const cwd = folder();
  mkdirSync(join(cwd, 'node_modules'));
  symlinkSync(join(root, 'node-binding'), join(cwd, 'node_modules/peergate'));
  symlinkSync(join(root, 'node-binding/node_modules/undici'), join(cwd, 'node_modules/undici'));
  writeFileSync(join(cwd, 'policy.json'), programs['policy.json']);
  writeFileSync(join(cwd, name), programs[name].replaceAll('/var/run/certs', directory).replaceAll('8443', String(port)));
  const child = spawn(process.execPath, [name], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const program = { child, cwd, said: '' };
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => (program.said += data));
  }
  return program;
}

const until = async (what, about) => {
  for (const end = Date.now() + PATIENCE_MS; !(await what()); ) {
    assert.ok(Date.now() < end, `${about} never happened`);
    await new Promise((soon) => setTimeout(soon, 20));
  }
};

function ask(port, caller, more = {}) {
  return new Promise((resolve) => {
    const { key, cert } = caller ?? {};
    const options = { port, host: 'localhost', path: '/v1/orders/7', agent: false, ca: [ca.cert], key, cert, ...more };
    const request = https.get(options, (response) => {
      const sha256 = response.socket.getPeerCertificate().fingerprint256.replaceAll(':', '');
      response.resume().on('end', () => resolve({ status: response.statusCode, sha256 }));
    });
    request.on('error', (error) => resolve({ error: error.code }));
  });
}

async function serving(name, use) {
  const files = WAYS['renamed files'](bundle(servers[0], ca));
  const port = await freePort();
  const program = await start(name, files, port);
  try {
    await until(async () => (await ask(port, web)).error !== 'ECONNREFUSED', `${name} listening: ${program.said}`);
    await use(port, files, program);
  } finally {
    if (program.child.exitCode === null) {
      program.child.kill();
      await once(program.child, 'exit');
    }
  }
}

for (const name of ['server.mjs', 'before-server.mjs']) {
  test(`${name} lets in whom it should`, () =>
    serving(name, async (port) => {
      assert.equal((await ask(port, web)).status, 200);
      assert.equal((await ask(port, batch)).status, 403);
      assert.ok('error' in (await ask(port)));
      assert.ok('error' in (await ask(port, web, { maxVersion: 'TLSv1.2' })));
    }));
}

const renewed = (port) => async () => (await ask(port, web)).sha256 === servers[1].sha256;

test('server.mjs takes a certificate before its key, and keeps to TLS 1.3', () =>
  serving('server.mjs', async (port, { put }, program) => {
    put({ 'tls.crt': servers[1].cert });
    await until(() => program.said.includes('the key in'), 'the error');
    assert.equal((await ask(port, web)).status, 200);
    put({ 'tls.key': servers[1].key });
    await until(renewed(port), 'the renewal');
    assert.ok(program.said.includes(`certificate ${servers[1].sha256} until`), program.said);
    assert.ok('error' in (await ask(port, web, { maxVersion: 'TLSv1.2' })));
    writeFileSync(join(program.cwd, 'policy.json'), programs['policy.json'].replace('web/sa/front', 'etl/sa/batch'));
    await until(async () => (await ask(port, batch)).status === 200, 'the other policy');
    assert.equal((await ask(port, web)).status, 403);
    await until(() => program.said.includes('policy orders-api'), 'the line about it');
  }));

test('before-server.mjs takes TLS 1.2 after a renewal', () =>
  serving('before-server.mjs', async (port, { put }) => {
    put(bundle(servers[1], ca));
    await until(renewed(port), 'the renewal');
    assert.equal((await ask(port, web, { maxVersion: 'TLSv1.2' })).status, 200);
  }));

test('before-server.mjs ends when a certificate comes before its key', () =>
  serving('before-server.mjs', async (_, { put }, program) => {
    put({ 'tls.crt': servers[1].cert });
    await until(() => program.child.exitCode !== null, 'the end');
    assert.notEqual(program.child.exitCode, 0);
    assert.match(program.said, /KEY_VALUES_MISMATCH/);
  }));

for (const [name, said] of [
  ['client.mjs', '200 an order\n\n'],
  ['before-client.mjs', '200 an order\n\n'],
  ['https-client.mjs', 'an order\n'],
]) {
  test(`${name} shows its certificate`, () =>
    serving('server.mjs', async (port) => {
      const client = await start(name, WAYS['renamed files'](bundle(web, ca)), port);
      const [code] = await once(client.child, 'close');
      assert.deepEqual([code, client.said], [0, said]);
    }));
}

test('the program of the README runs, and ends by itself', async () => {
  const readme = readFileSync(join(root, 'node-binding/README.md'), 'utf8');
  const [, program] = /^```js\n(import https[^]*?peergate\/tls[^]*?)^```$/m.exec(readme);
  programs['readme.mjs'] = program;
  const { child, ...told } = await start('readme.mjs', WAYS['renamed files'](bundle(servers[0], ca)), 1);
  const [code] = await once(child, 'close');
  assert.deepEqual([code, told.said], [0, '']);
});

test('expiry.mjs tells the soonest', async () => {
  const files = WAYS['renamed files'](bundle(servers[0], ca));
  const program = await start('expiry.mjs', files, 1);
  await once(program.child, 'close');
  assert.match(program.said, new RegExp(`^${join(files.directory, 'tls.crt')} 0 CN=server one \\d{4}-.*Z 8\\d{4}\n$`));
});

test('the page names every code, and links to what there is', () => {
  const errors = readFileSync(join(root, 'node-binding/ts/tls/errors.ts'), 'utf8');
  const codes = [...errors.matchAll(/\| '(ERR_\w+)'/g)].map(([, code]) => code);
  assert.ok(codes.length >= 14 && typeof TlsError === 'function');
  const named = [...page.matchAll(/^\| `(ERR_\w+)` \|/gm)].map(([, code]) => code);
  assert.deepEqual(named, codes);
  const links = [...page.matchAll(/\]\(([^)#:]+)\)/g)].map(([, file]) => file);
  assert.deepEqual(links.filter((file) => !existsSync(join(root, 'docs', file))), []);
});
