// What every client that shows a certificate has in common.

import type { WatchOptions } from '../watch.js';
import { WATCH_OPTIONS } from '../watch.js';
import { identityCheck } from './identity.js';
import { files, known, PATH_OPTIONS, text, wrong, type CertificatePaths } from './paths.js';
import type { Reloading } from './reloader.js';

/** The files of a client, and whom it talks to. */
export interface MtlsClientOptions extends CertificatePaths, WatchOptions {
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
}

const OPTIONS = [...PATH_OPTIONS, ...WATCH_OPTIONS, 'passphrase', 'servername', 'serverIdentity', 'pool'];

/** Options of undici and of Node by which a client would talk to anybody. */
const ALWAYS_ON: Readonly<Record<string, string>> = {
  checkServerIdentity: 'servers are always held to their names; `servername` or `serverIdentity` sets another',
  rejectUnauthorized: 'servers are always verified; trust their authority with `ca`',
  minVersion: 'TLS 1.3 is the least that is spoken',
};

/** Checked options. @internal */
export interface Client {
  /** For `tls.connect`, beside the secure context. */
  readonly connect: object;
  readonly reloading: Omit<Reloading, 'use'>;
}

/** @param what the function that was called. @internal */
export function client(
  what: string,
  options: MtlsClientOptions & { readonly pool?: object | undefined },
  poolOptions: readonly string[],
  more: readonly string[] = [],
): Client {
  for (const [name, why] of Object.entries(ALWAYS_ON)) {
    if (typeof options === 'object' && options !== null && name in options) {
      throw wrong(`${what} has no option "${name}": ${why}`);
    }
  }
  known(what, options, [...OPTIONS, ...more]);
  // Without them Node would trust every public authority.
  if (options.ca === undefined) {
    throw wrong('`ca` is missing');
  }
  known(`\`pool\` of ${what}`, options.pool ?? {}, poolOptions);
  const { passphrase, servername, serverIdentity, debounce, interval, signal } = options;
  return {
    connect: {
      rejectUnauthorized: true,
      ...(servername === undefined ? {} : { servername: text('servername', servername) }),
      checkServerIdentity: identityCheck(servername, serverIdentity),
    },
    reloading: {
      ...{ debounce, interval, signal },
      files: files(options),
      passphrase: passphrase === undefined ? undefined : text('passphrase', passphrase),
      context: () => ({ minVersion: 'TLSv1.3' }),
    },
  };
}
