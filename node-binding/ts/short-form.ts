// The short form of options: lists in place of documents. It is only another way to write them; core
// reads what is made here as it reads any policy and any source.

import type { Preset } from './codes.js';
import { PolicyError, type PolicyFault } from './errors.js';
import { createGate, type Gate } from './gate.js';
import { isUndefined, own } from './own.js';

/** Which headers name the caller: `format`, and whatever else the preset's source takes. */
export interface HeaderOptions {
  /**
   * `xfcc`: Envoy's `x-forwarded-client-cert`, the preset `envoy`; `xfcc-json`: its JSON form;
   * `structured`: `client-cert` of RFC 9440, the preset `rfc9440`; else a preset.
   */
  readonly format: 'xfcc' | 'xfcc-json' | 'structured' | Preset;
  /** Other names for the headers of a preset, by role. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly clockSkewSeconds?: number;
  readonly maxHeaderBytes?: number;
  /** `xfcc`: `certificate` reads everything from `Cert`. */
  readonly read?: 'fields' | 'certificate';
  /** `xfcc`: what the proxy is configured to send. */
  readonly fields?: readonly ('subject' | 'uri' | 'dns')[];
  /** `xfcc`: the proxies whose elements count. */
  readonly trustedProxies?: readonly (string | { readonly spiffeUnder: string })[];
  readonly bindConnection?: boolean;
  readonly keyOrder?: 'envoy' | 'any';
  /** `custom`: see the documentation of sources, as for the two below. */
  readonly certificate?: object;
  readonly verified?: object | string;
}

/**
 * Which callers are let in, whatever they ask for. All lists that are given must hold, and of each list
 * one entry must; without a list any certificate will do. For rules about methods and paths write a
 * policy; `toDocuments` gives the one that this stands for.
 */
export interface ShortFormOptions {
  /** Where the caller is named; left out: the peer of Node's own TLS connection. */
  readonly header?: HeaderOptions;
  /** Subject alternative names with their type: `URI:spiffe://…`, `DNS:…`, `IP:…`, `email:…`. */
  readonly allowSANs?: readonly string[];
  /** Common names of the subject, which must have exactly one. */
  readonly allowSubjectCNs?: readonly string[];
  /** Common names of the issuer. Only where the whole certificate is forwarded, or Node ends TLS. */
  readonly allowIssuerCNs?: readonly string[];
  /** SHA-256 fingerprints: 64 hexadecimal digits, with colons or without, or base64. */
  readonly allowFingerprints?: readonly string[];
  /** Whether somebody must vouch for the certificate; `true` when left out. */
  readonly requireVerified?: boolean;
  /**
   * `true`: the time must be within the certificate's validity, which the source must know; `false`: it
   * is not looked at; left out: checked when known.
   */
  readonly checkValidity?: boolean;
}

/** A policy and a source, for `createGate`, `clientCertAuth` or files. */
export interface ShortFormDocuments {
  readonly policy: object;
  readonly source: object;
}

/** @internal */
export const SHORT_FORM_OPTIONS: readonly string[] = [
  'header',
  'allowSANs',
  'allowSubjectCNs',
  'allowIssuerCNs',
  'allowFingerprints',
  'requireVerified',
  'checkValidity',
];

/** A list, and how a principal says it. */
const LISTS: readonly { readonly option: string; readonly key: string; principal(list: string[]): object }[] = [
  { option: 'allowSANs', key: 'san', principal: (san) => ({ san }) },
  { option: 'allowSubjectCNs', key: 'subject', principal: (cn) => ({ subject: { cn } }) },
  { option: 'allowIssuerCNs', key: 'issuer', principal: (cn) => ({ issuer: { cn } }) },
  { option: 'allowFingerprints', key: 'sha256', principal: (sha256) => ({ sha256 }) },
];

const FORMATS = new Map<unknown, object>([
  ['xfcc', { preset: 'envoy' }],
  ['xfcc-json', { preset: 'envoy', format: 'json' }],
  ['structured', { preset: 'rfc9440' }],
]);

/**
 * The documents that a short form stands for: print them, move them to files, go on from there.
 * @throws {TypeError} for an option that does not exist or is of another type; whether the documents are
 * any good is for `createGate` to say
 */
export function toDocuments(options: ShortFormOptions): ShortFormDocuments {
  const given = own('the short form', options);
  for (const [name, value] of given) {
    if (!SHORT_FORM_OPTIONS.includes(name)) {
      throw new TypeError(`peergate: unknown option ${JSON.stringify(name)}`);
    }
    if (value === undefined) {
      throw isUndefined(name);
    }
  }
  const conditions = LISTS.filter(({ option }) => given.has(option)).map(({ option, principal }) =>
    principal(strings(option, given.get(option))),
  );
  const from = conditions.length === 0 ? 'authenticated' : [Object.assign({}, ...conditions) as object];
  return {
    policy: { version: 1, name: 'short-form', allow: [{ name: 'callers', from }] },
    source: sourceOf(given),
  };
}

/** @throws {PolicyError} that names options where they are at fault @internal */
export function shortFormGate(options: ShortFormOptions): Gate {
  const documents = toDocuments(options);
  try {
    return createGate(documents);
  } catch (thrown) {
    if (!(thrown instanceof PolicyError)) {
      throw thrown;
    }
    const faults = thrown.faults.map((fault) => ({ ...fault, option: optionAt(fault.pointer, options) }));
    throw new PolicyError(faults as [PolicyFault, ...PolicyFault[]]);
  }
}

function sourceOf(given: ReadonlyMap<string, unknown>): object {
  const source = given.has('header') ? headerSource(given.get('header')) : { preset: 'connection' };
  const add = (option: string, key: string, value: unknown) => {
    if (Object.hasOwn(source, key)) {
      throw new TypeError(`peergate: \`${option}\` says it, and so does \`header.${key}\`; leave one of them out`);
    }
    return { [key]: value };
  };
  return {
    ...source,
    ...(given.has('requireVerified') ? add('requireVerified', 'requireVerified', boolean('requireVerified', given)) : undefined),
    ...(given.has('checkValidity')
      ? add('checkValidity', 'validity', boolean('checkValidity', given) ? 'required' : 'ignore')
      : undefined),
  };
}

function headerSource(header: unknown): object {
  const keys = own('`header`', header);
  const format = keys.get('format');
  if (typeof format !== 'string') {
    throw new TypeError("peergate: `header.format` is missing: 'xfcc', 'structured' or the name of a preset");
  }
  if (keys.has('preset')) {
    throw new TypeError('peergate: the preset of `header` is its `format`');
  }
  keys.delete('format');
  return { ...(FORMATS.get(format) ?? { preset: format }), ...Object.fromEntries(keys) };
}

/** A copy; that it is not empty is core's to demand. */
function strings(option: string, list: unknown): string[] {
  if (!Array.isArray(list)) {
    throw new TypeError(`peergate: \`${option}\` must be a list of strings`);
  }
  // Unlike other ways, this does not skip what is missing.
  return Array.from(list as unknown[], (entry, index) => {
    if (typeof entry !== 'string') {
      throw new TypeError(`peergate: \`${option}[${index}]\` must be a string`);
    }
    return entry;
  });
}

function boolean(option: string, given: ReadonlyMap<string, unknown>): boolean {
  const value = given.get(option);
  if (typeof value !== 'boolean') {
    throw new TypeError(`peergate: \`${option}\` must be true or false`);
  }
  return value;
}

/** Where a fault of the documents is in the options. */
function optionAt(pointer: string, options: ShortFormOptions): string | undefined {
  const [, principal] = /^\/policy\/allow\/0\/from\/0\/(.+)$/.exec(pointer) ?? [];
  if (principal !== undefined) {
    const [key, ...rest] = principal.split('/');
    const { option } = LISTS.find((list) => list.key === key) ?? {};
    const index = rest.at(-1);
    return option === undefined || !/^\d+$/.test(index ?? '') ? option : `${option}[${index}]`;
  }
  const [, inSource] = /^\/source(?:\/(.+))?$/.exec(pointer) ?? [];
  if (inSource === 'requireVerified' && options.requireVerified !== undefined) {
    return 'requireVerified';
  }
  if (inSource === 'validity' && options.checkValidity !== undefined) {
    return 'checkValidity';
  }
  if (!pointer.startsWith('/source') || options.header === undefined) {
    return undefined;
  }
  return inSource === undefined ? 'header' : `header.${(inSource === 'preset' ? 'format' : inSource).replaceAll('/', '.')}`;
}
