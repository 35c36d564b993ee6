// The manifests of examples/istio and examples/envoy-gateway, held against the schemas that the projects
// publish for their resources (compiled in the npm packages @kubernetes-models/… from the CRDs), and the
// documents in them against Peergate itself.
//
// A Kubernetes server drops keys that its schema does not know, without a word; the compiled schemas pass
// over them as well. So each document is handed over in a wrapper that remembers which keys were looked at,
// and a key that nobody asked for fails the test.
//
// Istio's own schema of IstioOperator says nothing about meshConfig; what mesh.yaml sets there is held
// against a list made from Istio's documentation of MeshConfig (MESH_CONFIG below).

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { peergate, read, root, run } from './envoy.mjs';

const installed = existsSync(fileURLToPath(new URL('node_modules/yaml', import.meta.url)));
const skip = installed ? false : 'the npm registry could not be reached: no published schemas to hold manifests against';

const KINDS = {
  'cert-manager.io/v1': '@kubernetes-models/cert-manager/cert-manager.io/v1',
  'extensions.istio.io/v1alpha1': '@kubernetes-models/istio/extensions.istio.io/v1alpha1',
  'gateway.envoyproxy.io/v1alpha1': '@kubernetes-models/envoy-gateway/gateway.envoyproxy.io/v1alpha1',
  'gateway.networking.k8s.io/v1': '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1',
  'install.istio.io/v1alpha1': '@kubernetes-models/istio/install.istio.io/v1alpha1',
  'networking.istio.io/v1': '@kubernetes-models/istio/networking.istio.io/v1',
  'networking.istio.io/v1alpha3': '@kubernetes-models/istio/networking.istio.io/v1alpha3',
  'networking.k8s.io/v1': 'kubernetes-models/networking.k8s.io/v1',
  'security.istio.io/v1': '@kubernetes-models/istio/security.istio.io/v1',
};

/** Where a resource may hold anything, by the schemas themselves. */
const FREE = [
  /^WasmPlugin\.spec\.pluginConfig$/,
  /^EnvoyFilter\.spec\.configPatches\.\d+\.patch\.value$/,
  /^EnvoyExtensionPolicy\.spec\.wasm\.\d+\.config$/,
  // Held against MESH_CONFIG.
  /^IstioOperator\.spec$/,
];

const MESH_CONFIG = {
  pathNormalization: { normalization: ['DEFAULT', 'NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'] },
  defaultConfig: {
    gatewayTopology: { forwardClientCertDetails: ['SANITIZE', 'SANITIZE_SET', 'FORWARD_ONLY', 'APPEND_FORWARD'] },
    proxyStatsMatcher: { inclusionPrefixes: 'strings', inclusionSuffixes: 'strings', inclusionRegexps: 'strings' },
  },
};

/** What is wrong with a resource: what its schema says, and keys that the schema does not know. */
async function faults(resource) {
  const module = KINDS[resource.apiVersion];
  assert.ok(module, `no schema for ${resource.apiVersion}`);
  const model = (await import(`${module}/${resource.kind}`))[resource.kind];
  assert.ok(model, `${module} has no ${resource.kind}`);
  const asked = new Set();
  const found = [];
  try {
    // Not of a model made from the resource, which would be a copy.
    model.prototype.validate.call(watch(resource, resource.kind, asked));
  } catch (error) {
    found.push(error.message);
  }
  return found.concat(unasked(resource, resource.kind, asked));
}

function watch(value, path, asked) {
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  return new Proxy(value, {
    get(object, key) {
      if (typeof key === 'symbol' || !Object.hasOwn(object, key)) {
        return object[key];
      }
      asked.add(`${path}.${key}`);
      return watch(object[key], `${path}.${key}`, asked);
    },
  });
}

/** Keys that nobody read. */
function unasked(value, path, asked) {
  if (typeof value !== 'object' || value === null) {
    return [];
  }
  return Object.keys(value).flatMap((key) => {
    const at = `${path}.${key}`;
    if (FREE.some((free) => free.test(at))) {
      return [];
    }
    return asked.has(at) ? unasked(value[key], at, asked) : [`${at} is unknown to the schema`];
  });
}

async function resourcesOf(folder) {
  const { parseAllDocuments } = await import('yaml');
  return readdirSync(join(root, 'examples', folder))
    .filter((name) => name.endsWith('.yaml'))
    .flatMap((name) => {
      return parseAllDocuments(read(join('examples', folder, name)), { strict: true }).map((document) => {
        assert.deepEqual(document.errors, [], name);
        return { name, resource: document.toJS() };
      });
    });
}

/** What `peergate check` says about a document; throws when it refuses it. */
function check(document) {
  const folder = mkdtempSync(join(tmpdir(), 'peergate-manifest-'));
  try {
    const file = join(folder, 'deployment.json');
    writeFileSync(file, JSON.stringify(document));
    return run(peergate, ['check', '--json', file]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

for (const folder of ['istio', 'envoy-gateway']) {
  test(`the resources of examples/${folder} are what their published schemas ask for`, { skip }, async (t) => {
    const resources = await resourcesOf(folder);
    assert.ok(resources.length >= 8, `only ${resources.length} resources`);
    for (const { name, resource } of resources) {
      await t.test(`${name}: ${resource.kind} ${resource.metadata.name}`, async () => {
        assert.deepEqual(await faults(resource), []);
      });
    }
  });
}

test('a misspelt key or a wrong value is found in every kind of resource', { skip }, async () => {
  const resources = [...(await resourcesOf('istio')), ...(await resourcesOf('envoy-gateway'))];
  for (const { resource } of resources.filter(({ resource }) => resource.kind !== 'IstioOperator')) {
    const misspelt = structuredClone(resource);
    misspelt.spec.peergateTypo = 1;
    assert.notDeepEqual(await faults(misspelt), [], resource.kind);
    const wrong = structuredClone(resource);
    wrong.spec = [];
    assert.notDeepEqual(await faults(wrong), [], resource.kind);
  }
  const { resource } = resources.find(({ resource }) => resource.kind === 'ClientTrafficPolicy');
  const mode = structuredClone(resource);
  mode.spec.headers.xForwardedClientCert.mode = 'SANITIZE_SET';
  assert.notDeepEqual(await faults(mode), []);
});

test('what mesh.yaml sets is in the documentation of MeshConfig', { skip }, async () => {
  const resources = await resourcesOf('istio');
  const { spec } = resources.find(({ resource }) => resource.kind === 'IstioOperator').resource;
  assert.deepEqual(Object.keys(spec), ['meshConfig']);
  const hold = (value, known, path) => {
    if (Array.isArray(known)) {
      assert.ok(known.includes(value), path);
    } else if (known === 'strings') {
      assert.ok(Array.isArray(value) && value.every((one) => typeof one === 'string'), path);
    } else {
      for (const [key, inner] of Object.entries(value)) {
        assert.ok(Object.hasOwn(known, key), `${path}.${key}`);
        hold(inner, known[key], `${path}.${key}`);
      }
    }
  };
  hold(spec.meshConfig, MESH_CONFIG, 'meshConfig');
  assert.equal(spec.meshConfig.defaultConfig.gatewayTopology.forwardClientCertDetails, 'SANITIZE_SET');
});

test('Peergate takes the documents, without a warning', { skip }, async () => {
  const plugin = (await resourcesOf('istio')).find(({ resource }) => resource.kind === 'WasmPlugin').resource;
  const policy = (await resourcesOf('envoy-gateway')).find(({ resource }) => resource.kind === 'EnvoyExtensionPolicy').resource;
  for (const document of [plugin.spec.pluginConfig, policy.spec.wasm[0].config]) {
    const { files } = JSON.parse(check(document));
    assert.deepEqual(files.map(({ ok, policy, warnings }) => ({ ok, policy, warnings })), [
      { ok: true, policy: 'orders-api', warnings: [] },
    ]);
  }
  assert.throws(() => check({ ...plugin.spec.pluginConfig, plicy: {} }), /unknown_key/);
});

test('neither example opens on failure, nor believes what clients write', { skip }, async () => {
  const resources = [...(await resourcesOf('istio')), ...(await resourcesOf('envoy-gateway'))];
  const kind = (name) => resources.filter(({ resource }) => resource.kind === name).map(({ resource }) => resource.spec);
  assert.deepEqual(kind('WasmPlugin').map((spec) => spec.failStrategy), ['FAIL_RELOAD']);
  assert.deepEqual(kind('EnvoyExtensionPolicy').flatMap((spec) => spec.wasm.map((wasm) => wasm.failOpen)), [false]);
  assert.deepEqual(kind('ClientTrafficPolicy').map((spec) => spec.headers.xForwardedClientCert.mode), ['SanitizeSet']);
  for (const spec of kind('Certificate').filter((spec) => spec.usages.includes('client auth'))) {
    assert.equal(spec.uris.length, 1);
    run(peergate, ['parse', 'spiffe'], spec.uris[0]);
  }
});
