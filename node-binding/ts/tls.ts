// What `peergate/tls` offers.

export { certificateExpiry, type CertificateExpiry } from './tls/expiry.js';
export { createMtlsAgent, type MtlsAgentOptions, type MtlsDispatcher, type PoolOptions } from './tls/agent.js';
export { createMtlsHttpsAgent, type HttpsPoolOptions, type MtlsHttpsAgentOptions } from './tls/https-agent.js';
export type { MtlsClientOptions } from './tls/client.js';
export { TlsError, type TlsErrorCode } from './tls/errors.js';
export type { CertificatePaths } from './tls/paths.js';
export { CertificateReloader, type CertificateInfo, type CertificateReloaderEvents } from './tls/reloader.js';
export { reloadServerCertificates, type ReloadOptions } from './tls/server.js';
export type { WatchOptions } from './watch.js';
