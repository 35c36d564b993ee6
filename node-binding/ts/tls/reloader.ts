// Files that are read again when they change, and put in force all at once or not at all.

import { EventEmitter } from 'node:events';
import type { SecureContextOptions } from 'node:tls';
import { Watch, type WatchOptions } from '../watch.js';
import { TlsError } from './errors.js';
import { checked, read, type Material } from './material.js';
import type { Files } from './paths.js';

/** The certificate in use. */
export interface CertificateInfo {
  /** SHA-256 of the first certificate, upper-case hexadecimal digits without separators. */
  readonly fingerprint256: string;
  /** Until when it is valid. */
  readonly notAfter: Date;
  /** Since when it is in use. */
  readonly loadedAt: Date;
}

/** What a `CertificateReloader` tells. */
export interface CertificateReloaderEvents {
  /** Other files are in use. */
  reloaded: [current: CertificateInfo];
  /** The files cannot be used; what was in use stays. Without a listener this becomes a process warning. */
  error: [error: TlsError];
}

/** @internal */
export interface Reloading extends WatchOptions {
  readonly files: Files;
  readonly passphrase: string | undefined;
  readonly context: () => SecureContextOptions;
  /** Puts it in force. What it throws is reported as any other fault. */
  readonly use: (material: Material) => void;
}

/**
 * Certificates that follow their files. Emits `reloaded` and `error`; keeps neither the process alive nor
 * the old files' mistakes. Ends with `close()`, or with the signal in the options.
 */
export class CertificateReloader extends EventEmitter<CertificateReloaderEvents> {
  readonly #reloading: Reloading;
  readonly #watch: Watch;
  #digest = '';
  #current: CertificateInfo;
  #refused: TlsError | undefined;

  /** @internal */
  constructor(reloading: Reloading) {
    super();
    this.#reloading = reloading;
    const contents = read(reloading.files);
    this.#current = this.#put(checked(reloading.files, contents, reloading.passphrase, reloading.context(), false));
    const { key, cert, ca, crl } = reloading.files;
    this.#watch = new Watch(() => [key, cert, ...ca, ...crl], () => this.check(), reloading);
  }

  /** The certificate in use. */
  get current(): CertificateInfo {
    return this.#current;
  }

  /** Why the files as they are now are not in use; `undefined` when they are. */
  get refused(): TlsError | undefined {
    return this.#refused;
  }

  /**
   * Looks at the files now, and not when a change is noticed: for a signal, say. Returns whether the files
   * as they are now are in use.
   */
  check(): boolean {
    if (this.#watch.closed) {
      return this.#refused === undefined;
    }
    const { files, passphrase, context, use: _ } = this.#reloading;
    let taken = false;
    try {
      const contents = read(files);
      if (contents.digest !== this.#digest) {
        this.#current = this.#put(checked(files, contents, passphrase, context(), true));
        taken = true;
      }
    } catch (error) {
      this.#refuse(error);
      return false;
    }
    this.#refused = undefined;
    if (taken) {
      this.emit('reloaded', this.#current);
    }
    return true;
  }

  /** Ends the watching; what is in use stays in use. */
  close(): void {
    this.#watch.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #put(material: Material): CertificateInfo {
    this.#reloading.use(material);
    this.#digest = material.digest;
    return {
      fingerprint256: material.leaf.fingerprint256.replaceAll(':', ''),
      notAfter: new Date(material.leaf.validTo),
      loadedAt: new Date(),
    };
  }

  /** The same fault is told once, not with each look at the files. */
  #refuse(thrown: unknown): void {
    const error =
      thrown instanceof TlsError
        ? thrown
        : new TlsError('ERR_PEERGATE_TLS_CONTEXT', 'the new certificates could not be put in force', undefined, thrown);
    if (this.#refused?.message === error.message) {
      return;
    }
    this.#refused = error;
    if (this.listenerCount('error') > 0) {
      this.emit('error', error);
    } else {
      process.emitWarning(error.message, { type: 'PeergateWarning', code: 'PEERGATE_TLS_REFUSED' });
    }
  }
}
