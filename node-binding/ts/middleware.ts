// The guard for Express, Connect and plain node:http.

import { IncomingMessage, type ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { HostRefusal, type Answer } from './decision.js';
import { AccessDeniedError } from './errors.js';
import { Guard, type GuardOptions } from './guard.js';
import { respond } from './respond.js';
import { show, stateKey } from './state-key.js';
import { unstamp } from './stamp.js';
import { forward } from './upstream.js';
import { peerWarning } from './warning.js';

/** A gate, or the documents of one, and what else the guard does. */
export type ClientCertAuthOptions = GuardOptions<Socket, IncomingMessage> & {
  /**
   * `'respond'` (the default) answers a refused request; `'next'` passes an `AccessDeniedError` to
   * the error handlers. Without a `next` function it answers in either case.
   */
  readonly onDeny?: 'respond' | 'next' | undefined;
  /**
   * A property of the request under which its certificate is found, too, once it was let through; it is
   * not enumerable. Left out: only `getClientCertificate` tells.
   */
  readonly stateKey?: string;
};

/** Lets a request through or refuses it. */
export interface ClientCertAuth<Through = boolean> {
  /** Express, Connect: calls `next` when the request is let through. */
  (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void;
  /**
   * node:http: `true` when the request is let through; otherwise it has been answered. A promise of
   * that where the guard has a hook `verify`.
   */
  (request: IncomingMessage, response: ServerResponse): Through;
}

type Next = (error?: unknown) => void;

/**
 * Guards an application.
 * @throws {PolicyError} when a document is refused
 */
export function clientCertAuth(options: ClientCertAuthOptions & { readonly verify?: undefined }): ClientCertAuth;
export function clientCertAuth(options: ClientCertAuthOptions): ClientCertAuth<boolean | Promise<boolean>>;
export function clientCertAuth(options: ClientCertAuthOptions): ClientCertAuth<boolean | Promise<boolean>> {
  const guard = new Guard<Socket, IncomingMessage>(options, ['onDeny', 'stateKey']);
  const { onDeny } = options;
  if (onDeny !== undefined && onDeny !== 'respond' && onDeny !== 'next') {
    throw new TypeError("peergate: `onDeny` must be 'respond' or 'next'");
  }
  const key = 'stateKey' in options ? requestKey(options.stateKey) : undefined;
  const warn = guard.knowsPeers ? undefined : peerWarning(guard.gate);

  function act(answer: Answer, request: IncomingMessage, response: ServerResponse, next: Next | undefined): boolean {
    if (answer.decision === 'allow' && key !== undefined && !show(request, key)) {
      unstamp(request);
      const refusal = HostRefusal.internal('state_key_taken');
      guard.gate.publish(request, refusal);
      return act(refusal, request, response, next);
    }
    if (answer.decision === 'allow') {
      forward(request, answer.upstream());
      next?.();
      return true;
    }
    const refusal = answer.refusal();
    if (onDeny === 'next' && next !== undefined) {
      next(new AccessDeniedError(answer, refusal));
    } else {
      respond(response, refusal);
    }
    return false;
  }

  function middleware(request: IncomingMessage, response: ServerResponse, next: Next): void;
  function middleware(request: IncomingMessage, response: ServerResponse): boolean | Promise<boolean>;
  function middleware(request: IncomingMessage, response: ServerResponse, next?: Next): boolean | Promise<boolean> {
    warn?.(request);
    const answer = guard.check(request, request, request.socket);
    if (!(answer instanceof Promise)) {
      return act(answer, request, response, next);
    }
    return answer.then((settled) => {
      if (response.writableEnded || response.destroyed) {
        // Somebody has answered meanwhile, or the client is gone: there is nothing left to let through.
        unstamp(request);
        return false;
      }
      return act(settled, request, response, next);
    });
  }
  return middleware;
}

/** A name that no request has of its own. */
function requestKey(given: unknown): string {
  const key = stateKey(given);
  if (key in new IncomingMessage(new Socket())) {
    throw new TypeError(`peergate: a request has a \`${key}\` of its own; choose another \`stateKey\``);
  }
  return key;
}
