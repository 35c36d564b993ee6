// What can be wrong with certificate files and with the options that name them.

/** Stable codes of a `TlsError`. */
export type TlsErrorCode =
  /** An option is unknown, empty or of the wrong type, or turns off what must stay on. */
  | 'ERR_PEERGATE_TLS_OPTION'
  /** A file is missing or may not be read; `cause` is the operating system's error. */
  | 'ERR_PEERGATE_TLS_UNREADABLE'
  /** The files did not stay the same for as long as it took to read them. */
  | 'ERR_PEERGATE_TLS_UNSTABLE'
  /** A file is empty. */
  | 'ERR_PEERGATE_TLS_EMPTY'
  /** The file of the certificate has none, or one that cannot be parsed. */
  | 'ERR_PEERGATE_TLS_CERTIFICATE'
  /** The file of the key has none, or it is encrypted and the passphrase is missing or wrong. */
  | 'ERR_PEERGATE_TLS_KEY'
  /** The key is not that of the first certificate. */
  | 'ERR_PEERGATE_TLS_KEY_MISMATCH'
  /** The first certificate is no longer valid. */
  | 'ERR_PEERGATE_TLS_EXPIRED'
  /** The first certificate is not valid yet, and another is in use. */
  | 'ERR_PEERGATE_TLS_NOT_YET_VALID'
  /** A file of authorities has no certificate, or one that cannot be parsed. */
  | 'ERR_PEERGATE_TLS_CA'
  /** A file of revocations has no list, or one that cannot be parsed. */
  | 'ERR_PEERGATE_TLS_CRL'
  /** OpenSSL does not take them, for what `cause` says. */
  | 'ERR_PEERGATE_TLS_CONTEXT'
  /** The package `undici` is not installed. */
  | 'ERR_PEERGATE_TLS_UNDICI'
  /** The server's certificate is verified, and not that of `serverIdentity`. */
  | 'ERR_PEERGATE_TLS_SERVER_IDENTITY'
  /** A request over plain HTTP, which would show no certificate to anybody. */
  | 'ERR_PEERGATE_TLS_PLAINTEXT';

/** Certificate files, or the options that name them, that cannot be used. Nothing of their contents is in it. */
export class TlsError extends Error {
  override readonly name = 'TlsError';
  readonly code: TlsErrorCode;
  /** The file that is at fault, if one is. */
  readonly path: string | undefined;

  /** @internal */
  constructor(code: TlsErrorCode, message: string, path?: string, cause?: unknown) {
    super(`peergate: ${message}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.path = path;
  }
}
