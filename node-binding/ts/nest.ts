// The guard for NestJS, on Express and on Fastify.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Adapter, denied, incomingOf, type AdapterOptions } from './adapter.js';
import { HostRefusal, type Answer } from './decision.js';
import type { Gate } from './gate.js';
import { getClientCertificate, unstamp } from './stamp.js';
import { show } from './state-key.js';

export { getClientCertificate, type ClientCertificate } from './stamp.js';
export { AccessDeniedError } from './errors.js';

/** What the guard uses of Nest's execution context. */
export interface NestContext {
  getType(): string;
  getHandler(): object;
  getClass(): object;
  getArgByIndex(index: number): unknown;
  switchToHttp(): { getRequest(): unknown; getResponse(): unknown };
}

/** Express's request, or Fastify's. */
export type NestRequest = IncomingMessage | { readonly raw: IncomingMessage };

/**
 * A gate, or the documents of one, and what else the guard does; `verify` is given the request of the
 * platform. A refusal is always thrown, for the exception filters.
 */
export type ClientCertAuthOptions<Request extends NestRequest = NestRequest> = AdapterOptions<Request> & {
  readonly onDeny?: 'throw' | undefined;
};

/** A guard as Nest takes it: `@UseGuards(guard)`, `app.useGlobalGuards(guard)`, `{ provide: APP_GUARD, useValue: guard }`. */
export interface ClientCertGuard {
  canActivate(context: NestContext): boolean | Promise<boolean>;
}

/** What is used of `@nestjs/common`. It is asked for when this entry is, so that its classes are the application's. */
interface NestCommon {
  readonly HttpException: new (response: object, status: number, options: { cause: unknown }) => Error;
  createParamDecorator(make: (data: unknown, context: NestContext) => unknown): () => ParameterDecorator;
}

// By `require`, since the types of Nest 12 are those of an ES module, which this is not.
const { HttpException, createParamDecorator } = require('@nestjs/common') as NestCommon;

/** Nest 11 takes any other type than `application/json` for a mistake, says so in its log, and replaces it. */
const SETS_TYPE = !/^11\./.test((require('@nestjs/common/package.json') as { version: string }).version);

const RULES = 'peergate:rules';

/**
 * Marks a handler, or all of a controller: it runs only for requests that one of these rules of the
 * policy let through. It narrows, and never opens; while the policy is in shadow it does nothing.
 */
export function AllowedBy(...rules: readonly [string, ...string[]]): MethodDecorator & ClassDecorator {
  return (target: object, _name?: string | symbol, property?: PropertyDescriptor) => {
    metadata().defineMetadata(RULES, rules, (property?.value as object | undefined) ?? target);
  };
}

/** The caller's certificate as a parameter of a handler: `(@ClientCert() caller)`; `undefined` without one. */
export const ClientCert: () => ParameterDecorator = createParamDecorator((_data, context) => {
  const request = requestOf(context);
  return request === undefined ? undefined : getClientCertificate(request);
});

/**
 * Makes a guard. The caller's certificate is `request.clientCertificate` afterwards. What is no HTTP
 * request, or a GraphQL operation without one in its context as `req`, is refused.
 * @throws {PolicyError} when a document is refused
 */
export function clientCertAuth<Request extends NestRequest = NestRequest>(
  options: ClientCertAuthOptions<Request>,
): ClientCertGuard {
  const adapter = new Adapter<Request>(options);

  function act(answer: Answer, context: NestContext, request: NestRequest, incoming: IncomingMessage): true {
    let settled = answer.decision === 'allow' ? narrowed(answer, context, adapter.guard.gate) : answer;
    if (settled.decision === 'allow' && !show(request, adapter.stateKey)) {
      settled = HostRefusal.internal('state_key_taken');
    }
    if (settled !== answer) {
      unstamp(request);
      unstamp(incoming);
      adapter.guard.gate.publish(incoming, settled);
    }
    if (settled.decision === 'allow') {
      return true;
    }
    throw exception(settled, context);
  }

  return {
    canActivate(context) {
      const request = requestOf(context) as Request | undefined;
      const incoming = request === undefined ? undefined : incomingBehind(request);
      if (request === undefined || incoming === undefined) {
        throw exception(HostRefusal.internal('unreadable_request'), context);
      }
      const answer = adapter.check(incoming, request, request === incoming ? [] : [incoming]);
      return answer instanceof Promise
        ? answer.then((settled) => act(settled, context, request, incoming))
        : act(answer, context, request, incoming);
    },
  };
}

function requestOf(context: NestContext): NestRequest | undefined {
  if (context.getType() === 'graphql') {
    return (context.getArgByIndex(2) as { req?: NestRequest } | undefined)?.req;
  }
  return context.getType() === 'http' ? (context.switchToHttp().getRequest() as NestRequest) : undefined;
}

function incomingBehind(request: NestRequest): IncomingMessage | undefined {
  return incomingOf(request) ?? incomingOf((request as { raw?: unknown }).raw);
}

interface Metadata {
  defineMetadata(key: string, value: unknown, target: object): void;
  getMetadata(key: string, target: object): unknown;
}

/** `reflect-metadata`, which Nest brings; its `Reflector` reads the same. */
function metadata(): Metadata {
  return Reflect as unknown as Metadata;
}

function narrowed(answer: Answer, context: NestContext, gate: Gate): Answer {
  for (const target of [context.getHandler(), context.getClass()]) {
    const rules = metadata().getMetadata(RULES, target);
    if (Array.isArray(rules) && answer.reason !== 'shadow_mode' && !rules.includes(answer.rule)) {
      return gate.forbid('verify_refused', answer);
    }
  }
  return answer;
}

/** The header lines of the answer are set at once, since Nest's exceptions have none. */
function exception(answer: Answer, context: NestContext): Error {
  const { status, headers, body } = answer.refusal();
  if (context.getType() === 'http') {
    const response = context.switchToHttp().getResponse() as Partial<ServerResponse> & {
      header?: (name: string, value: string) => unknown;
    };
    for (const [name, value] of Object.entries(headers)) {
      if (name === 'content-type' && !SETS_TYPE) {
        continue;
      }
      if (response.setHeader !== undefined) {
        response.setHeader(name, value);
      } else {
        response.header?.(name, value);
      }
    }
  }
  const error = new HttpException(JSON.parse(body) as object, status, { cause: denied(answer) });
  return Object.assign(error, { code: 'ERR_PEERGATE_DENIED' });
}
