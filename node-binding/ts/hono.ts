// The guard for Hono 4.

import type { Context, Env, MiddlewareHandler } from 'hono';
import {
  Adapter,
  changes,
  denied,
  forwardHeaders,
  incomingOf,
  lineOf,
  webResponse,
  type AdapterOptions,
} from './adapter.js';
import type { Answer } from './decision.js';
import { getClientCertificate, type ClientCertificate } from './stamp.js';

export { getClientCertificate, type ClientCertificate } from './stamp.js';
export { AccessDeniedError } from './errors.js';

/**
 * A gate, or the documents of one, and what else the guard does; `verify` is given Hono's context.
 * `'throw'` throws an `AccessDeniedError` with `getResponse()`, as Hono's `HTTPException` has it.
 */
export type ClientCertAuthOptions<Key extends string = string> = AdapterOptions<Context> & {
  readonly stateKey?: Key | undefined;
};

/** What `c.get` and `c.var` know behind the guard. */
export type ClientCertVariables<Key extends string = 'clientCertificate'> = {
  [name in Key]: ClientCertificate | undefined;
};

/**
 * Guards an application: `app.use(clientCertAuth(options))`. The caller's certificate is
 * `c.var.clientCertificate` afterwards.
 *
 * With `@hono/node-server` the decision is about the request as it arrived (`c.env.incoming`). On other
 * hosts it is about the Web request, whose URL is normalised and whose repeated lines are joined.
 * @throws {PolicyError} when a document is refused
 */
export function clientCertAuth<Key extends string = 'clientCertificate'>(
  options: ClientCertAuthOptions<Key>,
): MiddlewareHandler<{ Variables: ClientCertVariables<Key> }> {
  const adapter = new Adapter<Context>(options);
  return async (context, next) => {
    const subject = context as unknown as Context<Env>;
    const answer = await ask(adapter, subject);
    subject.set(adapter.stateKey as never, getClientCertificate(subject) as never);
    if (answer.decision === 'allow') {
      return next();
    }
    if (adapter.onDeny === 'throw') {
      throw Object.defineProperty(denied(answer), 'getResponse', { value: () => webResponse(answer.refusal()) });
    }
    return webResponse(answer.refusal());
  };
}

async function ask(adapter: Adapter<Context>, context: Context): Promise<Answer> {
  const { req } = context;
  const incoming = incomingOf((context.env as { incoming?: unknown } | undefined)?.incoming);
  const answer = await (incoming === undefined
    ? adapter.checkWeb(req.raw, context, [req, req.raw])
    : adapter.checkBoth(incoming, context, [req, req.raw, incoming], req.raw.method, lineOf(req.raw.url)));
  const upstream = answer.upstream();
  if (answer.decision === 'allow' && changes(upstream) && !forwardHeaders(req.raw, upstream)) {
    const headers = new Headers(req.raw.headers);
    forwardHeaders({ headers }, upstream);
    req.raw = new Request(req.raw, { headers });
  }
  return answer;
}
