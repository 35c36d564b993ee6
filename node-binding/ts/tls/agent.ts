// A client that shows a certificate to every server, by files that it follows.

import type { EventEmitter } from 'node:events';
import { WATCH_OPTIONS, type WatchOptions } from '../watch.js';
import { TlsError } from './errors.js';
import { identityCheck } from './identity.js';
import { files, known, PATH_OPTIONS, text, wrong, type CertificatePaths } from './paths.js';
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

/** The files, and what else the agent is told. */
export interface MtlsAgentOptions<D extends object = MtlsDispatcher> extends CertificatePaths, WatchOptions {
  /** Whose certificates are trusted: never the system's authorities. */
  readonly ca: string | readonly string[];
  /** Of the key, if it is encrypted. */
  readonly passphrase?: string | undefined;
  /** The name that servers must prove, if it is not the host name of the URL. */
  readonly servername?: string | undefined;
  /**
   * Who servers must be, as in the `from` of a rule, such as `{ spiffe: 'spiffe://…' }`; several are
   * alternatives. Stands in place of the name of the URL, which a SPIFFE certificate does not have.
   */
  readonly serverIdentity?: object | readonly object[] | undefined;
  readonly pool?: PoolOptions | undefined;
  /** The `Agent` of your undici, if it is not to be the one that `peergate` finds. */
  readonly Agent?: AgentClass<D> | undefined;
}

/** The class `Agent` of undici. */
// The options of a constructor that is only passed on: `never` takes those of every version.
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

const OPTIONS = [...PATH_OPTIONS, ...WATCH_OPTIONS, 'passphrase', 'servername', 'serverIdentity', 'pool', 'Agent'];

/** Options of undici and of Node by which a client would talk to anybody. */
const ALWAYS_ON: Readonly<Record<string, string>> = {
  checkServerIdentity: 'servers are always held to their names; `servername` or `serverIdentity` sets another',
  rejectUnauthorized: 'servers are always verified; trust their authority with `ca`',
  minVersion: 'TLS 1.3 is the least that is spoken',
};

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
  checkOptions(options);
  const { pool, passphrase, servername, serverIdentity, Agent, debounce, interval, signal, ...paths } = options;
  const Base = (Agent ?? installed()) as new (options?: object) => Dispatcher;
  const fixed = {
    rejectUnauthorized: true,
    ...(servername === undefined ? {} : { servername: text('servername', servername) }),
    checkServerIdentity: identityCheck(servername, serverIdentity),
  };

  /** An agent without connections of its own: it hands each request to the one whose certificate is in use. */
  class MtlsAgent extends Base {
    readonly certificates: CertificateReloader;
    readonly #draining = new Set<Dispatcher>();
    #inner: Dispatcher | undefined;

    constructor() {
      super();
      this.certificates = new CertificateReloader({
        ...{ debounce, interval, signal },
        files: files(paths),
        passphrase: passphrase === undefined ? undefined : text('passphrase', passphrase),
        context: () => ({ minVersion: 'TLSv1.3' }),
        use: ({ context }) => this.#exchange(new Base({ ...pool, connect: { ...fixed, secureContext: context } })),
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

function checkOptions(options: MtlsAgentOptions<object>): void {
  for (const [name, why] of Object.entries(ALWAYS_ON)) {
    if (typeof options === 'object' && options !== null && name in options) {
      throw wrong(`createMtlsAgent() has no option "${name}": ${why}`);
    }
  }
  known('createMtlsAgent()', options, OPTIONS);
  // Without them undici would trust every public authority.
  if (options.ca === undefined) {
    throw wrong('`ca` is missing');
  }
  known('`pool` of createMtlsAgent()', options.pool ?? {}, POOL_OPTIONS);
  if (options.Agent !== undefined && typeof options.Agent !== 'function') {
    throw wrong('`Agent` is not a class');
  }
}

function installed(): unknown {
  try {
    return (require('undici') as { Agent: unknown }).Agent;
  } catch (cause) {
    const message = 'createMtlsAgent() needs the package undici: `npm install undici`, or pass its `Agent`';
    throw new TlsError('ERR_PEERGATE_TLS_UNDICI', message, undefined, cause);
  }
}
