// The module for Nuxt 3 and 4: the guard as middleware of the server that Nuxt builds.

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Adapter, type AdapterOptions } from './adapter.js';
import type { ShortFormOptions } from './short-form.js';
import { isUndefined } from './own.js';

/** What can be written into the server that is built: documents, and no functions. */
export type ModuleOptions = {
  readonly onDeny?: 'respond' | 'throw' | undefined;
  readonly stateKey?: string | undefined;
} & (
  | {
      /** Who may do what: a document, or the path of its file, relative to the project. */
      readonly policy: object | string;
      readonly source?: object | string | undefined;
      readonly deployment?: undefined;
    }
  | { readonly deployment: object | string; readonly policy?: object | string | undefined; readonly source?: undefined }
  | (ShortFormOptions & { readonly policy?: undefined; readonly source?: undefined; readonly deployment?: undefined })
);

/** What the module uses of Nuxt. */
export interface NuxtLike {
  readonly options: {
    readonly rootDir: string;
    readonly serverHandlers: { middleware?: boolean; handler: string }[];
    readonly nitro: object;
  };
}

const HANDLER = '#peergate/middleware';

/**
 * `modules: ['peergate/nuxt'], peergate: { policy: 'policy.json' }` in `nuxt.config.ts`.
 *
 * Documents are read and checked when Nuxt builds, and are part of what it builds. The guard stands
 * before every route and page, and behind the files of `server/middleware`. Functions (`trustPeer`,
 * `verify`) cannot be written into a configuration: who needs them writes `server/middleware/0.auth.ts`
 * with `clientCertAuth` of `peergate/h3`. Files in `public/` and what `routeRules` redirect or proxy Nitro
 * answers before any middleware.
 * @throws {PolicyError} when a document is refused
 */
function peergate(inline: Partial<ModuleOptions> | undefined, nuxt: NuxtLike): void {
  const configured = (nuxt.options as { peergate?: Partial<ModuleOptions> }).peergate;
  const options: Record<string, unknown> = { ...configured, ...inline };
  const written: string[] = [];
  const others: Record<string, unknown> = {};
  const documents: Record<string, object> = {};
  for (const [name, value] of Object.entries(options)) {
    if (typeof value === 'function') {
      throw new TypeError(`peergate: ${JSON.stringify(name)} is a function; write server/middleware/0.auth.ts for it`);
    }
    if (value === undefined && name !== 'onDeny' && name !== 'stateKey') {
      throw isUndefined(name);
    }
    if (DOCUMENTS.includes(name)) {
      Object.assign(documents, documentsOf(name, value, nuxt.options.rootDir));
    } else if (value !== undefined) {
      others[name] = value;
      written.push(`${JSON.stringify(name)}: ${JSON.stringify(value)}`);
    }
  }
  // Better now than when the server starts.
  const { gate } = new Adapter<object>({ ...others, ...documents } as unknown as AdapterOptions<object>).guard;
  gate.free();
  for (const [name, document] of Object.entries(documents)) {
    const text = document instanceof Uint8Array ? Buffer.from(document).toString('utf8') : JSON.stringify(document);
    written.push(`${name}: Buffer.from(${JSON.stringify(text)})`);
  }
  const nitro = nuxt.options.nitro as NitroOptions;
  // Nuxt bundles what comes from the packages of its modules, and this one finds its .wasm beside its code.
  nitro.externals = { ...nitro.externals, external: [...(nitro.externals?.external ?? []), isOwn] };
  nitro.virtual = {
    ...nitro.virtual,
    [HANDLER]: `import { clientCertAuth } from 'peergate/h3';\nexport default clientCertAuth({ ${written.join(', ')} });\n`,
  };
  nuxt.options.serverHandlers.unshift({ middleware: true, handler: HANDLER });
  warnOfProxies({ ...nitro.routeRules, ...(nuxt.options as NitroOptions).routeRules });
}

/** Nitro acts on its rules for routes before any middleware. */
function warnOfProxies(rules: Readonly<Record<string, unknown>>): void {
  const routes = Object.keys(rules).filter((route) => (rules[route] as { proxy?: unknown } | undefined)?.proxy !== undefined);
  if (routes.length > 0) {
    process.emitWarning(`peergate: routeRules pass on ${routes.join(', ')} before the guard, whoever calls; proxy from a handler instead`, {
      type: 'PeergateWarning',
      code: 'PEERGATE_UNGUARDED_ROUTE',
    });
  }
}

/** What the module uses of Nitro's options. */
interface NitroOptions {
  virtual?: Record<string, string>;
  externals?: { external?: unknown[] };
  routeRules?: Record<string, unknown>;
}

function isOwn(id: string): boolean {
  return /(?:^|[\\/]node_modules[\\/])peergate(?:[\\/]|$)/.test(id);
}

const DOCUMENTS: readonly string[] = ['policy', 'source', 'deployment'];

function documentsOf(name: string, value: unknown, rootDir: string): Record<string, object> {
  if (typeof value !== 'string') {
    // As it is: JSON would leave out what is `undefined`, and the check must see it.
    return { [name]: value as object };
  }
  const path = resolve(rootDir, value);
  const text = readFileSync(path);
  return name === 'deployment' ? { deployment: text, ...policyNamedIn(text, path) } : { [name]: text };
}

/** A deployment may name the file of its policy, relative to its own. */
function policyNamedIn(text: Uint8Array, path: string): Record<string, Uint8Array> {
  try {
    const { policy } = JSON.parse(Buffer.from(text).toString('utf8')) as { policy?: unknown };
    return typeof policy === 'string' ? { policy: readFileSync(resolve(dirname(path), policy)) } : {};
  } catch (error) {
    if (error instanceof SyntaxError) {
      return {};
    }
    throw error;
  }
}

const meta = { name: 'peergate', configKey: 'peergate', compatibility: { nuxt: '>=3.0.0' } };

export default Object.assign(peergate, { getMeta: (): Promise<typeof meta> => Promise.resolve(meta) });
