// Which files are meant.

import { resolve } from 'node:path';
import { TlsError } from './errors.js';

/** The files of a TLS endpoint, all in PEM. */
export interface CertificatePaths {
  /** What the other paths are relative to; an absolute one stays as it is. The working directory if left out. */
  readonly directory?: string | undefined;
  /** The private key. */
  readonly key: string;
  /** The certificate, first, and those that lead to its authority. */
  readonly cert: string;
  /** Authorities whose certificates are trusted, in place of the system's. */
  readonly ca?: string | readonly string[] | undefined;
  /**
   * Revocation lists. OpenSSL then asks for one of every authority in a peer's chain, and refuses every
   * peer when one of them has expired.
   */
  readonly crl?: string | readonly string[] | undefined;
}

/** @internal */
export const PATH_OPTIONS: readonly string[] = ['directory', 'key', 'cert', 'ca', 'crl'];

/** The same as absolute paths. @internal */
export interface Files {
  readonly key: string;
  readonly cert: string;
  readonly ca: readonly string[];
  readonly crl: readonly string[];
}

/** @internal */
export function files(paths: CertificatePaths): Files {
  const directory = paths.directory === undefined ? '.' : text('directory', paths.directory);
  const file = (name: string, value: unknown): string => resolve(directory, text(name, value));
  const list = (name: string, value: unknown): readonly string[] => {
    if (!Array.isArray(value)) {
      return value === undefined ? [] : [file(name, value)];
    }
    if (value.length === 0) {
      throw wrong(`\`${name}\` is an empty list; leave it out or name a file`);
    }
    return value.map((each) => file(name, each));
  };
  return {
    key: file('key', paths.key),
    cert: file('cert', paths.cert),
    ca: list('ca', paths.ca),
    crl: list('crl', paths.crl),
  };
}

/** Refuses what nobody has heard of: a misspelt option would otherwise be one that was left out. @internal */
export function known(what: string, options: object, names: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw wrong(`${what} takes an object`);
  }
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) {
      throw wrong(`${what} has no option ${JSON.stringify(name)}`);
    }
  }
}

/** @internal */
export function text(name: string, value: unknown): string {
  if (typeof value !== 'string' || value.trim() === '') {
    throw wrong(`\`${name}\` is ${value === undefined ? 'missing' : typeof value === 'string' ? 'empty' : 'no text'}`);
  }
  return value;
}

/** @internal */
export function wrong(message: string): TlsError {
  return new TlsError('ERR_PEERGATE_TLS_OPTION', message);
}
