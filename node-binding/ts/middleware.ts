// The guard for Express, Connect and plain node:http.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { InternalRefusal, type Answer } from './decision.js';
import { GATE_OPTIONS, type GateOptions } from './documents.js';
import { AccessDeniedError } from './errors.js';
import { createGate, Gate } from './gate.js';
import { stamp, unstamp } from './stamp.js';
import { forward } from './upstream.js';
import { peerWarning } from './warning.js';

/** What a guard does besides deciding. */
export interface GuardOptions {
  /**
   * Which peers may speak for callers, that is, whose identity headers count: your proxies. Only
   * `true` says yes. From others a request that names a caller is refused, also when the policy is
   * in shadow; one that names none is decided as usual.
   */
  readonly trustPeer?: ((socket: Socket) => boolean) | undefined;
  /**
   * `'respond'` (the default) answers a refused request; `'next'` passes an `AccessDeniedError` to
   * the error handlers. Without a `next` function it answers in either case.
   */
  readonly onDeny?: 'respond' | 'next' | undefined;
}

/** A gate, or the documents of one, and what else the guard does. */
export type ClientCertAuthOptions = GuardOptions & ({ readonly gate: Gate } | GateOptions);

/** Lets a request through or refuses it. */
export interface ClientCertAuth {
  /** Express, Connect: calls `next` when the request is let through. */
  (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void;
  /** node:http: `true` when the request is let through; otherwise it has been answered. */
  (request: IncomingMessage, response: ServerResponse): boolean;
}

/**
 * Guards an application.
 * @throws {PolicyError} when a document is refused
 */
export function clientCertAuth(options: ClientCertAuthOptions): ClientCertAuth {
  const { gate, trustPeer, onDeny } = checked(options);
  const warn = trustPeer === undefined ? peerWarning(gate) : undefined;

  function guard(request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void;
  function guard(request: IncomingMessage, response: ServerResponse): boolean;
  function guard(request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void): boolean {
    warn?.(request);
    const answer = decide(gate, trustPeer, request);
    if (answer.decision === 'allow') {
      forward(request, answer.upstream());
      stamp(request, answer);
      next?.();
      return true;
    }
    unstamp(request);
    const refusal = answer.refusal();
    if (onDeny === 'next' && next !== undefined) {
      next(new AccessDeniedError(answer, refusal));
    } else if (response.headersSent) {
      // Somebody has begun to answer: cutting it off is all that is left.
      response.destroy();
    } else {
      response.writeHead(refusal.status, { ...refusal.headers, 'content-length': Buffer.byteLength(refusal.body) });
      response.end(refusal.body);
    }
    return false;
  }
  return guard;
}

/** Whatever goes wrong on the way to a decision is a refusal. */
function decide(gate: Gate, trustPeer: GuardOptions['trustPeer'], request: IncomingMessage): Answer {
  try {
    const untrusted = trustPeer !== undefined && trustPeer(request.socket) !== true;
    return gate.answer(request, untrusted);
  } catch {
    return new InternalRefusal('unreadable_request');
  }
}

interface Checked extends GuardOptions {
  readonly gate: Gate;
}

function checked(options: ClientCertAuthOptions): Checked {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('peergate: clientCertAuth() takes {gate} or {policy, source}');
  }
  const { gate, trustPeer, onDeny, ...documents } = options as Partial<Checked> & GateOptions;
  if (trustPeer !== undefined && typeof trustPeer !== 'function') {
    throw new TypeError('peergate: `trustPeer` must be a function');
  }
  if (onDeny !== undefined && onDeny !== 'respond' && onDeny !== 'next') {
    throw new TypeError("peergate: `onDeny` must be 'respond' or 'next'");
  }
  if (gate === undefined) {
    return { gate: createGate(documents as GateOptions), trustPeer, onDeny };
  }
  if (!(gate instanceof Gate)) {
    throw new TypeError('peergate: `gate` must come from createGate() of this package');
  }
  const given = GATE_OPTIONS.filter((name) => name in documents);
  const [unknown] = given.length === 0 ? Object.keys(documents) : given;
  if (unknown !== undefined) {
    throw new TypeError(`peergate: option ${JSON.stringify(unknown)} does not go with \`gate\``);
  }
  return { gate, trustPeer, onDeny };
}
