// The guard in what Nitro builds, run from another folder: the package and its .wasm must be in it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ask, freePort, xfcc } from '../support.mjs';

const here = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const folder = mkdtempSync(join(tmpdir(), 'peergate-nitro-'));
after(() => rmSync(folder, { recursive: true }));

const MIDDLEWARE = `
import { clientCertAuth } from 'peergate/h3';
const all = { identityHeader: 'x-client-identity', policy: { version: 1, allow: [
  { name: 'a', from: [{ spiffe: 'spiffe://td/a' }], paths: ['/v1/*', '/inner'] },
] } };
export default defineEventHandler(clientCertAuth({ deployment: all, trustPeer: () => true }));
`;
const ROUTE = `
import { getClientCertificate } from 'peergate/h3';
export default defineEventHandler((event) => ({
  caller: getClientCertificate(event) ?? null,
  state: event.context.clientCertificate ?? null,
  header: getHeader(event, 'x-client-identity') ?? null,
}));
`;
const INNER = `
export default defineEventHandler(async (event) => {
  const withHeaders = await event.$fetch('/v1/x');
  const without = await $fetch.raw('/v1/x', { ignoreResponseError: true });
  return { withHeaders, without: without.status };
});
`;

/** Builds the application with real Nitro. */
async function build() {
  const project = join(folder, 'project');
  const files = {
    'package.json': '{"type": "module"}',
    'server/middleware/0.auth.ts': MIDDLEWARE,
    'server/routes/[...].ts': ROUTE,
    'server/routes/inner.ts': INNER,
    'server/public/robots.txt': 'hello',
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(project, path)), { recursive: true });
    writeFileSync(join(project, path), text);
  }
  const own = join(project, 'node_modules/peergate');
  mkdirSync(own, { recursive: true });
  cpSync(join(here, 'dist'), join(own, 'dist'), { recursive: true });
  cpSync(join(here, 'package.json'), join(own, 'package.json'));

  const { createNitro, prepare, copyPublicAssets, build: buildNitro } = await import('nitropack');
  const options = { rootDir: project, srcDir: 'server', preset: 'node-server', compatibilityDate: '2026-01-01', logLevel: 1 };
  const nitro = await createNitro(options);
  await prepare(nitro);
  await copyPublicAssets(nitro);
  await buildNitro(nitro);
  await nitro.close();
  const output = join(folder, 'elsewhere');
  cpSync(join(project, '.output'), output, { recursive: true });
  rmSync(project, { recursive: true });
  return output;
}

test('Nitro 2: what it builds holds the guard, and runs elsewhere', async () => {
  const output = await build();
  const files = readdirSync(output, { recursive: true }).map((file) => file.replaceAll('\\', '/'));
  assert.equal(files.filter((file) => file.endsWith('.wasm')).length, 1);

  const port = await freePort();
  const env = { ...process.env, PORT: String(port), HOST: '127.0.0.1', NODE_ENV: 'production' };
  const server = spawn(process.execPath, [join(output, 'server/index.mjs')], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(server.stdout, 'data');
    const CALLER = [['X-Forwarded-Client-Cert', xfcc()]];
    const forged = [['X-Client-Identity', 'forged'], ['X_Client_Identity', 'alias']];
    const known = await ask(port, { lines: [...CALLER, ...forged] });
    assert.equal(known.status, 200);
    const { caller, state, header } = JSON.parse(known.body);
    assert.equal(caller.identity, 'spiffe://td/a');
    assert.deepEqual([state, header], [caller, 'URI:spiffe://td/a']);
    for (const [request, status] of [
      [{}, 401],
      [{ lines: [['X-Forwarded-Client-Cert', xfcc('spiffe://td/b')]] }, 403],
      [{ target: '/v2', lines: CALLER }, 403],
      [{ target: '/v1/..%2fx', lines: CALLER }, 400],
    ]) {
      const answer = await ask(port, request);
      assert.equal(answer.status, status);
      assert.equal(answer.headers['content-type'], 'application/problem+json');
      assert.equal(answer.headers['cache-control'], 'no-store');
    }
    // What the application asks of itself passes the guard, too, as what it is sent with.
    const inner = JSON.parse((await ask(port, { target: '/inner', lines: [...CALLER, ...forged] })).body);
    assert.equal(inner.withHeaders.caller.identity, 'spiffe://td/a');
    assert.equal(inner.withHeaders.header, 'URI:spiffe://td/a');
    assert.equal(inner.without, 401);
    // Documented: Nitro serves these before any middleware.
    assert.equal((await ask(port, { target: '/robots.txt' })).status, 200);
  } finally {
    server.kill();
    await once(server, 'close');
  }
});
