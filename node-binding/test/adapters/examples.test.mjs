// The programs of examples/node-frameworks, each run and asked the same, and the page that shows them.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ask, freePort, xfcc } from '../support.mjs';

const here = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const examples = join(here, '../examples/node-frameworks');
const folder = mkdtempSync(join(tmpdir(), 'peergate-frameworks-'));
after(() => rmSync(folder, { recursive: true }));

const modules = join(folder, 'node_modules');
mkdirSync(join(modules, 'peergate'), { recursive: true });
for (const name of readdirSync(join(here, 'node_modules'))) {
  if (!name.startsWith('.') && name !== 'peergate') {
    symlinkSync(join(here, 'node_modules', name), join(modules, name));
  }
}
cpSync(join(here, 'dist'), join(modules, 'peergate/dist'), { recursive: true });
cpSync(join(here, 'package.json'), join(modules, 'peergate/package.json'));
for (const file of readdirSync(examples).filter((name) => /\.(mjs|ts|json)$/.test(name))) {
  cpSync(join(examples, file), join(folder, file));
}

const FRONT = [['X-Forwarded-Client-Cert', xfcc('spiffe://prod.example/ns/web/sa/front')]];
const BATCH = [['X-Forwarded-Client-Cert', xfcc('spiffe://prod.example/ns/etl/sa/batch')]];

/** Starts a program that says when it listens, and stops it whatever happens. */
async function running(program, use, { cwd = folder, env = {} } = {}) {
  const port = await freePort();
  const child = spawn(process.execPath, [program], {
    cwd,
    env: { ...process.env, NODE_ENV: 'production', PORT: String(port), HOST: '127.0.0.1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (data) => (said += data));
  try {
    await Promise.race([once(child.stdout, 'data'), once(child, 'exit').then(() => assert.fail(`${program}: ${said}`))]);
    return await use(port);
  } finally {
    child.kill();
    await once(child, 'close');
  }
}

async function answersAsThePolicySays(port) {
  const known = await ask(port, { target: '/v1/orders/7', lines: FRONT });
  assert.equal(known.status, 200, known.body);
  assert.deepEqual(JSON.parse(known.body), { id: '7', caller: 'spiffe://prod.example/ns/web/sa/front' });
  const health = await ask(port, { target: '/healthz' });
  assert.equal(health.status, 200);
  assert.match(health.body, /ok/);
  for (const [request, status] of [
    [{ target: '/v1/orders/7' }, 401],
    [{ target: '/v1/orders/7', lines: BATCH }, 403],
    [{ target: '/v1/orders/..%2f7', lines: FRONT }, 400],
  ]) {
    const answer = await ask(port, request);
    // Nest guards handlers: where there is none there is nothing to guard.
    assert.ok(answer.status === status || (answer.status === 404 && status === 400), `${request.target} ${answer.status}`);
    if (answer.status !== 404) {
      assert.match(answer.headers['content-type'], /^application\/problem\+json/);
    }
  }
}

for (const name of ['express', 'fastify', 'koa', 'hono', 'h3']) {
  test(`${name}.mjs`, () => running(`${name}.mjs`, answersAsThePolicySays));
}

test('nest.ts', async () => {
  const options = ['--module', 'nodenext', '--target', 'es2022', '--strict', '--skipLibCheck', '--types', 'node'];
  const decorators = ['--experimentalDecorators', '--emitDecoratorMetadata', '--outDir', join(folder, 'built')];
  execFileSync(join(here, 'node_modules/.bin/tsc'), [join(folder, 'nest.ts'), ...options, ...decorators], { cwd: folder });
  await running(join(folder, 'built/nest.js'), answersAsThePolicySays);
});

test('fetch.mjs, in a server that hands over the address of who connected', async () => {
  writeFileSync(
    join(folder, 'fetch-server.mjs'),
    `import { createAdaptorServer } from '@hono/node-server';
     import { handle } from './fetch.mjs';
     const fetch = (request, { incoming }) => handle(request, incoming.socket.remoteAddress);
     createAdaptorServer({ fetch }).listen(process.env.PORT, '127.0.0.1', () => console.log('listening'));`,
  );
  await running('fetch-server.mjs', answersAsThePolicySays);
});

test('upgrade.mjs', async () => {
  const { WebSocket } = await import('ws');
  await running('upgrade.mjs', async (port) => {
    const connect = (lines, path = '/v1/orders/7') => new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers: Object.fromEntries(lines) });
    const known = connect(FRONT);
    const [message] = await once(known, 'message');
    assert.equal(String(message), 'hello');
    known.close();
    for (const [lines, path, status] of [[BATCH, undefined, 403], [[], undefined, 401], [FRONT, '/v1/other', 403]]) {
      const [error] = await once(connect(lines, path), 'error');
      assert.equal(error.message, `Unexpected server response: ${status}`);
    }
    assert.equal((await ask(port, { target: '/v1/orders/7' })).status, 401);
    // Whoever breaks off, refused or let in, takes nobody along.
    const upgrade = (lines) => `GET /v1/orders/7 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${lines}\r\n`;
    for (let i = 0; i < 200; i += 1) {
      const socket = net.connect(port, '127.0.0.1');
      await once(socket, 'connect');
      socket.write(upgrade(''), () => socket.resetAndDestroy());
      await once(socket, 'close');
    }
    const broken = connect(FRONT);
    await once(broken, 'message');
    // No frame begins so.
    broken._socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff]));
    await once(broken, 'close');
    assert.equal((await ask(port, { target: '/v1/orders/7' })).status, 401);
  });
});

test('nitro', async () => {
  const project = join(folder, 'nitro');
  cpSync(join(examples, 'nitro'), project, { recursive: true });
  writeFileSync(join(project, 'package.json'), '{"type": "module"}');
  const { createNitro, prepare, build } = await import('nitropack');
  const nitro = await createNitro({ rootDir: project, srcDir: 'server', preset: 'node-server', compatibilityDate: '2026-01-01', logLevel: 1 });
  await prepare(nitro);
  await build(nitro);
  await nitro.close();
  await running(join(project, '.output/server/index.mjs'), answersAsThePolicySays);
});

test('nuxt', async () => {
  const project = join(folder, 'nuxt');
  cpSync(join(examples, 'nuxt'), project, { recursive: true, filter: (from) => !/node_modules|\.output|\.nuxt/.test(from) });
  const env = { ...process.env, NUXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' };
  execFileSync('npm', ['install', '--silent', '--no-audit', '--no-fund', '--no-package-lock'], { cwd: project, env, stdio: 'pipe' });
  cpSync(join(modules, 'peergate'), join(project, 'node_modules/peergate'), { recursive: true });
  execFileSync(join(project, 'node_modules/.bin/nuxt'), ['build'], { cwd: project, env, stdio: 'pipe' });
  const output = join(folder, 'nuxt-output');
  cpSync(join(project, '.output'), output, { recursive: true });
  rmSync(project, { recursive: true });
  await running(join(output, 'server/index.mjs'), async (port) => {
    await answersAsThePolicySays(port);
    // A page, which nobody may see by this policy.
    assert.equal((await ask(port, { target: '/', lines: FRONT })).status, 403);
  }, { cwd: output });
});

test('docs/node-frameworks.md shows these programs and no others', () => {
  const page = readFileSync(join(here, '../docs/node-frameworks.md'), 'utf8');
  const blocks = [...page.matchAll(/^```(\w+) ?(\S*)\n([^]*?)^```$/gm)];
  for (const [, language, file, text] of blocks) {
    if (language !== 'sh') {
      assert.equal(text, readFileSync(join(examples, file), 'utf8'), file);
    }
  }
  const shown = blocks.filter(([, language]) => language !== 'sh').map(([, , file]) => file);
  assert.deepEqual(shown.sort(), [
    'fastify.mjs', 'fetch.mjs', 'h3.mjs', 'hono.mjs', 'koa.mjs', 'nest.ts',
    'nitro/server/middleware/0.auth.ts', 'nuxt/nuxt.config.ts', 'policy.json', 'upgrade.mjs',
  ]);
});
