// The programs of docs/node-short-form.md, and its table of options against what they make.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { toDocuments } from '../dist/index.mjs';
import { hash } from './support.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(root, 'docs/node-short-form.md'), 'utf8');
const programs = Object.fromEntries([...page.matchAll(/^```js (\S+)\n([^]*?)^```$/gm)].map(([, name, text]) => [name, text]));
assert.equal(Object.keys(programs).length, page.split('\n```js ').length - 1, 'every program has a name');

const folder = mkdtempSync(join(tmpdir(), 'peergate-short-form-'));
after(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, 'node_modules'));
symlinkSync(join(root, 'node-binding'), join(folder, 'node_modules/peergate'));
symlinkSync(join(root, 'node-binding/node_modules/express'), join(folder, 'node_modules/express'));

const ran = new Set();
async function run(name, edit = (text) => text) {
  ran.add(name);
  writeFileSync(join(folder, name), edit(programs[name]));
  const { stdout } = await promisify(execFile)(process.execPath, [name], { cwd: folder });
  return stdout;
}

test('app.mjs lets in whom it lists', async () => {
  const output = await run('app.mjs', (text) => {
    assert.ok(text.includes("app.listen(8080, '127.0.0.1');"));
    return text.replace("app.listen(8080, '127.0.0.1');", `
      const server = app.listen(0, '127.0.0.1', async () => {
        for (const names of ['URI=spiffe://prod.example/ns/web/sa/front', 'URI=;DNS=batch.prod.example', 'URI=spiffe://prod.example/other', undefined]) {
          const headers = names === undefined ? {} : { 'x-forwarded-client-cert': 'Hash=${hash()};Subject="";' + names };
          const answer = await fetch('http://127.0.0.1:' + server.address().port, { headers });
          console.log(answer.status, answer.ok ? JSON.stringify(await answer.json()) : '');
        }
        server.closeAllConnections();
        server.close();
      });`);
  });
  assert.deepEqual(output.trim().split('\n').map((line) => line.trim()), [
    '200 {"identity":"spiffe://prod.example/ns/web/sa/front","subjectAltNames":["URI:spiffe://prod.example/ns/web/sa/front"]}',
    '200 {"identity":"batch.prod.example","subjectAltNames":["DNS:batch.prod.example"]}',
    '403',
    '401',
  ]);
});

test('documents.mjs prints what the page shows', async () => {
  const [, shown] = /^```json\n([^]*?)^```$/m.exec(page);
  assert.equal(await run('documents.mjs'), shown);
});

test('lambda.mjs believes the event', async () => {
  const pem = readFileSync(join(root, 'tests/fixtures/certificates/web.pem'), 'utf8');
  const output = await run('lambda.mjs', (text) => `${text}
    import { IncomingMessage, ServerResponse } from 'node:http';
    for (const clientCert of [{ clientCertPem: ${JSON.stringify(pem)} }, undefined, { clientCertPem: 'x' }]) {
      const request = Object.assign(new IncomingMessage(), { method: 'GET', url: '/', event: { requestContext: { authentication: { clientCert } } } });
      const response = new ServerResponse(request);
      response.end = (body) => console.log(response.statusCode, response.statusCode === 200 ? body : '');
      server.emit('request', request, response);
    }`);
  assert.deepEqual(output.trim().split('\n').map((line) => line.trim()), ['200 front', '401', '403']);
});

test('parse.mjs says what and where', async () => {
  assert.equal(await run('parse.mjs'), "[ 'spiffe://td/a' ] CN=a\\,b\ntrue unclosed_quote 5\n");
});

test('every program of the page is run', () => {
  assert.deepEqual([...ran].sort(), Object.keys(programs).sort());
});

test('the README shows the same', async () => {
  const readme = readFileSync(join(root, 'node-binding/README.md'), 'utf8');
  const block = (title) => new RegExp(`\\n## ${title}\\n[^]*?\\n\`\`\`js\\n([^]*?)\`\`\`\\n`).exec(readme)[1];
  const pem = JSON.stringify(readFileSync(join(root, 'tests/fixtures/certificates/web.pem'), 'utf8'));
  writeFileSync(
    join(folder, 'readme.mjs'),
    `import express from 'express';
     import { X509Certificate } from 'node:crypto';
     import { clientCertAuth, PolicyError } from 'peergate';
     const app = express();
     const header = 'Hash=ab;Subject="";URI=spiffe://td/a';
     const pemOrDer = ${pem};
     const socket = { getPeerCertificate: () => new X509Certificate(pemOrDer).toLegacyObject() };
     ${block('The short form')}
     ${block('The certificate')}
     console.log(app.router.stack.length, parseForwardedClientCert(header)[0].URI, parseCertificate(pemOrDer).subjectCn);`,
  );
  const { stdout } = await promisify(execFile)(process.execPath, ['readme.mjs'], { cwd: folder });
  assert.equal(stdout, "1 [ 'spiffe://td/a' ] front\n");
});

test('the table says what each option makes', () => {
  const rows = page.slice(page.indexOf('## What each option'), page.indexOf('`toDocuments` gives'));
  const source = (options) => toDocuments({ allowSubjectCNs: ['a'], ...options }).source;
  const from = (options) => toDocuments(options).policy.allow[0].from;
  for (const [text, made, expected] of [
    ["format: 'xfcc'", source({ header: { format: 'xfcc' } }), { preset: 'envoy' }],
    ['xfcc-json', source({ header: { format: 'xfcc-json' } }), { preset: 'envoy', format: 'json' }],
    ["format: 'structured'", source({ header: { format: 'structured' } }), { preset: 'rfc9440' }],
    ["format: 'nginx'", source({ header: { format: 'nginx' } }), { preset: 'nginx' }],
    ['no `header`', source({}), { preset: 'connection' }],
    ['`allowSANs', from({ allowSANs: ['a'] }), [{ san: ['a'] }]],
    ['`allowSubjectCNs', from({ allowSubjectCNs: ['a'] }), [{ subject: { cn: ['a'] } }]],
    ['`allowIssuerCNs', from({ allowIssuerCNs: ['a'] }), [{ issuer: { cn: ['a'] } }]],
    ['`allowFingerprints', from({ allowFingerprints: ['a'] }), [{ sha256: ['a'] }]],
    ['several lists', from({ allowSANs: ['a'], allowFingerprints: ['b'] }), [{ san: ['a'], sha256: ['b'] }]],
    ['no list', from({}), 'authenticated'],
    ['`requireVerified`', source({ requireVerified: false }), { preset: 'connection', requireVerified: false }],
    ['`checkValidity: true`', source({ checkValidity: true }), { preset: 'connection', validity: 'required' }],
    ['`"ignore"`', source({ checkValidity: false }), { preset: 'connection', validity: 'ignore' }],
  ]) {
    assert.ok(rows.includes(text), text);
    assert.deepEqual(made, expected, text);
  }
});
