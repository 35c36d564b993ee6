// What users write in TypeScript, with the types of the frameworks, in both module systems.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const folder = mkdtempSync(join(tmpdir(), 'peergate-types-'));
after(() => rmSync(folder, { recursive: true }));

const modules = join(folder, 'node_modules');
mkdirSync(join(modules, 'peergate'), { recursive: true });
for (const name of readdirSync(join(here, 'node_modules'))) {
  if (name !== 'peergate' && !name.startsWith('.')) {
    symlinkSync(join(here, 'node_modules', name), join(modules, name));
  }
}
cpSync(join(here, 'dist'), join(modules, 'peergate/dist'), { recursive: true });
cpSync(join(here, 'package.json'), join(modules, 'peergate/package.json'));

/** In each: options, where the certificate is, a misspelt option. */
const programs = {
  fastify: `
import { fastify } from 'fastify';
import { clientCertAuth, clientCertHook, getClientCertificate, type ClientCertificate } from 'peergate/fastify';
const app = fastify();
app.register(clientCertAuth, { policy: 'policy.json', trustPeer: (socket) => socket.remoteAddress === '10.0.0.7' });
app.register(clientCertAuth, { policy: {}, source: { preset: 'envoy' }, verify: (certificate, request) => request.url === certificate?.identity, onDeny: 'throw' });
app.get('/x', async (request) => {
  const caller: ClientCertificate | null = request.clientCertificate;
  const same: ClientCertificate | undefined = getClientCertificate(request.raw);
  return [caller?.identity, same?.sha256];
});
app.get('/y', { onRequest: clientCertHook({ policy: 'policy.json' }) }, (_request, reply) => void reply.send('y'));
// @ts-expect-error a misspelt option
app.register(clientCertAuth, { polcy: 'policy.json' });
`,
  koa: `
import Koa = require('koa');
import { clientCertAuth, getClientCertificate, type ClientCertificate } from 'peergate/koa';
const app = new Koa<{ clientCertificate?: ClientCertificate }>();
app.use(clientCertAuth({ policy: 'policy.json', trustPeer: (socket) => socket.remoteAddress === '10.0.0.7' }));
app.use(clientCertAuth({ policy: {}, verify: async (_certificate, context) => context.originalUrl === '/', onDeny: 'throw', stateKey: 'caller' }));
app.use((ctx) => {
  const caller: ClientCertificate | undefined = ctx.state.clientCertificate ?? getClientCertificate(ctx);
  ctx.body = caller?.identity;
});
const untyped = new Koa();
untyped.use(clientCertAuth({ policy: 'policy.json' }));
// @ts-expect-error a misspelt option
clientCertAuth({ policy: {}, onDenied: 'throw' });
`,
  hono: `
import { Hono } from 'hono';
import type { HttpBindings } from '@hono/node-server';
import { clientCertAuth, getClientCertificate, type ClientCertificate } from 'peergate/hono';
const app = new Hono<{ Bindings: HttpBindings }>()
  .use(clientCertAuth({ policy: 'policy.json', trustPeer: (socket) => socket.remoteAddress === '10.0.0.7' }))
  .get('/x', (c) => {
    const caller: ClientCertificate | undefined = c.get('clientCertificate');
    const same: ClientCertificate | undefined = c.var.clientCertificate;
    return c.json({ caller: caller?.identity, same: same?.identity, raw: getClientCertificate(c.req.raw) });
  });
new Hono().use(clientCertAuth({ policy: {}, stateKey: 'caller', verify: (_certificate, c) => c.req.path === '/' })).get('/x', (c) => {
  const caller: ClientCertificate | undefined = c.var.caller;
  // @ts-expect-error it is called caller
  c.var.clientCertificate;
  return c.json(caller ?? null);
});
// @ts-expect-error a misspelt option
app.use(clientCertAuth({ policy: {}, onDenied: 'throw' }));
`,
  'h3-2': `
import { H3, defineHandler } from 'h3';
import { clientCertAuth, getClientCertificate, type ClientCertificate } from 'peergate/h3';
const app = new H3();
app.use(clientCertAuth({ policy: 'policy.json', trustPeer: (socket) => socket.remoteAddress === '10.0.0.7' }));
app.use('/v1/**', clientCertAuth({ policy: {}, verify: (_certificate, event) => 'context' in event, onDeny: 'throw' }));
app.get('/x', defineHandler((event) => {
  const caller: ClientCertificate | undefined = getClientCertificate(event);
  return caller?.identity ?? event.context.clientCertificate;
}));
// @ts-expect-error a misspelt option
app.use(clientCertAuth({ policy: {}, onDenied: 'throw' }));
`,
  'h3-1': `
import { createApp, defineEventHandler } from 'h3v1';
import { clientCertAuth, getClientCertificate, type ClientCertificate } from 'peergate/h3';
const app = createApp();
app.use(clientCertAuth({ policy: 'policy.json' }));
app.use('/v1', defineEventHandler(clientCertAuth({ policy: {} })));
app.use(defineEventHandler((event) => {
  const caller: ClientCertificate | undefined = getClientCertificate(event);
  return caller?.identity ?? event.context.clientCertificate;
}));
`,
  nest: `
import 'reflect-metadata';
import { Controller, Get, Module, UseGuards, type CanActivate } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AllowedBy, ClientCert, clientCertAuth, type ClientCertificate } from 'peergate/nest';
const guard: CanActivate = clientCertAuth({ policy: 'policy.json', trustPeer: (socket) => socket.remoteAddress === '10.0.0.7' });
@Controller('v1')
@UseGuards(guard)
@AllowedBy('orders', 'admin')
class Orders {
  @Get('orders')
  @AllowedBy('orders')
  find(@ClientCert() caller: ClientCertificate | undefined) {
    return caller?.identity;
  }
}
@Module({ controllers: [Orders], providers: [{ provide: APP_GUARD, useValue: clientCertAuth({ policy: {} }) }] })
export class App {}
// @ts-expect-error a misspelt option
clientCertAuth({ policy: {}, onDenied: 'throw' });
// @ts-expect-error no rules
AllowedBy();
`,
  fetch: `
import { clientCertAuth, getClientCertificate, type ClientCertificate } from 'peergate/fetch';
const auth = clientCertAuth<{ address: string }>({ policy: 'policy.json', trustPeer: (peer) => peer.address === '10.0.0.7' });
export function GET(request: Request): Response {
  const outcome = auth(request, { address: '10.0.0.7' });
  if (outcome instanceof Response) {
    return outcome;
  }
  const caller: ClientCertificate | undefined = getClientCertificate(outcome);
  return Response.json({ caller, url: outcome.url });
}
const later = clientCertAuth({ policy: {}, verify: async (_certificate, request: Request) => request.url === '' });
export const outcome: Promise<Request | Response> = Promise.resolve(later(new Request('http://localhost/')));
// @ts-expect-error there is no error handler to throw to
clientCertAuth({ policy: {}, onDeny: 'throw' });
`,
  nuxt: `
import module, { type ModuleOptions } from 'peergate/nuxt';
export const options: ModuleOptions = { policy: 'policy.json', source: { preset: 'envoy' } };
export const meta: Promise<{ configKey: string }> = module.getMeta();
// @ts-expect-error functions cannot be written into a configuration
export const wrong: ModuleOptions = { policy: 'policy.json', verify: () => true };
`,
};

/** Without these nothing of a framework is in our types. */
const ALONE = ['koa', 'h3', 'nest', 'fetch', 'nuxt'];

const base = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noEmit: true,
  target: 'es2022',
  lib: ['es2023'],
  types: ['node'],
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
};

function checked(name, files, options) {
  const project = join(folder, name);
  mkdirSync(project);
  for (const [file, text] of Object.entries(files)) {
    writeFileSync(join(project, file), text);
  }
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: { ...base, ...options }, files: Object.keys(files) }));
  try {
    execFileSync(join(here, 'node_modules/.bin/tsc'), ['--project', project], { encoding: 'utf8' });
  } catch (error) {
    assert.fail(error.stdout);
  }
}

test('programs of users are right, as ES modules and as CommonJS', () => {
  const files = {};
  for (const [name, program] of Object.entries(programs)) {
    // An ES module has no `import = require`, and a CommonJS one takes the default as what it is.
    files[`${name}.mts`] = program.replace(/import Koa = require\('koa'\)/, "import Koa from 'koa'");
    files[`${name}.cts`] = program.replace(/import module, \{ type (\w+) \} from '(.*)'/, "import all = require('$2');\nimport type { $1 } from '$2';\nconst module = all.default");
  }
  // In `node16` a CommonJS file may not even name an ES module, as which h3 2, Nest 12 and others come.
  checked('users', files, { module: 'nodenext', skipLibCheck: true });
});

test('our types are right without any framework', () => {
  const files = {};
  for (const name of ALONE) {
    files[`${name}.mts`] = `export * from 'peergate/${name}';`;
    files[`${name}.cts`] = `export * from 'peergate/${name}';`;
  }
  checked('alone', files, { module: 'node16', skipLibCheck: false });
});

test('our types are right with those of Fastify and of Hono', () => {
  const files = {};
  for (const name of ['fastify', 'hono']) {
    files[`${name}.mts`] = `export * from 'peergate/${name}';`;
    files[`${name}.cts`] = `export * from 'peergate/${name}';`;
  }
  // Hono's types are about the Web.
  checked('with', files, { module: 'node16', skipLibCheck: false, lib: ['es2023', 'dom', 'dom.iterable'] });
});
