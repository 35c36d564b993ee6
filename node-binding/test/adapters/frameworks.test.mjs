// What only one framework has: its own ways to rewrite, to mount, to answer errors.

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import http from 'node:http';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { All, Controller, Get, Req, UseGuards } from '@nestjs/common';
import { AccessDeniedError, clientCertAuth as nodeAuth, createGate, getClientCertificate } from '../../dist/index.mjs';
import { clientCertAuth as fastifyAuth, clientCertHook } from '../../dist/fastify.mjs';
import { clientCertAuth as fetchAuth } from '../../dist/fetch.mjs';
import { clientCertAuth as h3Auth } from '../../dist/h3.mjs';
import { clientCertAuth as honoAuth } from '../../dist/hono.mjs';
import { clientCertAuth as koaAuth } from '../../dist/koa.mjs';
import { AllowedBy, ClientCert, clientCertAuth as nestAuth } from '../../dist/nest.mjs';
import { ask, brief, deployment, hash, policy, xfcc } from '../support.mjs';
import { application, decorate, moduleOf, started } from './nest-app.mjs';

process.env.NODE_ENV = 'test';

const require = createRequire(import.meta.url);
const CALLER = [['X-Forwarded-Client-Cert', xfcc()]];
const STRANGER = [['X-Forwarded-Client-Cert', xfcc('spiffe://td/b')]];
const trustPeer = () => true;
/** Anybody may GET this and nothing else. */
const only = (path, ...methods) => ({
  version: 1,
  allow: [{ name: 'only', from: 'anyone', paths: [path], ...(methods.length > 0 ? { methods } : {}) }],
});

async function listening(server, use) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await use(server.address().port);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const served = (listener, use) => listening(http.createServer(listener), use);

for (const name of ['fastify', 'fastify4']) {
  const create = require(name);
  const running = async (app, use) => {
    await app.listen({ port: 0, host: '127.0.0.1' });
    try {
      return await use(app.server.address().port);
    } finally {
      app.server.closeAllConnections();
      await app.close();
    }
  };

  test(`${name}: the default answer is problem+json, the error handler of the application is asked where there is one`, async () => {
    const app = create();
    const seen = [];
    await app.register(fastifyAuth, { policy, trustPeer });
    app.get('/v1/x', async (request) => ({ caller: request.clientCertificate }));
    await app.register(async (scope) => {
      scope.setErrorHandler((error, _request, reply) => {
        seen.push(error);
        return reply.code(418).send('own');
      });
      scope.get('/v1/own', async () => 'own');
    });
    await running(app, async (port) => {
      const refused = await ask(port);
      assert.equal(refused.status, 401);
      assert.equal(refused.headers['content-type'], 'application/problem+json');
      assert.equal(refused.headers['cache-control'], 'no-store');
      assert.deepEqual(JSON.parse(refused.body), { type: 'about:blank', title: 'Unauthorized', status: 401 });
      assert.equal((await ask(port, { target: '/v1/own' })).status, 418);
      assert.ok(seen[0] instanceof AccessDeniedError);
      assert.deepEqual([seen[0].statusCode, seen[0].code], [401, 'ERR_PEERGATE_DENIED']);
      // A route that does not exist is not told from one that may not be asked.
      assert.equal((await ask(port, { target: '/none' })).status, 401);
    });
  });

  test(`${name}: with onDeny 'throw' and no error handler the error is Fastify's`, async () => {
    const app = create();
    await app.register(fastifyAuth, { policy, trustPeer, onDeny: 'throw' });
    app.get('/v1/x', async () => 'x');
    await running(app, async (port) => {
      const { status, body, headers } = await ask(port, { lines: STRANGER });
      assert.equal(status, 403);
      assert.equal(headers['cache-control'], 'no-store');
      assert.deepEqual(JSON.parse(body), { statusCode: 403, code: 'ERR_PEERGATE_DENIED', error: 'Forbidden', message: 'Forbidden' });
    });
  });

  test(`${name}: with onDeny 'respond' the error handler is not asked`, async () => {
    const app = create();
    app.setErrorHandler(() => assert.fail());
    await app.register(fastifyAuth, { policy, trustPeer, onDeny: 'respond' });
    app.get('/v1/x', async () => 'x');
    await running(app, async (port) => assert.equal((await ask(port)).headers['content-type'], 'application/problem+json'));
  });

  test(`${name}: rewriteUrl changes where a request goes, and not what is decided`, async () => {
    const app = create({ rewriteUrl: ({ url }) => (url === '/v1/x' ? '/secret' : url) });
    await app.register(fastifyAuth, { policy: { ...only('/secret'), name: 'rewritten' }, trustPeer });
    app.get('/secret', async () => 'secret');
    await running(app, async (port) => {
      assert.equal((await ask(port)).status, 401);
      assert.equal((await ask(port, { target: '/secret' })).status, 200);
    });
    const other = create({ rewriteUrl: ({ url }) => (url === '/v1/x' ? '/secret' : url) });
    await other.register(fastifyAuth, { policy: only('/v1/x'), trustPeer });
    other.get('/secret', async () => 'secret');
    await running(other, async (port) => {
      assert.equal((await ask(port)).body, 'secret');
      assert.equal((await ask(port, { target: '/secret' })).status, 401);
    });
  });

  test(`${name}: as a hook of one route, and in inject()`, async () => {
    const app = create();
    const gate = createGate({ policy });
    app.get('/v1/x', { onRequest: clientCertHook({ gate, trustPeer }) }, async (request) => getClientCertificate(request));
    app.get('/open', async () => 'open');
    for (const [url, headers, status] of [
      ['/v1/x', { 'x-forwarded-client-cert': xfcc() }, 200],
      ['/v1/x', {}, 401],
      ['/open', {}, 200],
    ]) {
      assert.equal((await app.inject({ url, headers })).statusCode, status);
    }
    await app.close();
  });

  test(`${name}: a plugin in two scopes, each with its policy; nobody writes the certificate`, async () => {
    const app = create();
    await app.register(async (scope) => {
      await scope.register(fastifyAuth, { policy: only('/a'), trustPeer });
      scope.get('/a', async (request) => {
        assert.throws(() => {
          request.clientCertificate = 'forged';
        }, TypeError);
        return { caller: request.clientCertificate };
      });
    });
    await app.register(async (scope) => {
      await scope.register(fastifyAuth, { policy: only('/b'), trustPeer });
      scope.get('/b', async () => 'b');
    });
    app.get('/open', async (request) => ({ has: 'clientCertificate' in request }));
    await running(app, async (port) => {
      assert.deepEqual(JSON.parse((await ask(port, { target: '/a' })).body), { caller: null });
      assert.equal((await ask(port, { target: '/b' })).status, 200);
      assert.deepEqual(JSON.parse((await ask(port, { target: '/open' })).body), { has: false });
    });
    assert.ok(app.printPlugins().includes('peergate'));
  });
}

for (const name of ['koa', 'koa2']) {
  const Koa = require(name);

  test(`${name}: what rewrote ctx.url or ctx.path before does not change what is decided`, async () => {
    const rewritten = (allowed) => {
      const app = new Koa();
      app.use(async (ctx, next) => {
        ctx.url = '/secret';
        ctx.path = '/secret';
        await next();
      });
      app.use(koaAuth({ policy: only(allowed), trustPeer }));
      app.use((ctx) => void (ctx.body = ctx.path));
      return app.callback();
    };
    await served(rewritten('/secret'), async (port) => assert.equal((await ask(port)).status, 401));
    await served(rewritten('/v1/x'), async (port) => assert.equal((await ask(port)).body, '/secret'));
  });

  test(`${name}: below Express the whole path counts`, async () => {
    const below = (allowed) => {
      const app = new Koa();
      app.use(koaAuth({ policy: only(allowed), trustPeer }));
      app.use((ctx) => void (ctx.body = ctx.path));
      return require('express')().use('/v1', app.callback());
    };
    await served(below('/x'), async (port) => assert.equal((await ask(port)).status, 401));
    await served(below('/v1/x'), async (port) => assert.equal((await ask(port)).body, '/x'));
  });

  test(`${name}: an answer that has begun is cut off`, async () => {
    const app = new Koa();
    app.silent = true;
    app.use(async (ctx, next) => {
      ctx.respond = false;
      ctx.res.writeHead(200, { 'content-length': '100' });
      ctx.res.write('begun');
      await next();
    });
    app.use(koaAuth({ policy, trustPeer }));
    await served(app.callback(), async (port) => {
      await assert.rejects(fetch(`http://127.0.0.1:${port}/v1/x`).then((answer) => answer.text()));
    });
  });
}

for (const adapter of ['@hono/node-server', 'hono-server1']) {
  const running = async (app, use) => {
    const { createAdaptorServer } = await import(adapter);
    return listening(createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }), use);
  };
  const hono = async () => new (await import('hono')).Hono();

  test(`${adapter}: a request that the application sends to itself must be allowed as what arrived and as what it is now`, async () => {
    // A batch of which the parts are sent with the same environment.
    const app = await hono();
    app.use(honoAuth({ policy: { version: 1, allow: [...only('/batch').allow, { name: 'x', from: 'anyone', paths: ['/open'] }] }, trustPeer }));
    let reached = 0;
    app.get('/batch', (c) => app.fetch(new Request(new URL(c.req.query('path'), c.req.url)), c.env));
    app.get('/secret', (c) => c.text(`secret ${(reached += 1)}`));
    app.get('/open', (c) => c.text('open'));
    await running(app, async (port) => {
      assert.equal((await ask(port, { target: '/batch?path=/secret' })).status, 401);
      assert.equal(reached, 0);
      assert.equal((await ask(port, { target: '/batch?path=/open' })).body, 'open');
      // Not because one ends like the other.
      assert.equal((await ask(port, { target: '/batch?path=/secret/batch?path=/secret' })).status, 401);
    });
  });

  test(`${adapter}: a method that is overridden must be allowed, too`, async () => {
    const app = await hono();
    let deleted = 0;
    app.use((c, next) => {
      // What Hono's own method override does.
      const method = c.req.header('x-method');
      return method === undefined ? next() : app.fetch(new Request(c.req.url, { method }), c.env);
    });
    app.use(honoAuth({ policy: only('/v1/x', 'POST'), trustPeer }));
    app.post('/v1/x', (c) => c.text('posted'));
    app.delete('/v1/x', (c) => c.text(`deleted ${(deleted += 1)}`));
    await running(app, async (port) => {
      assert.equal((await ask(port, { method: 'POST' })).body, 'posted');
      const overridden = await ask(port, { method: 'POST', lines: [['X-Method', 'DELETE']] });
      assert.deepEqual([overridden.status, deleted], [401, 0]);
    });
  });

  test(`${adapter}: below mount() a path without its beginning must be allowed, too`, async () => {
    const mounted = async (...paths) => {
      const inner = await hono();
      inner.use(honoAuth({ policy: { version: 1, allow: paths.flatMap((path) => only(path).allow).map((rule, at) => ({ ...rule, name: `r${at}` })) }, trustPeer }));
      inner.get('/x', (c) => c.text('x'));
      const app = await hono();
      app.mount('/v1', (request, env) => inner.fetch(request, env), { optionHandler: (c) => [c.env] });
      return app;
    };
    await running(await mounted('/x'), async (port) => assert.equal((await ask(port)).status, 401));
    await running(await mounted('/v1/x'), async (port) => assert.equal((await ask(port)).status, 401));
    await running(await mounted('/v1/x', '/x'), async (port) => assert.equal((await ask(port)).body, 'x'));
  });

  test(`${adapter}: an error has its own response`, async () => {
    const app = await hono();
    app.use(honoAuth({ policy, trustPeer, onDeny: 'throw' }));
    await running(app, async (port) => {
      const { status, headers } = await ask(port);
      assert.deepEqual([status, headers['content-type']], [401, 'application/problem+json']);
    });
  });

  test(`${adapter}: headers that must not be changed are replaced with the request`, async () => {
    const app = await hono();
    app.use((c, next) => {
      Object.defineProperty(c.req.raw, 'headers', { value: frozen(c.req.raw.headers), configurable: true });
      return next();
    });
    app.use(honoAuth({ deployment }));
    app.post('/v1/x', async (c) => c.json({ header: c.req.header('x-client-identity'), body: await c.req.text() }));
    const request = new Request('http://localhost/v1/x', {
      method: 'POST',
      body: 'body',
      headers: { 'x-forwarded-client-cert': xfcc(), 'x-client-identity': 'forged' },
    });
    assert.deepEqual(await (await app.fetch(request)).json(), { header: 'URI:spiffe://td/a', body: 'body' });
  });
}

/** As hosts hand them over that guard a request's headers. */
function frozen(headers) {
  const copy = new Headers(headers);
  const refuse = () => {
    throw new TypeError('immutable');
  };
  return Object.assign(copy, { delete: refuse, set: refuse, append: refuse });
}

test('h3 1: useBase and what event.path says do not change what is decided', async () => {
  const h3 = await import('h3v1');
  const mounted = (allowed) => {
    const router = h3.createRouter();
    const inner = h3.createRouter();
    inner.get(
      '/x',
      h3.defineEventHandler({ onRequest: [], handler: (event) => event.path }),
    );
    const guard = h3Auth({ policy: only(allowed), trustPeer });
    const handler = h3.defineEventHandler(async (event) => (await guard(event)) ?? inner.handler(event));
    router.use('/v1/**', h3.useBase('/v1', handler));
    return h3.toNodeListener(h3.createApp().use(router));
  };
  await served(mounted('/x'), async (port) => assert.equal((await ask(port)).status, 401));
  await served(mounted('/v1/x'), async (port) => assert.equal((await ask(port)).body, '/x'));
});

test('h3 2: withBase, and a request with another method', async () => {
  const h3 = await import('h3');
  const based = (allowed) => {
    const app = new h3.H3();
    const guard = h3Auth({ policy: only(allowed), trustPeer });
    app.all('/v1/**', h3.withBase('/v1', h3.defineHandler(async (event) => (await guard(event)) ?? event.url.pathname)));
    return h3.toNodeHandler(app);
  };
  await served(based('/x'), async (port) => assert.equal((await ask(port)).status, 401));
  await served(based('/v1/x'), async (port) => assert.equal((await ask(port)).body, '/x'));

  const app = new h3.H3();
  const guard = h3Auth({ policy: only('/v1/x', 'POST'), trustPeer });
  app.all('/v1/x', async (event) => {
    const overridden = event.req.headers.get('x-method');
    if (overridden !== null) {
      Object.defineProperty(event.req, 'method', { value: overridden });
    }
    return (await guard(event)) ?? event.req.method;
  });
  await served(h3.toNodeHandler(app), async (port) => {
    assert.equal((await ask(port, { method: 'POST' })).body, 'POST');
    assert.equal((await ask(port, { method: 'POST', lines: [['X-Method', 'DELETE']] })).status, 401);
  });
});

for (const platform of ['express', 'fastify']) {
  test(`Nest, ${platform}: the default answer, rules that a handler asks for, the certificate as a parameter`, async () => {
    class Orders {
      find(caller) {
        return { caller: caller?.identity ?? null };
      }
      remove() {
        return 'removed';
      }
      all(request) {
        return request.url;
      }
    }
    Controller('v1')(Orders);
    UseGuards(
      nestAuth({
        policy: {
          version: 1,
          allow: [
            { name: 'orders', from: [{ spiffe: 'spiffe://td/a' }], paths: ['/v1/*'] },
            { name: 'admin', from: [{ spiffe: 'spiffe://td/b' }], paths: ['/v1/*'] },
          ],
        },
        trustPeer,
      }),
    )(Orders);
    decorate(Orders, 'find', [Get('orders'), AllowedBy('orders', 'admin')], [ClientCert()]);
    decorate(Orders, 'remove', [All('remove'), AllowedBy('admin')]);
    decorate(Orders, 'all', [Get('other'), AllowedBy('orders')], [Req()]);
    const app = await application(moduleOf(Orders), platform, (listener) => http.createServer(listener));
    const { server } = await started(app, platform, (listener) => http.createServer(listener));
    const messages = [];
    const note = ({ decision }) => messages.push(decision.detail);
    subscribe('peergate:decision', note);
    try {
      await listening(server, async (port) => {
        assert.deepEqual(JSON.parse((await ask(port, { target: '/v1/orders', lines: CALLER })).body), { caller: 'spiffe://td/a' });
        assert.equal((await ask(port, { target: '/v1/remove', lines: STRANGER })).body, 'removed');
        assert.equal(messages.at(-1), null);
        const refused = await ask(port, { target: '/v1/remove', lines: CALLER });
        assert.equal(refused.status, 403);
        assert.match(refused.headers['content-type'], /^application\/problem\+json/);
        assert.deepEqual(JSON.parse(refused.body), { type: 'about:blank', title: 'Forbidden', status: 403 });
        assert.equal(messages.at(-1), 'verify_refused');
        assert.equal((await ask(port, { target: '/v1/other', lines: STRANGER })).status, 403);
        assert.equal((await ask(port, { target: '/v1/orders' })).status, 401);
      });
    } finally {
      unsubscribe('peergate:decision', note);
      await app.close();
    }
  });
}

test('what somebody wrote where the certificate stands is gone, also for a request that is refused', async () => {
  const told = [];
  const Koa = require('koa');
  const koa = new Koa();
  koa.use(async (ctx, next) => {
    ctx.state.clientCertificate = 'forged';
    await next();
    told.push(ctx.state.clientCertificate);
  });
  koa.use(koaAuth({ policy, trustPeer }));
  koa.use((ctx) => {
    told.push(ctx.state.clientCertificate);
    assert.throws(() => {
      ctx.state.clientCertificate = 'forged';
    }, TypeError);
    ctx.body = '';
  });
  const { Hono } = await import('hono');
  const { getRequestListener } = await import('@hono/node-server');
  const hono = new Hono();
  hono.use(async (c, next) => {
    c.set('clientCertificate', 'forged');
    await next();
    told.push(c.get('clientCertificate'));
  });
  hono.use(honoAuth({ policy, trustPeer }));
  hono.all('*', (c) => (told.push(c.get('clientCertificate')), c.text('')));
  const { H3, toNodeHandler } = await import('h3');
  const h3 = new H3();
  h3.use(async (event, next) => {
    event.context.clientCertificate = 'forged';
    const answer = await next();
    told.push(event.context.clientCertificate);
    return answer;
  });
  h3.use(h3Auth({ policy, trustPeer }));
  h3.all('/**', (event) => (told.push(event.context.clientCertificate), ''));
  for (const listener of [koa.callback(), getRequestListener(hono.fetch, { overrideGlobalObjects: false }), toNodeHandler(h3)]) {
    await served(listener, async (port) => {
      assert.equal((await ask(port, { target: '/healthz' })).status, 200);
      assert.deepEqual(told.splice(0), [undefined, undefined], 'nobody');
      assert.equal((await ask(port, { lines: STRANGER })).status, 403);
      assert.deepEqual(told.splice(0), [undefined], 'refused');
      assert.equal((await ask(port, { lines: CALLER })).status, 200);
      assert.equal(told[0].identity, 'spiffe://td/a');
      assert.equal(told[0], told[1]);
      told.length = 0;
    });
  }
});

test('a name that a request has already is not taken for the certificate', async () => {
  for (const name of ['fastify', 'fastify4']) {
    for (const stateKey of ['url', 'taken']) {
      const app = require(name)();
      app.decorateRequest('taken', null);
      await assert.rejects(async () => app.register(fastifyAuth, { policy, trustPeer, stateKey }), TypeError);
    }
  }
  const guard = nestAuth({ policy: only('/x'), trustPeer, stateKey: 'url' });
  await served(
    (request, response) => {
      const http = { getRequest: () => request, getResponse: () => response };
      const context = { getType: () => 'http', getHandler: () => only, getClass: () => only, switchToHttp: () => http };
      assert.throws(() => guard.canActivate(context), (error) => error.getStatus() === 500);
      assert.equal(getClientCertificate(request), undefined);
      response.end(request.url);
    },
    async (port) => assert.equal((await ask(port, { target: '/x' })).body, '/x'),
  );
});

test('Nest: what is no HTTP request is refused, a GraphQL operation is decided by the request in its context', async () => {
  const guard = nestAuth({ policy: only('/graphql'), trustPeer });
  const context = (type, request) => ({
    getType: () => type,
    getHandler: () => Orders,
    getClass: () => Orders,
    getArgByIndex: (index) => (index === 2 ? { req: request } : undefined),
    switchToHttp: () => assert.fail('this is no HTTP request'),
  });
  class Orders {}
  for (const type of ['ws', 'rpc', 'graphql', 'whatever']) {
    assert.throws(() => guard.canActivate(context(type, undefined)), (error) => error.getStatus() === 500);
  }
  await served(
    (request, response) => {
      try {
        response.end(String(guard.canActivate(context('graphql', request))));
      } catch (error) {
        response.statusCode = error.getStatus();
        response.end();
      }
    },
    async (port) => {
      assert.equal((await ask(port, { target: '/graphql' })).body, 'true');
      assert.equal((await ask(port, { target: '/other' })).status, 401);
    },
  );
});

test('Fetch: the same request where nothing is to be changed, else a new one; the answer otherwise', async () => {
  const headers = { 'x-forwarded-client-cert': xfcc() };
  const plain = fetchAuth({ policy });
  const request = new Request('http://localhost/v1/x', { headers });
  assert.equal(plain(request), request);
  assert.deepEqual(brief(getClientCertificate(request)), { identity: 'spiffe://td/a', identityType: 'spiffe', sha256: hash(), verified: true });

  const auth = fetchAuth({ deployment });
  const first = new Request('http://localhost/v1/x', { method: 'POST', body: 'body', headers: { ...headers, 'X-Client-Identity': 'forged', x_client_identity: 'alias' } });
  const outcome = auth(first);
  assert.ok(outcome instanceof Request && outcome !== first);
  assert.deepEqual([outcome.headers.get('x-client-identity'), outcome.headers.get('x_client_identity')], ['URI:spiffe://td/a', null]);
  assert.equal(first.headers.get('x-client-identity'), 'forged', 'what belongs to the host is left as it is');
  assert.deepEqual([outcome.method, outcome.url, await outcome.text()], ['POST', first.url, 'body']);
  assert.equal(getClientCertificate(outcome).identity, 'spiffe://td/a');

  const refused = auth(new Request('http://localhost/v1/x'));
  assert.ok(refused instanceof Response);
  assert.equal(refused.status, 401);
  assert.equal(refused.headers.get('content-type'), 'application/problem+json');
  assert.deepEqual(await refused.json(), { type: 'about:blank', title: 'Unauthorized', status: 401 });

  const later = fetchAuth({ policy, verify: async () => true })(new Request('http://localhost/v1/x', { headers }));
  assert.ok(later instanceof Promise && (await later) instanceof Request);

  const peers = fetchAuth({ policy, trustPeer: (peer) => peer.address === '10.0.0.7' });
  assert.equal(peers(new Request('http://localhost/v1/x', { headers }), { address: '10.0.0.8' }).status, 403);
  assert.equal(peers(new Request('http://localhost/v1/x', { headers })).status, 403, 'nobody is known to have connected');
  assert.ok(peers(new Request('http://localhost/v1/x', { headers }), { address: '10.0.0.7' }) instanceof Request);
  assert.throws(() => fetchAuth({ policy, onDeny: 'throw' }), TypeError);
});

test('a WebSocket upgrade is decided by the gate, before anything is agreed', async () => {
  const { WebSocketServer, WebSocket } = await import('ws');
  const gate = createGate({ policy });
  const sockets = new WebSocketServer({ noServer: true });
  sockets.on('connection', (socket, request) => socket.send(request.url));
  const server = http.createServer();
  server.on('upgrade', (request, socket, head) => {
    const decision = gate.decide(request);
    if (decision.decision !== 'allow') {
      socket.end(`HTTP/1.1 ${decision.status} ${http.STATUS_CODES[decision.status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => sockets.emit('connection', webSocket, request));
  });
  await listening(server, async (port) => {
    const connect = (uri) => new WebSocket(`ws://127.0.0.1:${port}/v1/x`, { headers: uri === undefined ? {} : { 'X-Forwarded-Client-Cert': xfcc(uri) } });
    const known = connect('spiffe://td/a');
    const [message] = await once(known, 'message');
    assert.equal(String(message), '/v1/x');
    known.close();
    for (const [uri, status] of [['spiffe://td/b', 403], [undefined, 401]]) {
      const [error] = await once(connect(uri), 'error');
      assert.equal(error.message, `Unexpected server response: ${status}`);
    }
  });
});

test('one gate for several adapters: an update reaches all of them', async () => {
  const gate = createGate({ policy });
  const app = new (require('koa'))();
  app.use(koaAuth({ gate, trustPeer }));
  app.use((ctx) => void (ctx.body = 'koa'));
  const plain = nodeAuth({ gate, trustPeer });
  const listener = (request, response) => plain(request, response) && response.end('node');
  await served(app.callback(), (koa) =>
    served(listener, async (node) => {
      for (const port of [koa, node]) {
        assert.equal((await ask(port, { lines: CALLER })).status, 200);
      }
      gate.update({ policy: { version: 1, allow: [] } });
      for (const port of [koa, node]) {
        assert.equal((await ask(port, { lines: CALLER })).status, 403);
      }
    }),
  );
});
