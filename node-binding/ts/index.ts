// What the package offers.

export { createGate, Gate, type DecisionMessage, type PolicyWarning } from './gate.js';
export { clientCertAuth, type ClientCertAuth, type ClientCertAuthOptions } from './middleware.js';
export type { GuardHooks, GuardOptions } from './guard.js';
export { getClientCertificate, type ClientCertificate } from './stamp.js';
export {
  watchPolicy,
  PolicyWatcher,
  type PolicyInfo,
  type PolicyWatcherEvents,
  type WatchPolicyOptions,
} from './watch-policy.js';
export type { WatchOptions } from './watch.js';
export { AccessDeniedError, PolicyError, type PolicyFault } from './errors.js';
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
export type { Detail, LoadCode, Reason, WarningCode } from './codes.js';
