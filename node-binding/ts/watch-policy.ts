// A gate whose documents follow their files.

import { EventEmitter } from 'node:events';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { namedPolicy, type GateUpdate } from './documents.js';
import { PolicyError } from './errors.js';
import { readTogether } from './files.js';
import { Gate } from './gate.js';
import { Watch, WATCH_OPTIONS, type WatchOptions } from './watch.js';

/** How a document is followed. */
export interface WatchPolicyOptions extends WatchOptions {
  /**
   * What the file holds; `'policy'` if left out. A policy that a deployment names by its path is followed
   * along with the deployment.
   */
  readonly document?: 'policy' | 'source' | 'deployment' | undefined;
}

/** The documents in force. */
export interface PolicyInfo {
  /** `name` of the policy. */
  readonly name: string;
  /** SHA-256 of the policy, of its canonical JSON, in lower-case hexadecimal digits. */
  readonly sha256: string;
  /** Since when. */
  readonly loadedAt: Date;
}

/** What a `PolicyWatcher` tells. */
export interface PolicyWatcherEvents {
  /** Another document is in force. */
  reloaded: [current: PolicyInfo];
  /**
   * A document was refused (a `PolicyError`) or could not be read; the one before stays in force. Without a
   * listener this becomes a process warning.
   */
  refused: [error: Error];
}

/** Made by `watchPolicy`. Keeps the process alive no more than its file does. */
export class PolicyWatcher extends EventEmitter<PolicyWatcherEvents> {
  readonly #gate: Gate;
  readonly #document: 'policy' | 'source' | 'deployment';
  readonly #file: string;
  readonly #watch: Watch;
  /** The policy that the deployment names. */
  #named: string | undefined;
  #texts: readonly Buffer[] = [];
  #current: PolicyInfo;
  #refused: Error | undefined;

  /** @internal */
  constructor(gate: Gate, file: string, { document = 'policy', ...watching }: WatchPolicyOptions) {
    super();
    this.#gate = gate;
    this.#document = document;
    this.#file = file;
    this.#current = this.#load() ?? this.#inForce();
    this.#watch = new Watch(() => this.#files(), () => void this.check(), watching);
  }

  /** What is in force. */
  get current(): PolicyInfo {
    return this.#current;
  }

  /** Why the document as it is now is not in force; `undefined` when it is. */
  get refused(): Error | undefined {
    return this.#refused;
  }

  /**
   * Looks at the file now, and not when a change is noticed: for a signal, say. Returns whether the
   * document as it is now is in force.
   */
  check(): boolean {
    if (this.#watch.closed) {
      return this.#refused === undefined;
    }
    let taken: PolicyInfo | undefined;
    try {
      taken = this.#load();
    } catch (error) {
      this.#refuse(error instanceof Error ? error : new Error('peergate: the document could not be loaded', { cause: error }));
      return false;
    }
    this.#refused = undefined;
    if (taken !== undefined) {
      this.#current = taken;
      this.emit('reloaded', taken);
    }
    return true;
  }

  /** Ends the watching; what is in force stays in force. */
  close(): void {
    this.#watch.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #files(): string[] {
    return this.#named === undefined ? [this.#file] : [this.#file, this.#named];
  }

  /** `undefined` when the texts are those in force. */
  #load(): PolicyInfo | undefined {
    let texts = readTogether(this.#files());
    if (this.#document === 'deployment') {
      const named = namedIn(texts[0], this.#file);
      if (named !== this.#named) {
        this.#named = named;
        texts = readTogether(this.#files());
      }
    }
    if (texts.length === this.#texts.length && texts.every((text, at) => this.#texts[at]?.equals(text) === true)) {
      return undefined;
    }
    const [text, policy] = texts;
    this.#gate.update({ [this.#document]: text, ...(policy === undefined ? {} : { policy }) } as GateUpdate);
    this.#texts = texts;
    return this.#inForce();
  }

  #inForce(): PolicyInfo {
    return { name: this.#gate.policyName, sha256: this.#gate.policySha256, loadedAt: new Date() };
  }

  /** The same fault is told once, not with each look at the file. */
  #refuse(error: Error): void {
    if (this.#refused?.message === error.message) {
      return;
    }
    this.#refused = error;
    if (!this.emit('refused', error)) {
      const what = error instanceof PolicyError ? `${this.#file}: ${error.message}` : error.message;
      process.emitWarning(`peergate: ${what}`, { type: 'PeergateWarning', code: 'PEERGATE_POLICY_REFUSED' });
    }
  }
}

/**
 * Puts the document in the file in force now, and again whenever the file changes. A document that is
 * refused later leaves the one before; every request is decided by one document as a whole.
 * @param file its path, or a `file:` URL
 * @throws {PolicyError} when the document is refused now
 */
export function watchPolicy(gate: Gate, file: string | URL, options: WatchPolicyOptions = {}): PolicyWatcher {
  if (!(gate instanceof Gate)) {
    throw new TypeError('peergate: watchPolicy() takes a gate of createGate()');
  }
  if (!(file instanceof URL) && (typeof file !== 'string' || file === '')) {
    throw new TypeError('peergate: watchPolicy() takes the path of a file');
  }
  for (const name of Object.keys(options)) {
    if (name !== 'document' && !WATCH_OPTIONS.includes(name)) {
      throw new TypeError(`peergate: unknown option ${JSON.stringify(name)}`);
    }
  }
  if (options.document !== undefined && !['policy', 'source', 'deployment'].includes(options.document)) {
    throw new TypeError("peergate: `document` must be 'policy', 'source' or 'deployment'");
  }
  return new PolicyWatcher(gate, resolve(file instanceof URL ? fileURLToPath(file) : file), options);
}

/** The path at a deployment's `policy`. What is wrong with the document is said when it is loaded. */
function namedIn(deployment: Buffer | undefined, file: string): string | undefined {
  try {
    const named = deployment === undefined ? undefined : namedPolicy(deployment);
    return named === undefined ? undefined : resolve(dirname(file), named);
  } catch {
    return undefined;
  }
}
