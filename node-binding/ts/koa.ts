// The guard for Koa 2 and 3.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Adapter, asArrived, denied, reveal, type AdapterOptions } from './adapter.js';
import { cutOff } from './respond.js';

export { getClientCertificate, type ClientCertificate } from './stamp.js';
export { AccessDeniedError } from './errors.js';

/** What the guard uses of Koa's context. */
export interface KoaContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly request: object;
  readonly originalUrl: string;
  state: object;
  status: number;
  body: unknown;
  set(fields: { [name: string]: string }): void;
}

/** A gate, or the documents of one, and what else the guard does; `verify` is given Koa's context. */
export type ClientCertAuthOptions<Context extends KoaContext = KoaContext> = AdapterOptions<Context>;

/** Lets a request through (`next`) or refuses it. */
export type ClientCertAuth<Context extends KoaContext = KoaContext> = (
  context: Context,
  next: () => Promise<unknown>,
) => Promise<void>;

/**
 * Guards an application: `app.use(clientCertAuth(options))`. The caller's certificate is
 * `ctx.state.clientCertificate` afterwards. The target checked is `ctx.originalUrl`.
 * @throws {PolicyError} when a document is refused
 */
export function clientCertAuth<Context extends KoaContext = KoaContext>(
  options: ClientCertAuthOptions<Context>,
): ClientCertAuth<Context> {
  const adapter = new Adapter<Context>(options);
  return async function clientCertAuth(context, next) {
    const { req, state } = context;
    const answer = await adapter.check(req, context, [req, context.request, state], asArrived(req, context.originalUrl));
    reveal(state, adapter.stateKey);
    if (answer.decision === 'allow') {
      await next();
    } else if (adapter.onDeny === 'throw') {
      throw denied(answer);
    } else if (!cutOff(context.res)) {
      const { status, headers, body } = answer.refusal();
      context.status = status;
      context.set(headers);
      context.body = body;
    }
  };
}
