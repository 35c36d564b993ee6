// The guard for h3 1 and 2, and so for Nitro and Nuxt.

import type { ServerResponse } from 'node:http';
import { Adapter, changes, forwardHeaders, incomingOf, reveal, type AdapterOptions } from './adapter.js';
import type { Answer, Refusal } from './decision.js';
import { AccessDeniedError } from './errors.js';
import type { FetchRequest } from './request.js';

export { getClientCertificate, type ClientCertificate } from './stamp.js';
export { AccessDeniedError } from './errors.js';

/** What the guard uses of an event: in h3 1 `node`, in h3 2 `req` and `res`. */
export interface H3EventLike {
  readonly context: object;
  readonly headers: Headers;
  readonly node?: { readonly req: object; readonly res?: object | undefined } | undefined;
  readonly req: object;
  readonly res?: object | undefined;
}

/** A gate, or the documents of one, and what else the guard does; `verify` is given the event. */
export type ClientCertAuthOptions<Event extends H3EventLike = H3EventLike> = AdapterOptions<Event>;

/** Lets a request through (`undefined`) or answers it. */
export type ClientCertAuth<Event extends H3EventLike = H3EventLike> = (
  event: Event,
  next?: unknown,
) => undefined | string | Promise<undefined | string>;

/**
 * Guards an application: `app.use(clientCertAuth(options))`, or the default export of a file in
 * `server/middleware` of Nitro or Nuxt. The caller's certificate is `event.context.clientCertificate`
 * afterwards.
 *
 * On Node the decision is about the request as it arrived. On other hosts it is about the Web request,
 * whose URL is normalised and whose repeated lines are joined.
 * @throws {PolicyError} when a document is refused
 */
export function clientCertAuth<Event extends H3EventLike = H3EventLike>(
  options: ClientCertAuthOptions<Event>,
): ClientCertAuth<Event> {
  const adapter = new Adapter<Event>(options);

  function act(answer: Answer, event: Event): string | undefined {
    reveal(event.context, adapter.stateKey);
    if (answer.decision === 'allow') {
      const upstream = answer.upstream();
      if (changes(upstream)) {
        // In h3 1 these are a copy, which somebody may have asked for already; over HTTP/2 nobody can.
        forwardHeaders(event, upstream);
      }
      return undefined;
    }
    if (adapter.onDeny === 'throw') {
      const error = new H3AccessDeniedError(answer, answer.refusal(), webOf(event) !== undefined);
      if (webOf(event) === undefined) {
        setHeaders(nodeResponse(event), error.headers);
      }
      throw error;
    }
    return respond(event, answer.refusal());
  }

  // Two parameters: of a function with one, h3 2 takes the answer 404 for "not my business".
  return function clientCertAuth(event, _next) {
    const answer = ask(adapter, event);
    return answer instanceof Promise ? answer.then((settled) => act(settled, event)) : act(answer, event);
  };
}

function ask<Event extends H3EventLike>(adapter: Adapter<Event>, event: Event): Answer | Promise<Answer> {
  const incoming = incomingOf(event.node?.req);
  const web = webOf(event);
  if (web === undefined) {
    return incoming === undefined
      ? adapter.checkWeb(event.req as FetchRequest, event, [event.req, event.context])
      : adapter.check(incoming, event, [incoming, event.context]);
  }
  return incoming === undefined
    ? adapter.checkWeb(web, event, [web, event.context])
    : // A mount point is taken off the URL of the Web request.
      adapter.checkBoth(incoming, event, [incoming, web, event.context], web.method, undefined);
}

/** The Web request, which h3 2 has and h3 1 has not. */
function webOf({ req }: H3EventLike): FetchRequest | undefined {
  return typeof (req as { headers?: { forEach?: unknown } }).headers?.forEach === 'function' ? (req as FetchRequest) : undefined;
}

/** A text and not a `Response`, since h3 2 goes on where middleware answers with a `Response` of status 404. */
function respond(event: H3EventLike, { status, headers, body }: Refusal): string {
  if (webOf(event) === undefined) {
    const response = nodeResponse(event);
    if (response !== undefined) {
      response.statusCode = status;
    }
    setHeaders(response, headers);
  } else {
    const response = event.res as { status?: number; headers: Headers };
    response.status = status;
    Object.entries(headers).forEach(([name, value]) => response.headers.set(name, value));
  }
  return body;
}

function nodeResponse({ node }: H3EventLike): ServerResponse | undefined {
  return node?.res as ServerResponse | undefined;
}

function setHeaders(response: ServerResponse | undefined, headers: Readonly<Record<string, string>>): void {
  Object.entries(headers).forEach(([name, value]) => response?.setHeader(name, value));
}

/** Errors of its own kind h3 passes on as they are; of others it makes unexpected ones. */
class H3AccessDeniedError extends AccessDeniedError {
  static readonly __h3_error__ = true;
  readonly unhandled = false;
  readonly fatal = false;
  readonly statusMessage: string;
  readonly statusText: string;
  readonly #body: string;

  constructor(answer: Answer, refusal: Refusal, version2: boolean) {
    super(answer, refusal);
    this.statusMessage = this.message;
    this.statusText = this.message;
    this.#body = refusal.body;
    if (version2) {
      Object.defineProperty(this, 'name', { value: 'HTTPError' });
      Object.defineProperty(this, 'headers', { value: new Headers(refusal.headers) });
    }
  }

  /** What h3 2 answers with. */
  toJSON(): unknown {
    return JSON.parse(this.#body) as unknown;
  }
}
