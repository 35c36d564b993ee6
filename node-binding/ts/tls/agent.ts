// A client that shows a certificate to every server, by files that it follows.

import type { EventEmitter } from 'node:events';
import { client, type MtlsClientOptions } from './client.js';
import { TlsError } from './errors.js';
import { wrong } from './paths.js';
import { CertificateReloader } from './reloader.js';

/** What may be set of undici's pools; times in milliseconds, sizes in bytes. Left out is undici's default. */
export interface PoolOptions {
  /** Connections to each origin; as many as it takes if left out. */
  readonly connections?: number | undefined;
  /** Requests on a connection before its answers are there. */
  readonly pipelining?: number | undefined;
  /** Whether HTTP/2 is offered. */
  readonly allowH2?: boolean | undefined;
  readonly maxConcurrentStreams?: number | undefined;
  readonly connectTimeout?: number | undefined;
  readonly headersTimeout?: number | undefined;
  readonly bodyTimeout?: number | undefined;
  readonly keepAliveTimeout?: number | undefined;
  readonly keepAliveMaxTimeout?: number | undefined;
  readonly keepAliveTimeoutThreshold?: number | undefined;
  readonly maxHeaderSize?: number | undefined;
  readonly maxResponseSize?: number | undefined;
}

const POOL_OPTIONS: readonly string[] = [
  'connections',
  'pipelining',
  'allowH2',
  'maxConcurrentStreams',
  'connectTimeout',
  'headersTimeout',
  'bodyTimeout',
  'keepAliveTimeout',
  'keepAliveMaxTimeout',
  'keepAliveTimeoutThreshold',
  'maxHeaderSize',
  'maxResponseSize',
];

/** The files, whom the agent talks to, and how. */
export interface MtlsAgentOptions<D extends object = MtlsDispatcher> extends MtlsClientOptions {
  readonly pool?: PoolOptions | undefined;
  /** The `Agent` of your undici, if it is not to be the one that `peergate` finds. */
  readonly Agent?: AgentClass<D> | undefined;
}

/** The class `Agent` of undici, of whatever version: its options are not looked at. */
export type AgentClass<D extends object> = new (options?: never) => D;

/** The dispatcher of Node's own `fetch`, as far as TypeScript knows it. */
export type MtlsDispatcher = RequestInit extends { dispatcher?: infer D } ? NonNullable<D> & object : object;

/** What is called of undici's agents, whatever their version. */
interface Dispatcher extends EventEmitter {
  readonly closed: boolean;
  readonly destroyed: boolean;
  readonly stats?: unknown;
  dispatch(options: { readonly origin?: string | URL }, handler: object): boolean;
  close(done?: () => void): Promise<void> | void;
  destroy(...rest: unknown[]): Promise<void> | void;
}

/**
 * One `Agent` of undici for the whole process, whose connections show the certificate and which trusts the
 * authorities in the files alone. It follows the files: new connections use the new ones, requests that are
 * under way finish on the old. `agent.certificates` tells of reloads.
 *
 * For `request`, `fetch` and the like of undici, and for Node's own `fetch`, as their `dispatcher`.
 * @throws {TlsError} when an option is wrong, the files cannot be used now, or undici is not installed
 * @throws {PolicyError} when `serverIdentity` is no principal; its pointers begin with `/policy/allow/0/from`
 */
export function createMtlsAgent<D extends object = MtlsDispatcher>(
  options: MtlsAgentOptions<D>,
): D & { readonly certificates: CertificateReloader } {
  const { connect, reloading } = client('createMtlsAgent()', options, POOL_OPTIONS, ['Agent']);
  const { pool, Agent } = options;
  if (Agent !== undefined && typeof Agent !== 'function') {
    throw wrong('`Agent` is not a class');
  }
  const Base = (Agent ?? installed()) as new (options?: object) => Dispatcher;

  /** An agent without connections of its own: it hands each request to the one whose certificate is in use. */
  class MtlsAgent extends Base {
    readonly certificates: CertificateReloader;
    readonly #draining = new Set<Dispatcher>();
    #inner: Dispatcher | undefined;

    constructor() {
      super();
      this.certificates = new CertificateReloader({
        ...reloading,
        use: ({ context }) => this.#exchange(new Base({ ...pool, connect: { ...connect, secureContext: context } })),
      });
    }

    override dispatch(request: { readonly origin?: string | URL }, handler: object): boolean {
      if (!String(request.origin).startsWith('https:')) {
        throw new TlsError('ERR_PEERGATE_TLS_PLAINTEXT', 'this agent speaks https: only; http: would show no certificate');
      }
      return this.#current().dispatch(request, handler);
    }

    override close(done?: () => void): Promise<void> | void {
      return this.#end(done, (agent) => agent.close());
    }

    override destroy(...rest: unknown[]): Promise<void> | void {
      const done = rest.find((each): each is () => void => typeof each === 'function');
      const reason = rest.find((each) => each instanceof Error) ?? null;
      return this.#end(done, (agent) => agent.destroy(reason));
    }

    get closed(): boolean {
      return this.#current().closed;
    }

    get destroyed(): boolean {
      return this.#current().destroyed;
    }

    get stats(): unknown {
      return this.#current().stats;
    }

    #current(): Dispatcher {
      if (this.#inner === undefined) {
        throw new TlsError('ERR_PEERGATE_TLS_OPTION', 'the agent is not ready');
      }
      return this.#inner;
    }

    #exchange(next: Dispatcher): void {
      const old = this.#inner;
      this.#inner = next;
      for (const event of ['connect', 'disconnect', 'connectionError', 'drain']) {
        next.on(event, (...told) => this.emit(event, ...told));
      }
      if (old !== undefined) {
        this.#draining.add(old);
        const gone = (): void => void this.#draining.delete(old);
        Promise.resolve(old.close()).then(gone, gone);
      }
    }

    #end(done: (() => void) | undefined, how: (agent: Dispatcher) => Promise<void> | void): Promise<void> | void {
      this.certificates.close();
      const all = Promise.all([this.#current(), ...this.#draining].map(how)).then(() => undefined);
      return done === undefined ? all : void all.then(done, done);
    }
  }
  return new MtlsAgent() as unknown as D & MtlsAgent;
}

function installed(): unknown {
  try {
    return (require('undici') as { Agent: unknown }).Agent;
  } catch (cause) {
    const message = 'createMtlsAgent() needs the package undici: `npm install undici`, or pass its `Agent`';
    throw new TlsError('ERR_PEERGATE_TLS_UNDICI', message, undefined, cause);
  }
}
