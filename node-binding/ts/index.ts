// What the package offers.

export { createGate, Gate, type DecisionMessage, type PolicyWarning } from './gate.js';
export { clientCertAuth, type ClientCertAuth, type ClientCertAuthOptions } from './middleware.js';
export type { GuardHooks, GuardOptions } from './guard.js';
export { toDocuments, type HeaderOptions, type ShortFormDocuments, type ShortFormOptions } from './short-form.js';
export { getClientCertificate, setClientCertificate } from './stamp.js';
export type { ClientCertificate, NormalizedCertificate } from './certificate.js';
export type { ResolvedCertificate } from './resolve.js';
export {
  normalizePeerCertificate,
  parseCertificate,
  parseForwardedClientCert,
  type ForwardedClientCert,
  type ForwardedClientCertOptions,
  type ParseCode,
  type WithRaw,
} from './parse.js';
export {
  watchPolicy,
  PolicyWatcher,
  type PolicyInfo,
  type PolicyWatcherEvents,
  type WatchPolicyOptions,
} from './watch-policy.js';
export type { WatchOptions } from './watch.js';
export { AccessDeniedError, ParseError, PolicyError, type PolicyFault } from './errors.js';
export type {
  Decision,
  DecisionJson,
  DecisionReason,
  IdentityType,
  ApplicationDetail,
  InternalDetail,
  ShadowDecision,
} from './decision.js';
export type { DocumentInput, GateOptions, GateUpdate } from './documents.js';
export type { FetchRequest, FixtureText, GateRequest, RequestFixture } from './request.js';
export type { CertificateCode, Detail, LoadCode, Preset, Reason, WarningCode } from './codes.js';
