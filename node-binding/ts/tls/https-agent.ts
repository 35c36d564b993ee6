// The same for clients on node:https: axios, got, node-fetch, the SDKs of clouds.

import { Agent, type AgentOptions } from 'node:https';
import type { ClientRequest } from 'node:http';
import { client, type MtlsClientOptions } from './client.js';
import { CertificateReloader } from './reloader.js';

/** What may be set of the pool of connections, as `https.Agent` has it. */
export type HttpsPoolOptions = Pick<AgentOptions, (typeof POOL_OPTIONS)[number]>;

const POOL_OPTIONS = ['keepAlive', 'keepAliveMsecs', 'maxFreeSockets', 'maxSockets', 'maxTotalSockets', 'scheduling', 'timeout'] as const;

/** The files, whom the agent talks to, and how. */
export interface MtlsHttpsAgentOptions extends MtlsClientOptions {
  readonly pool?: HttpsPoolOptions | undefined;
}

/** An agent without connections of its own: it hands each request to the one whose certificate is in use. */
class MtlsHttpsAgent extends Agent {
  readonly certificates: CertificateReloader;
  #inner: Agent | undefined;
  readonly #old = new Set<WeakRef<Agent>>();

  constructor(options: MtlsHttpsAgentOptions) {
    const { connect, reloading } = client('createMtlsHttpsAgent()', options, POOL_OPTIONS);
    const pool = { keepAlive: true, ...options.pool };
    super(pool);
    this.certificates = new CertificateReloader({
      ...reloading,
      use: ({ context }) => this.#exchange(new Agent({ ...pool, ...connect, secureContext: context })),
    });
  }

  /** What Node calls for every request. What it says of certificates gives way to the agent's own options. */
  addRequest(request: ClientRequest, ...rest: unknown[]): void {
    (this.#inner as unknown as MtlsHttpsAgent).addRequest(request, ...rest);
  }

  override destroy(): void {
    this.certificates.close();
    this.#inner?.destroy();
    for (const old of this.#old) {
      old.deref()?.destroy();
    }
  }

  #exchange(next: Agent): void {
    const old = this.#inner;
    this.#inner = next;
    if (old !== undefined) {
      // Connections in use end with their requests, and the others now.
      (old as unknown as { keepAlive: boolean }).keepAlive = false;
      Object.values(old.freeSockets).forEach((sockets) => sockets?.forEach((socket) => socket.destroy()));
      this.#old.add(new WeakRef(old));
    }
    for (const each of this.#old) {
      if (each.deref() === undefined) {
        this.#old.delete(each);
      }
    }
  }
}

/**
 * The same as `createMtlsAgent` for clients on `node:https`, as their `agent` or `httpsAgent`.
 * @throws {TlsError} when an option is wrong, or the files cannot be used now
 * @throws {PolicyError} when `serverIdentity` is no principal
 */
export function createMtlsHttpsAgent(options: MtlsHttpsAgentOptions): Agent & { readonly certificates: CertificateReloader } {
  return new MtlsHttpsAgent(options);
}
