// What the adapters for frameworks share: their options, the request as it came, what goes on.

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Answer, Refusal, Upstream } from './decision.js';
import { AccessDeniedError } from './errors.js';
import { Guard, type GuardOptions } from './guard.js';
import { hasOriginalUrl, targetOf, type FetchRequest } from './request.js';
import { stateKey } from './state-key.js';
import { getClientCertificate, stamp, unstamp } from './stamp.js';
import { forward } from './upstream.js';
import { peerWarning } from './warning.js';

/** A gate, or the documents of one, and what else an adapter does. */
export type AdapterOptions<Subject, Peer = Socket> = GuardOptions<Peer, Subject> & {
  /**
   * `'respond'` (the default, unless the adapter says otherwise) answers a refused request; `'throw'`
   * hands an `AccessDeniedError` to the framework's error handling.
   */
  readonly onDeny?: 'respond' | 'throw' | undefined;
  /** Under which name the framework's own state holds the caller's certificate; `'clientCertificate'` when left out. */
  readonly stateKey?: string | undefined;
};

/** A guard for one framework. @internal */
export class Adapter<Subject extends object> {
  readonly guard: Guard<Socket, Subject>;
  readonly onDeny: 'respond' | 'throw' | undefined;
  readonly stateKey: string;
  readonly #warn: ((request: IncomingMessage) => void) | undefined;

  /** @throws {PolicyError} when a document is refused */
  constructor(options: AdapterOptions<Subject>) {
    this.guard = new Guard<Socket, Subject>(options, ['onDeny', 'stateKey']);
    const { onDeny, stateKey: key = 'clientCertificate' } = options;
    if (onDeny !== undefined && onDeny !== 'respond' && onDeny !== 'throw') {
      throw new TypeError("peergate: `onDeny` must be 'respond' or 'throw'");
    }
    this.onDeny = onDeny;
    this.stateKey = stateKey(key);
    this.#warn = this.guard.knowsPeers ? undefined : peerWarning(this.guard.gate);
  }

  /**
   * Decides about what arrived at Node's server. `others` are the further objects that stand for this
   * request in the framework; the caller is known to them exactly when it is known to `subject`. With a
   * request that was let through, Node's request is as the application may see it. `asked` is what is
   * decided about, where that is Node's request read in another way.
   */
  check(
    arrived: IncomingMessage,
    subject: Subject,
    others: readonly object[],
    asked: IncomingMessage = arrived,
  ): Answer | Promise<Answer> {
    this.#warn?.(arrived);
    const answer = this.guard.check(asked, subject, arrived.socket);
    if (answer instanceof Promise) {
      others.forEach(unstamp);
      return answer.then((settled) => this.#settle(settled, arrived, others));
    }
    return this.#settle(answer, arrived, others);
  }

  /** Decides about a Web request behind which there is no request of Node's. */
  checkWeb(request: FetchRequest, subject: Subject, others: readonly object[]): Answer | Promise<Answer> {
    const answer = this.guard.check(request, subject, undefined);
    if (answer instanceof Promise) {
      others.forEach(unstamp);
      return answer.then((settled) => spread(settled, others));
    }
    return spread(answer, others);
  }

  /**
   * The same where a framework makes Web requests out of Node's, and an application may make others out
   * of these and give them to the framework again. Then both what arrived and what was made of it must
   * be let through. `target` is left out where the framework itself changes it.
   */
  checkBoth(
    arrived: IncomingMessage,
    subject: Subject,
    others: readonly object[],
    method: string,
    target: string | undefined,
  ): Answer | Promise<Answer> {
    const first = this.check(arrived, subject, others);
    if (method === arrived.method && (target === undefined || target === arrived.url || target === normalised(arrived.url))) {
      return first;
    }
    const again = (answer: Answer): Answer | Promise<Answer> =>
      answer.decision === 'allow'
        ? this.check(arrived, subject, others, readAs(arrived, method, target ?? targetOf(arrived)))
        : answer;
    return first instanceof Promise ? first.then(again) : again(first);
  }

  #settle(answer: Answer, arrived: IncomingMessage, others: readonly object[]): Answer {
    if (answer.decision === 'allow') {
      forward(arrived, answer.upstream());
    }
    return spread(answer, others);
  }
}

function spread(answer: Answer, others: readonly object[]): Answer {
  for (const other of others) {
    if (answer.decision === 'allow') {
      stamp(other, answer);
    } else {
      unstamp(other);
    }
  }
  return answer;
}

/**
 * Node's request with another method or target. Whoever rewrote the target in `url` and wrote the old
 * one to `originalUrl` is believed already; this is for frameworks that keep it elsewhere.
 * @internal
 */
export function readAs(arrived: IncomingMessage, method: string | undefined, target: string): IncomingMessage {
  return Object.create(arrived, { method: { value: method }, originalUrl: { value: target } }) as IncomingMessage;
}

/** Node's request, checked by the target that the framework keeps unless somebody before it kept one. @internal */
export function asArrived(request: IncomingMessage, target: string): IncomingMessage {
  return hasOriginalUrl(request) || target === request.url ? request : readAs(request, request.method, target);
}

/** What a URL leaves of a target. */
function normalised(target: string | undefined): string | undefined {
  const url = `http://localhost${target}`;
  return URL.canParse(url) ? lineOf(url) : undefined;
}

/** The target in a URL. @internal */
export function lineOf(url: string): string {
  // Nothing else can be before the path of a URL that a server made.
  const at = url.indexOf('/', 'https://'.length);
  const end = url.indexOf('#');
  return url.slice(at === -1 ? url.length : at, end === -1 ? undefined : end);
}

/** Node's request behind what a framework calls its environment. @internal */
export function incomingOf(candidate: unknown): IncomingMessage | undefined {
  return typeof candidate === 'object' && candidate !== null && Array.isArray((candidate as Partial<IncomingMessage>).rawHeaders)
    ? (candidate as IncomingMessage)
    : undefined;
}

/** Makes core's changes in Web headers; `false` when they must not be changed, or cannot be asked for. @internal */
export function forwardHeaders(owner: { readonly headers: Headers }, { remove, set }: Upstream): boolean {
  try {
    const { headers } = owner;
    for (const name of remove) {
      headers.delete(name);
    }
    if (set !== undefined) {
      headers.set(...set);
    }
    return true;
  } catch {
    return false;
  }
}

/** Whether there is anything to change. @internal */
export function changes({ remove, set }: Upstream): boolean {
  return remove.length > 0 || set !== undefined;
}

/** One for all requests: with a function of its own each state would be an object of its own kind. */
const CALLER: PropertyDescriptor = {
  get(this: object) {
    return getClientCertificate(this);
  },
  configurable: true,
  enumerable: true,
};

/**
 * Shows the caller in a framework's state, which is one of the objects that know it, whatever stood
 * there before; nobody writes to it. To make a certificate costs more than to decide, so it is made
 * when somebody looks.
 * @internal
 */
export function reveal(state: object, key: string): void {
  Object.defineProperty(state, key, CALLER);
}

/** A refusal for those who answer with Web responses. @internal */
export function webResponse({ status, headers, body }: Refusal): Response {
  return new Response(body, { status, headers });
}

/** @internal */
export function denied(answer: Answer): AccessDeniedError {
  return new AccessDeniedError(answer, answer.refusal());
}
