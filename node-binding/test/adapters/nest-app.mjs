// The application of frameworks.mjs in Nest, with its decorators called by hand.

import 'reflect-metadata';
import { All, Catch, Controller, HttpException, Module, Req, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { clientCertAuth } from '../../dist/nest.mjs';

const HEADER = 'x-client-identity';

/** `@decorator method(@parameter …)`. */
export function decorate(type, method, decorators, parameters = []) {
  parameters.forEach((parameter, at) => parameter(type.prototype, method, at));
  for (const decorator of decorators) {
    decorator(type.prototype, method, Object.getOwnPropertyDescriptor(type.prototype, method));
  }
}

/** A module of one controller. */
export function moduleOf(controller) {
  class App {}
  Module({ controllers: [controller] })(App);
  return App;
}

export async function application(module, platform, serve) {
  const options = { logger: false, abortOnError: false, bodyParser: false, forceCloseConnections: true };
  if (platform === 'fastify') {
    const { FastifyAdapter } = await import('@nestjs/platform-fastify');
    return NestFactory.create(module, new FastifyAdapter({ serverFactory: (handler) => serve(handler) }), options);
  }
  const { ExpressAdapter } = await import('@nestjs/platform-express');
  return NestFactory.create(module, new ExpressAdapter(), options);
}

export async function started(app, platform, serve) {
  await app.init();
  if (platform === 'fastify') {
    const instance = app.getHttpAdapter().getInstance();
    await instance.ready();
    return { server: instance.server, close: () => app.close() };
  }
  return { server: serve(app.getHttpAdapter().getInstance()) };
}

export function nest(platform, report, note, bodyOf) {
  return async ({ auth: { onDeny: _, ...auth }, mounted, before, times = 1, onError }, serve) => {
    const seen = { reached: 0, errors: [] };
    const incoming = (request) => request.raw ?? request;
    class Echo {
      async echo(request) {
        return report(seen, {
          requests: [request, incoming(request)],
          state: request[auth.stateKey ?? 'clientCertificate'],
          header: request.headers[HEADER],
          url: request.url,
          // Fastify's platform has read it, unless nobody knows the type.
          body: platform === 'fastify' ? (request.body ?? '') : await bodyOf(request),
        });
      }
    }
    Controller()(Echo);
    const guards = Array.from({ length: times }, () => clientCertAuth(auth));
    decorate(Echo, 'echo', [All(mounted ? 'x' : platform === 'fastify' ? '*' : '{*path}'), UseGuards(...guards)], [Req()]);
    const app = await application(moduleOf(Echo), platform, serve);
    if (platform === 'fastify') {
      app.getHttpAdapter().getInstance().addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
    }
    if (mounted) {
      app.setGlobalPrefix('v1');
    }
    if (before) {
      app.use((request, _response, next) => {
        void request.headers;
        void request.headersDistinct;
        next();
      });
    }
    if (onError) {
      class Filter {
        catch(error, host) {
          const request = host.switchToHttp().getRequest();
          note(seen, error, request, incoming(request));
          const response = host.switchToHttp().getResponse();
          response.status(error.getStatus()).send('own');
        }
      }
      Catch(HttpException)(Filter);
      app.useGlobalFilters(new Filter());
    }
    return { ...(await started(app, platform, serve)), seen };
  };
}
