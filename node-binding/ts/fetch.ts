// The guard for whoever is given a Web Request: Bun, Deno, others.

import { changes, forwardHeaders, webResponse } from './adapter.js';
import type { Answer } from './decision.js';
import { Guard, type GuardOptions } from './guard.js';
import { stamp } from './stamp.js';

export { getClientCertificate, type ClientCertificate } from './stamp.js';

/**
 * A gate, or the documents of one. `trustPeer` is given what was passed as second argument, since a Web
 * request does not say who connected; without a second argument nobody is trusted then.
 */
export type ClientCertAuthOptions<Peer = unknown> = GuardOptions<Peer, Request>;

/** The request to go on with, or the answer for the caller. */
export type ClientCertAuth<Peer = unknown, Outcome = Request | Response> = (request: Request, peer?: Peer) => Outcome;

/**
 * Makes a function that says whether a request is let through. If so, it returns the request to go on
 * with: the same one, or a new one where `identityHeader` had to be removed or set. If not, it returns
 * the answer. A promise of that where there is a hook `verify`.
 *
 * The decision is about `request.url`, which is normalised already, and about header lines of which
 * repeated ones are joined. The certificate of a TLS connection cannot be seen from here.
 * @throws {PolicyError} when a document is refused
 */
export function clientCertAuth<Peer = unknown>(
  options: ClientCertAuthOptions<Peer> & { readonly verify?: undefined },
): ClientCertAuth<Peer>;
export function clientCertAuth<Peer = unknown>(
  options: ClientCertAuthOptions<Peer>,
): ClientCertAuth<Peer, Request | Response | Promise<Request | Response>>;
export function clientCertAuth<Peer = unknown>(
  options: ClientCertAuthOptions<Peer>,
): ClientCertAuth<Peer, Request | Response | Promise<Request | Response>> {
  const guard = new Guard<Peer, Request>(options);
  return (request, peer) => {
    const answer = guard.check(request, request, peer);
    return answer instanceof Promise ? answer.then((settled) => outcome(settled, request)) : outcome(answer, request);
  };
}

function outcome(answer: Answer, request: Request): Request | Response {
  if (answer.decision !== 'allow') {
    return webResponse(answer.refusal());
  }
  const upstream = answer.upstream();
  if (!changes(upstream)) {
    return request;
  }
  const headers = new Headers(request.headers);
  forwardHeaders({ headers }, upstream);
  const next = new Request(request, { headers });
  stamp(next, answer);
  return next;
}
