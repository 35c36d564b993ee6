// The guard for Fastify 4 and 5: a plugin, and the same as a hook for single routes.

import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify';
import { Adapter, denied, type AdapterOptions } from './adapter.js';
import type { Answer } from './decision.js';
import { alone, own } from './own.js';
import { getClientCertificate, type ClientCertificate } from './stamp.js';

export { getClientCertificate, type ClientCertificate } from './stamp.js';
export { AccessDeniedError } from './errors.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** The certificate with which the caller was let through; `null` without one. */
    readonly clientCertificate: ClientCertificate | null;
  }
}

/**
 * A gate, or the documents of one, and what else the guard does; `verify` is given Fastify's request.
 * `onDeny` left out: an `AccessDeniedError` goes to the error handler of the scope if the application
 * has set one, and else the answer is problem+json.
 */
export type ClientCertAuthOptions = AdapterOptions<FastifyRequest>;

/** A hook `onRequest`. */
export type ClientCertHook = (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => void;

/**
 * Guards one route or more: `{ onRequest: clientCertHook(options) }`. Without the plugin there is no
 * `request.clientCertificate`; `getClientCertificate(request)` tells the caller.
 * @throws {PolicyError} when a document is refused
 */
export function clientCertHook(options: ClientCertAuthOptions): ClientCertHook {
  return hookOf(new Adapter<FastifyRequest>(options));
}

/**
 * Guards a scope and all below it: `app.register(clientCertAuth, options)`. The caller's certificate is
 * `request.clientCertificate`. A document that is refused makes the registration fail with a `PolicyError`.
 */
export const clientCertAuth: FastifyPluginCallback<ClientCertAuthOptions> = (instance, options, done) => {
  try {
    const adapter = new Adapter<FastifyRequest>(withoutScope(options));
    const decorated = `peergate.${adapter.stateKey}`;
    if (!instance.hasDecorator(decorated)) {
      if (instance.hasRequestDecorator(adapter.stateKey)) {
        throw new TypeError(`peergate: a request has a \`${adapter.stateKey}\` of its own; choose another \`stateKey\``);
      }
      // Asked for only where somebody looks, and nobody can write to it.
      instance.decorateRequest(adapter.stateKey, {
        getter(this: FastifyRequest) {
          return getClientCertificate(this) ?? null;
        },
      });
      instance.decorate(decorated, true);
    }
    instance.addHook('onRequest', hookOf(adapter));
  } catch (error) {
    // Thrown from here it would reach nobody.
    done(error as Error);
    return;
  }
  done();
};

// What `fastify-plugin` does: the hook is for the scope that registers the plugin, not for one of its own.
Object.assign(clientCertAuth, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'peergate',
  [Symbol.for('plugin-meta')]: { name: 'peergate', fastify: '4.x || 5.x' },
});

/** What Fastify itself reads of the options of `register`. */
function withoutScope(options: object): ClientCertAuthOptions {
  const given = own('what clientCertAuth() takes', options);
  ['prefix', 'logLevel', 'logSerializers'].forEach((name) => given.delete(name));
  return alone(given) as ClientCertAuthOptions;
}

function hookOf(adapter: Adapter<FastifyRequest>): ClientCertHook {
  function act(answer: Answer, request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void {
    if (answer.decision === 'allow') {
      done();
    } else if (adapter.onDeny === 'throw' || (adapter.onDeny === undefined && hasErrorHandler(request))) {
      done(denied(answer));
    } else {
      const { status, headers, body } = answer.refusal();
      // To a text Fastify would add a charset, which this type does not have.
      void reply.code(status).headers(headers).send(Buffer.from(body));
    }
  }
  return function clientCertAuth(request, reply, done) {
    const answer = adapter.check(request.raw, request, [request.raw]);
    if (answer instanceof Promise) {
      answer.then((settled) => act(settled, request, reply, done)).catch(done);
    } else {
      act(answer, request, reply, done);
    }
  };
}

/** Fastify's own would make another body of the error. */
function hasErrorHandler(request: FastifyRequest): boolean {
  const { errorHandler } = request.server;
  return typeof errorHandler === 'function' && errorHandler.name !== 'defaultErrorHandler';
}
