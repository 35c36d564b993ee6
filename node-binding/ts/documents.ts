// Where the texts of a gate's documents come from. What they mean is core's business.

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import glue = require('./wasm/peergate.js');
import { guarded } from './instance.js';
import { PolicyError, type PolicyFault } from './errors.js';
import { isPlain } from './own.js';

/**
 * A JSON document: an object, its text as bytes (`readFileSync(path)`), or the path of its file as a
 * string or a `file:` URL. Only texts have lines and columns, and only in them duplicate keys show.
 */
export type DocumentInput = object | Uint8Array | string | URL;

/** A policy and where callers' identities come from, or both in a deployment. */
export type GateOptions =
  | {
      /** Who may do what. */
      readonly policy: DocumentInput;
      /** Where identity comes from; `{"preset": "envoy"}` when left out. */
      readonly source?: DocumentInput | undefined;
      readonly deployment?: undefined;
    }
  | {
      /** Source, policy, identity header and statuses in one document. */
      readonly deployment: DocumentInput;
      /** What stands in place of the file that the deployment's `policy` names. */
      readonly policy?: DocumentInput | undefined;
      readonly source?: undefined;
    };

/** What `update` takes: what is left out stays as it is. */
export interface GateUpdate {
  readonly policy?: DocumentInput | undefined;
  readonly source?: DocumentInput | undefined;
  readonly deployment?: DocumentInput | undefined;
}

/** The texts of which a gate is made. @internal */
export type Texts =
  | { readonly deployment: Uint8Array; readonly policy: Uint8Array | undefined }
  | { readonly deployment?: undefined; readonly policy: Uint8Array; readonly source: Uint8Array | undefined };

/** @internal */
export const GATE_OPTIONS: readonly string[] = ['policy', 'source', 'deployment'];

/** Reads what the options name. @internal */
export function texts(options: GateUpdate): Texts {
  if (options.deployment !== undefined) {
    if (options.source !== undefined) {
      throw new TypeError('peergate: a deployment holds its source; give one or the other');
    }
    return deploymentTexts(options.deployment, options.policy);
  }
  if (options.policy === undefined) {
    throw new TypeError('peergate: `policy` (or `deployment`) is missing');
  }
  return {
    policy: text('policy', options.policy),
    source: options.source === undefined ? undefined : text('source', options.source),
  };
}

/** The texts after an update. @internal */
export function updated(old: Texts, update: GateUpdate): Texts {
  if (update.deployment !== undefined) {
    return texts(update);
  }
  if (old.deployment === undefined) {
    return {
      policy: update.policy === undefined ? old.policy : text('policy', update.policy),
      source: update.source === undefined ? old.source : text('source', update.source),
    };
  }
  if (update.source !== undefined) {
    throw new TypeError('peergate: this gate was made of a deployment; update that');
  }
  if (update.policy === undefined) {
    return old;
  }
  if (namedPolicy(old.deployment) === undefined) {
    throw new TypeError('peergate: the deployment holds its policy; update the deployment');
  }
  return { deployment: old.deployment, policy: text('policy', update.policy) };
}

/** Makes the module's gate. @internal */
export function load(from: Texts): glue.GateHandle {
  return faultsAsError(() =>
    from.deployment === undefined
      ? glue.GateHandle.fromParts(from.policy, from.source)
      : glue.GateHandle.fromDeployment(from.deployment, from.policy),
  );
}

function deploymentTexts(input: DocumentInput, policy: DocumentInput | undefined): Texts {
  const deployment = text('deployment', input);
  if (policy !== undefined) {
    return { deployment, policy: text('policy', policy) };
  }
  const named = namedPolicy(deployment);
  if (named === undefined) {
    return { deployment, policy: undefined };
  }
  const path = filePath(input);
  return { deployment, policy: readFileSync(path === undefined ? named : resolve(dirname(path), named)) };
}

/**
 * The path at a deployment's `policy`, if it holds one.
 * @throws {PolicyError} for what is no deployment
 * @internal
 */
export function namedPolicy(deployment: Uint8Array): string | undefined {
  return faultsAsError(() => glue.policyPath(deployment));
}

function text(what: string, input: DocumentInput): Uint8Array {
  if (input instanceof Uint8Array) {
    // Kept for reloading, so nobody else may change it.
    return Uint8Array.prototype.slice.call(input);
  }
  const path = filePath(input);
  if (path !== undefined) {
    if (/^\s*[{[]/.test(path)) {
      throw new TypeError(`peergate: \`${what}\` as a string is a path; pass JSON text as bytes, or the parsed object`);
    }
    return readFileSync(path);
  }
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new TypeError(`peergate: \`${what}\` must be an object, the path of a file, or JSON text as bytes`);
  }
  return Buffer.from(JSON.stringify(input, written), 'utf8');
}

/**
 * JSON leaves `undefined` and functions out, and what an object inherits. A rule whose `paths` are left out
 * is about every path, so a setting that was forgotten would open it.
 */
function written(this: unknown, key: string, value: unknown): unknown {
  if (value === undefined || typeof value === 'function' || typeof value === 'symbol') {
    throw new TypeError(`peergate: ${JSON.stringify(key)} in a document is ${typeof value}; leave the key out or give it a value`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && !isPlain(value)) {
    throw new TypeError(`peergate: ${key === '' ? 'a document' : `${JSON.stringify(key)} in a document`} must be a plain object`);
  }
  return value;
}

function filePath(input: DocumentInput): string | undefined {
  if (input instanceof URL) {
    return fileURLToPath(input);
  }
  return typeof input === 'string' ? input : undefined;
}

/** The module throws what is wrong with documents as JSON text. */
function faultsAsError<T>(call: () => T): T {
  try {
    return guarded(call);
  } catch (thrown) {
    if (typeof thrown !== 'string') {
      throw thrown;
    }
    throw new PolicyError(JSON.parse(thrown) as [PolicyFault, ...PolicyFault[]]);
  }
}
