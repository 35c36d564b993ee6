// The same application in every framework, so that the same requests can be put to each.
//
// `build(wiring, serve)` makes the application and gives its listener (or handler) to `serve`, which
// makes the server. A wiring says: `auth` (options of clientCertAuth), `mounted` (the guard below a mount
// point), `before` (something looks at the headers first), `times` (how often the guard stands there),
// `onError` (whether the application has an error handler of its own). `seen` is what happened inside.

import { createRequire } from 'node:module';
import { clientCertAuth as expressAuth, getClientCertificate } from '../../dist/index.mjs';
import { clientCertAuth as fastifyAuth } from '../../dist/fastify.mjs';
import { clientCertAuth as fetchAuth } from '../../dist/fetch.mjs';
import { clientCertAuth as h3Auth } from '../../dist/h3.mjs';
import { clientCertAuth as honoAuth } from '../../dist/hono.mjs';
import { clientCertAuth as koaAuth } from '../../dist/koa.mjs';
import { nest } from './nest-app.mjs';

const require = createRequire(import.meta.url);
/** node-server replaces the globals otherwise, and the frameworks here share them. */
const ALONE = { overrideGlobalObjects: false };

const HEADER = 'x-client-identity';

/** Of all the framework calls a request: what each says about the caller; they must agree. */
export function callerOf(...requests) {
  const [first, ...others] = requests.map((request) => JSON.stringify(getClientCertificate(request) ?? null));
  if (others.some((other) => other !== first)) {
    throw new Error(`two answers about one request: ${[first, ...others].join(' ')}`);
  }
  return JSON.parse(first);
}

/** What the application answers with. */
function report(seen, { requests, state, header, url, body }) {
  seen.reached += 1;
  return { caller: callerOf(...requests), state: state ?? null, header: header ?? null, url, body: body ?? null };
}

function note(seen, error, ...requests) {
  seen.errors.push({ error, caller: callerOf(...requests) });
}

async function bodyOf(stream) {
  const parts = [];
  for await (const part of stream) {
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

function look(request) {
  void request.headers;
  void request.headersDistinct;
}

function express(create) {
  return async ({ auth: { onDeny, stateKey: _, ...auth }, mounted, before, times = 1, onError }, serve) => {
    const seen = { reached: 0, errors: [] };
    const guard = expressAuth({ ...auth, ...(onDeny === 'throw' ? { onDeny: 'next' } : {}) });
    const app = create();
    const scope = mounted ? create.Router() : app;
    if (before) {
      scope.use((request, _response, next) => (look(request), next()));
    }
    for (let i = 0; i < times; i += 1) {
      scope.use(guard);
    }
    scope.all(['/x', '/v1/x', '/healthz'], async (request, response) => {
      const body = await bodyOf(request);
      response.json(report(seen, { requests: [request], header: request.get(HEADER), url: request.url, body }));
    });
    if (mounted) {
      app.use('/v1', scope);
    }
    if (onError) {
      app.use((error, request, response, _next) => {
        note(seen, error, request);
        response.status(error.status).send('own');
      });
    }
    return { server: serve(app), seen };
  };
}

function fastify(create, http2) {
  return async ({ auth, mounted, before, times = 1, onError }, serve) => {
    const seen = { reached: 0, errors: [] };
    const app = create({
      ...(http2 ? { http2: true } : {}),
      serverFactory: (handler) => serve(handler),
      logger: false,
      forceCloseConnections: true,
    });
    const key = auth.stateKey ?? 'clientCertificate';
    const routes = async (scope) => {
      scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
      if (before) {
        scope.addHook('onRequest', async (request) => look(request.raw));
      }
      for (let i = 0; i < times; i += 1) {
        await scope.register(fastifyAuth, auth);
      }
      const handler = async (request) => {
        const body = request.body === undefined || request.body === null ? '' : await bodyOf(request.body);
        return report(seen, {
          requests: [request, request.raw],
          state: request[key],
          header: request.headers[HEADER],
          url: request.url,
          body,
        });
      };
      for (const url of mounted ? ['/x'] : ['/v1/x', '/healthz', '/x']) {
        scope.route({ method: ['GET', 'POST'], url, handler });
      }
    };
    if (onError) {
      app.setErrorHandler((error, request, reply) => {
        note(seen, error, request, request.raw);
        return reply.code(error.statusCode).send('own');
      });
    }
    if (mounted) {
      app.register(routes, { prefix: '/v1' });
    } else {
      await routes(app);
    }
    await app.ready();
    return { server: app.server, seen, close: () => app.close() };
  };
}

function koa(Koa) {
  return async ({ auth, mounted, before, times = 1, onError }, serve) => {
    const seen = { reached: 0, errors: [] };
    const app = new Koa();
    app.silent = true;
    const scope = mounted ? new Koa() : app;
    if (onError) {
      app.use(async (ctx, next) => {
        try {
          await next();
        } catch (error) {
          note(seen, error, ctx, ctx.req, ctx.request);
          ctx.status = error.status;
          ctx.body = 'own';
        }
      });
    }
    if (before) {
      scope.use(async (ctx, next) => (look(ctx.req), next()));
    }
    for (let i = 0; i < times; i += 1) {
      scope.use(koaAuth(auth));
    }
    scope.use(async (ctx) => {
      const body = await bodyOf(ctx.req);
      ctx.body = report(seen, {
        requests: [ctx, ctx.req, ctx.request],
        state: ctx.state[auth.stateKey ?? 'clientCertificate'],
        header: ctx.get(HEADER) || null,
        url: ctx.url,
        body,
      });
    });
    if (mounted) {
      app.use(require('koa-mount')('/v1', scope));
    }
    return { server: serve(app.callback()), seen };
  };
}

function hono(server, web) {
  return async ({ auth, mounted, before, times = 1, onError }, serve) => {
    const { Hono } = await import('hono');
    const { getRequestListener } = await import(server);
    const seen = { reached: 0, errors: [] };
    const app = new Hono();
    const scope = mounted ? new Hono() : app;
    if (before) {
      scope.use(async (c, next) => (c.req.header(), c.req.header(HEADER), await next()));
    }
    for (let i = 0; i < times; i += 1) {
      scope.use(honoAuth(auth));
    }
    const requests = (c) => [c, c.req, c.req.raw, ...(web ? [] : [c.env.incoming])];
    for (const path of mounted ? ['/x'] : ['/v1/x', '/healthz', '/x']) {
      scope.all(path, async (c) =>
        c.json(
          report(seen, {
            requests: requests(c),
            state: c.get(auth.stateKey ?? 'clientCertificate'),
            header: one(c.req.header(HEADER), c.req.raw.headers.get(HEADER), c.req.header()[HEADER]),
            url: new URL(c.req.url).pathname,
            body: await c.req.text(),
          }),
        ),
      );
    }
    if (mounted) {
      app.route('/v1', scope);
    }
    if (onError) {
      app.onError((error, c) => {
        note(seen, error, ...requests(c));
        return c.text('own', error.status);
      });
    }
    return { server: serve(getRequestListener(web ? (request) => app.fetch(request) : app.fetch, ALONE)), seen };
  };
}

/** Several ways to ask for one header. */
function one(...values) {
  const [first, ...others] = values.map((value) => value ?? null);
  if (others.some((other) => other !== first)) {
    throw new Error(`two values of one header: ${[first, ...others].join(' ')}`);
  }
  return first;
}

async function h3v1({ auth, mounted, before, times = 1, onError }, serve) {
  const h3 = await import('h3v1');
  const seen = { reached: 0, errors: [] };
  const app = h3.createApp({
    ...(onError
      ? {
          async onError(error, event) {
            note(seen, error, event, event.node.req);
            await h3.send(event, 'own');
          },
        }
      : {}),
  });
  const use = (handler) => (mounted ? app.use('/v1', handler) : app.use(handler));
  if (before) {
    use(h3.defineEventHandler((event) => (look(event.node.req), event.headers, undefined)));
  }
  for (let i = 0; i < times; i += 1) {
    use(h3.defineEventHandler(h3Auth(auth)));
  }
  use(
    h3.defineEventHandler(async (event) =>
      report(seen, {
        requests: [event, event.node.req],
        state: event.context[auth.stateKey ?? 'clientCertificate'],
        // Over HTTP/2 h3 itself cannot make Web headers.
        header: one(h3.getHeader(event, HEADER), ...(event.node.req.httpVersionMajor === 2 ? [] : [event.headers.get(HEADER)])),
        url: event.path,
        body: event.method === 'POST' ? await h3.readRawBody(event) : '',
      }),
    ),
  );
  return { server: serve(h3.toNodeListener(app)), seen };
}

function h3v2(web) {
  return async ({ auth, mounted, before, times = 1, onError }, serve) => {
    const h3 = await import('h3');
    const seen = { reached: 0, errors: [] };
    const requests = (event) => [event, event.req, ...(web ? [] : [event.runtime.node.req])];
    const app = new h3.H3({
      ...(onError
        ? {
            onError(error, event) {
              note(seen, error, ...requests(event));
              return new Response('own', { status: error.status });
            },
          }
        : {}),
    });
    const scope = mounted ? new h3.H3() : app;
    if (before) {
      scope.use((event) => void [...event.req.headers]);
    }
    for (let i = 0; i < times; i += 1) {
      scope.use(h3Auth(auth));
    }
    for (const path of mounted ? ['/x'] : ['/v1/x', '/healthz', '/x']) {
      scope.all(path, async (event) =>
        report(seen, {
          requests: requests(event),
          state: event.context[auth.stateKey ?? 'clientCertificate'],
          header: one(event.req.headers.get(HEADER), Object.fromEntries(event.req.headers)[HEADER]),
          url: event.url.pathname,
          body: await event.req.text(),
        }),
      );
    }
    if (mounted) {
      app.mount('/v1', scope);
    }
    if (web) {
      const { getRequestListener } = await import('@hono/node-server');
      return { server: serve(getRequestListener((request) => app.fetch(plain(request)), ALONE)), seen };
    }
    return { server: serve(h3.toNodeHandler(app)), seen };
  };
}

/** A Web request that nothing of Node's hangs on. */
function plain(request) {
  const { method, headers } = request;
  const hasBody = method !== 'GET' && method !== 'HEAD';
  return new Request(request.url, { method, headers, ...(hasBody ? { body: request.body, duplex: 'half' } : {}) });
}

async function fetchApp({ auth: { onDeny: _, stateKey: __, ...auth }, times = 1 }, serve) {
  const { getRequestListener } = await import('@hono/node-server');
  const seen = { reached: 0, errors: [] };
  const guard = fetchAuth(auth);
  const app = async (request) => {
    let outcome = plain(request);
    for (let i = 0; i < times; i += 1) {
      outcome = await guard(outcome, 'the peer');
      if (outcome instanceof Response) {
        return outcome;
      }
    }
    const body = await outcome.text();
    const header = one(outcome.headers.get(HEADER), Object.fromEntries(outcome.headers)[HEADER]);
    return Response.json(report(seen, { requests: [outcome], header, url: new URL(outcome.url).pathname, body }));
  };
  return { server: serve(getRequestListener(app, ALONE)), seen };
}

/**
 * `web`: decides about Web requests. `state`: has a place for the certificate. `error`: has an error
 * handler. `below`: what the application sees of a mounted path.
 */
export const frameworks = [
  { name: 'Express 4', build: express(require('express4')), state: false, error: true, below: '/x' },
  { name: 'Express 5', build: express(require('express')), state: false, error: true, below: '/x' },
  { name: 'Fastify 4', build: fastify(require('fastify4')), state: true, error: true, below: '/v1/x' },
  { name: 'Fastify 5', build: fastify(require('fastify')), state: true, error: true, below: '/v1/x' },
  { name: 'Koa 2', build: koa(require('koa2')), state: true, error: true, below: '/x' },
  { name: 'Koa 3', build: koa(require('koa')), state: true, error: true, below: '/x' },
  { name: 'Hono 4, node-server 1', build: hono('hono-server1'), state: true, error: true, below: '/v1/x' },
  { name: 'Hono 4, node-server 2', build: hono('@hono/node-server'), state: true, error: true, below: '/v1/x' },
  { name: 'Hono 4, Web', build: hono('@hono/node-server', true), web: true, state: true, error: true, below: '/v1/x' },
  { name: 'h3 1', build: h3v1, state: true, error: true, below: '/x' },
  { name: 'h3 2', build: h3v2(false), state: true, error: true, below: '/v1/x' },
  { name: 'h3 2, Web', build: h3v2(true), web: true, state: true, error: true, below: '/v1/x' },
  { name: 'Nest 12, Express', build: nest('express', report, note, bodyOf), state: true, error: true, below: '/v1/x' },
  { name: 'Nest 12, Fastify', build: nest('fastify', report, note, bodyOf), state: true, error: true, below: '/v1/x' },
  { name: 'Fetch', build: fetchApp, web: true, state: false, error: false },
];

export const fastifyOverHttp2 = fastify(require('fastify'), true);
