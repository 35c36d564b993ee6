// The guard for Express, Connect and plain node:http.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Answer, Refusal } from './decision.js';
import { AccessDeniedError } from './errors.js';
import { Guard, type GuardOptions } from './guard.js';
import { forward } from './upstream.js';
import { peerWarning } from './warning.js';

/** A gate, or the documents of one, and what else the guard does. */
export type ClientCertAuthOptions = GuardOptions<Socket, IncomingMessage> & {
  /**
   * `'respond'` (the default) answers a refused request; `'next'` passes an `AccessDeniedError` to
   * the error handlers. Without a `next` function it answers in either case.
   */
  readonly onDeny?: 'respond' | 'next' | undefined;
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
  const guard = new Guard<Socket, IncomingMessage>(options, ['onDeny']);
  const { onDeny } = options;
  if (onDeny !== undefined && onDeny !== 'respond' && onDeny !== 'next') {
    throw new TypeError("peergate: `onDeny` must be 'respond' or 'next'");
  }
  const warn = guard.knowsPeers ? undefined : peerWarning(guard.gate);

  function act(answer: Answer, request: IncomingMessage, response: ServerResponse, next: Next | undefined): boolean {
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
    return answer instanceof Promise
      ? answer.then((settled) => act(settled, request, response, next))
      : act(answer, request, response, next);
  }
  return middleware;
}

/** Answers a refused request. @internal */
export function respond(response: ServerResponse, refusal: Refusal): void {
  if (response.headersSent) {
    // Somebody has begun to answer: cutting it off is all that is left.
    response.destroy();
    return;
  }
  response.writeHead(refusal.status, { ...refusal.headers, 'content-length': Buffer.byteLength(refusal.body) });
  response.end(refusal.body);
}
