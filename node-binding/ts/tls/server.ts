// A TLS server whose certificates follow their files.

import { randomBytes } from 'node:crypto';
import { Server, type SecureContextOptions } from 'node:tls';
import { WATCH_OPTIONS, type WatchOptions } from '../watch.js';
import { files, known, PATH_OPTIONS, text, wrong, type CertificatePaths } from './paths.js';
import { CertificateReloader } from './reloader.js';

/** How a server's certificates are reloaded. */
export interface ReloadOptions extends WatchOptions {
  /** Of the key, if it is encrypted. */
  readonly passphrase?: string | undefined;
  /**
   * Other options of the TLS context, such as `minVersion` and `ciphers`. What is left out stays as the
   * server was made with.
   */
  readonly context?: Omit<SecureContextOptions, (typeof OURS)[number]> | undefined;
}

const OURS = ['key', 'cert', 'ca', 'crl', 'pfx', 'passphrase', 'ticketKeys', 'sessionIdContext'] as const;

/**
 * What a server keeps of the options that it was made with, and forgets at `setSecureContext` if they are
 * not given again: a server made for TLS 1.3 alone would take TLS 1.2 from the first renewal on, and one
 * made with its own authorities would trust the system's.
 */
const KEPT = [
  'ca',
  'ciphers',
  'crl',
  'dhparam',
  'ecdhCurve',
  'honorCipherOrder',
  'maxVersion',
  'minVersion',
  'secureOptions',
  'secureProtocol',
  'sessionTimeout',
  'sigalgs',
] as const;

/**
 * Puts the files' certificates in force now, and again whenever the files change, for a server of
 * `node:https`, `node:tls` or `node:http2`. Connections that are open go on. TLS sessions from before are
 * not resumed: who resumes is not verified again, and would outlive its revocation.
 * @throws {TlsError} when the files cannot be used now; later faults are events
 */
export function reloadServerCertificates(
  server: Server,
  paths: CertificatePaths,
  options: ReloadOptions = {},
): CertificateReloader {
  if (!(server instanceof Server)) {
    throw wrong('reloadServerCertificates() takes a server of node:https, node:tls or node:http2');
  }
  known('reloadServerCertificates(server, paths)', paths, PATH_OPTIONS);
  known('reloadServerCertificates(server, paths, options)', options, [...WATCH_OPTIONS, 'passphrase', 'context']);
  const { passphrase, context = {}, ...watching } = options;
  for (const name of OURS) {
    if (name in context) {
      throw wrong(`\`context.${name}\` is set by the files`);
    }
  }
  const kept = Object.fromEntries(KEPT.map((name) => [name, (server as unknown as Record<string, unknown>)[name]]));
  const reloader = new CertificateReloader({
    ...watching,
    files: files(paths),
    passphrase: passphrase === undefined ? undefined : text('passphrase', passphrase),
    context: () => ({
      ...kept,
      ...context,
      // Tickets are sealed with the keys; sessions that the application stores are bound to the name.
      ticketKeys: randomBytes(48),
      sessionIdContext: randomBytes(16).toString('hex'),
    }),
    use: (material) => server.setSecureContext(material.options),
  });
  server.once('close', () => reloader.close());
  return reloader;
}
