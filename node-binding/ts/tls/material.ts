// Key, certificate, authorities and revocation lists, read together and checked before anything uses them.

import { createHash, createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { readTogether, ReadError } from '../files.js';
import { TlsError, type TlsErrorCode } from './errors.js';
import type { Files } from './paths.js';

/** What the files held at one moment. @internal */
export interface Contents {
  /** Tells one state of the files from another. */
  readonly digest: string;
  readonly key: Buffer;
  readonly cert: Buffer;
  readonly ca: readonly Buffer[];
  readonly crl: readonly Buffer[];
}

/** What was checked, and is ready for use. @internal */
export interface Material {
  readonly digest: string;
  readonly leaf: X509Certificate;
  /** For the server's `setSecureContext`. */
  readonly options: SecureContextOptions;
  /** Of these options. */
  readonly context: SecureContext;
}

/** @internal */
export function read(files: Files): Contents {
  const contents = readAll([files.key, files.cert, ...files.ca, ...files.crl]);
  const hash = createHash('sha256');
  for (const content of contents) {
    hash.update(`${content.length}:`).update(content);
  }
  const [key = Buffer.of(), cert = Buffer.of(), ...rest] = contents;
  return { digest: hash.digest('hex'), key, cert, ca: rest.slice(0, files.ca.length), crl: rest.slice(files.ca.length) };
}

/** Files of one generation, none of them empty. @internal */
export function readAll(paths: readonly string[]): Buffer[] {
  try {
    const contents = readTogether(paths);
    const empty = paths[contents.findIndex((content) => content.toString('latin1').trim() === '')];
    if (empty !== undefined) {
      throw new TlsError('ERR_PEERGATE_TLS_EMPTY', `${empty} is empty`, empty);
    }
    return contents;
  } catch (error) {
    if (error instanceof ReadError) {
      const code = error.unstable ? 'ERR_PEERGATE_TLS_UNSTABLE' : 'ERR_PEERGATE_TLS_UNREADABLE';
      throw new TlsError(code, error.message, error.path, error.cause);
    }
    throw error;
  }
}

/**
 * Refuses what would not work, or would refuse the peers that a connection is for.
 * @internal
 */
export function checked(
  files: Files,
  contents: Contents,
  passphrase: string | undefined,
  context: SecureContextOptions,
  replaces: boolean,
): Material {
  const leaf = first(files.cert, contents.cert);
  const key = privateKey(files.key, contents.key, passphrase);
  if (!leaf.checkPrivateKey(key)) {
    const message = `the key in ${files.key} is not that of the first certificate in ${files.cert}`;
    throw new TlsError('ERR_PEERGATE_TLS_KEY_MISMATCH', message, files.key);
  }
  valid(files.cert, leaf, replaces);
  files.ca.forEach((path, at) => certificates('ERR_PEERGATE_TLS_CA', path, contents.ca[at]));
  const options: SecureContextOptions = {
    ...context,
    cert: contents.cert,
    // The key as it was read: OpenSSL takes no KeyObject here.
    key: contents.key,
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(files.ca.length === 0 ? {} : { ca: [...contents.ca] }),
    ...(files.crl.length === 0 ? {} : { crl: files.crl.flatMap((path, at) => revocations(path, contents.crl[at])) }),
  };
  try {
    return { digest: contents.digest, leaf, options, context: createSecureContext(options) };
  } catch (cause) {
    const message = `OpenSSL does not take ${files.cert} and what belongs to it: ${opensslCode(cause)}`;
    throw new TlsError('ERR_PEERGATE_TLS_CONTEXT', message, files.cert, cause);
  }
}

const CERTIFICATE = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]*-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;
const REVOCATIONS = /-----BEGIN X509 CRL-----[^-]*-----END X509 CRL-----/g;

/** Every certificate of a file. @internal */
export function certificates(code: TlsErrorCode, path: string, content: Buffer | undefined): X509Certificate[] {
  const text = content?.toString('latin1') ?? '';
  const blocks = whole(code, path, text, CERTIFICATE, 'CERTIFICATE-----', 'certificate');
  return blocks.map((block, at) => {
    try {
      return new X509Certificate(block);
    } catch (cause) {
      throw new TlsError(code, `certificate ${at + 1} in ${path} cannot be parsed: ${opensslCode(cause)}`, path, cause);
    }
  });
}

function first(path: string, content: Buffer): X509Certificate {
  const [leaf] = certificates('ERR_PEERGATE_TLS_CERTIFICATE', path, content);
  if (leaf === undefined) {
    throw new TlsError('ERR_PEERGATE_TLS_CERTIFICATE', `${path} holds no certificate in PEM`, path);
  }
  return leaf;
}

/** Node reads the first list of each text, and no other: each goes in apart. */
function revocations(path: string, content: Buffer | undefined): Buffer[] {
  const text = content?.toString('latin1') ?? '';
  return whole('ERR_PEERGATE_TLS_CRL', path, text, REVOCATIONS, 'X509 CRL-----', 'revocation list').map((block) => {
    const crl = Buffer.from(block, 'latin1');
    try {
      createSecureContext({ crl });
    } catch (cause) {
      throw new TlsError('ERR_PEERGATE_TLS_CRL', `a revocation list in ${path} cannot be parsed`, path, cause);
    }
    return crl;
  });
}

/** The blocks of a text; one that is cut off is an error, and so is none. */
function whole(code: TlsErrorCode, path: string, text: string, block: RegExp, end: string, what: string): string[] {
  const blocks = text.match(block) ?? [];
  if (blocks.length === 0) {
    throw new TlsError(code, `${path} holds no ${what} in PEM`, path);
  }
  // Each block has two lines that end so.
  if (text.split(end).length - 1 !== 2 * blocks.length) {
    throw new TlsError(code, `${path} holds a ${what} that is cut off`, path);
  }
  return blocks;
}

function privateKey(path: string, content: Buffer, passphrase: string | undefined): KeyObject {
  try {
    return createPrivateKey(passphrase === undefined ? content : { key: content, passphrase });
  } catch (cause) {
    const message = `the key in ${path} cannot be read${passphrase === undefined ? '' : ' with this passphrase'}: ${opensslCode(cause)}`;
    throw new TlsError('ERR_PEERGATE_TLS_KEY', message, path, cause);
  }
}

/** A certificate of tomorrow is better than none, and worse than one that is in use. */
function valid(path: string, leaf: X509Certificate, replaces: boolean): void {
  const now = Date.now();
  // Written so that a date that nobody can read counts as past.
  if (!(Date.parse(leaf.validTo) >= now)) {
    throw new TlsError('ERR_PEERGATE_TLS_EXPIRED', `the certificate in ${path} expired at ${leaf.validTo}`, path);
  }
  if (replaces && !(Date.parse(leaf.validFrom) <= now)) {
    const message = `the certificate in ${path} is not valid before ${leaf.validFrom}`;
    throw new TlsError('ERR_PEERGATE_TLS_NOT_YET_VALID', message, path);
  }
}

function opensslCode(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
}
