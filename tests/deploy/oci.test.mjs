// The OCI image layout of the filter, read back as a registry's client would.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { filter, root, run } from './envoy.mjs';

let folder;
let printed;

const make = (to, from = filter) => run('node', [join(root, 'tests/tools/make-oci.mjs'), from, to, '0.1.0']).trim();
const sha256 = (bytes) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'peergate-oci-'));
  printed = make(join(folder, 'a'));
});

after(() => rmSync(folder, { recursive: true, force: true }));

/** The bytes that a descriptor names, which must be of its size and digest. */
function fetchBlob(layout, { digest, size }) {
  const bytes = readFileSync(join(layout, 'blobs', ...digest.split(':')));
  assert.equal(bytes.length, size);
  assert.equal(sha256(bytes), digest);
  return bytes;
}

/** From the index down to the layer. */
function walk(layout) {
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'));
  assert.equal(index.schemaVersion, 2);
  assert.equal(index.mediaType, 'application/vnd.oci.image.index.v1+json');
  assert.equal(index.manifests.length, 1);
  const [descriptor] = index.manifests;
  assert.equal(descriptor.mediaType, 'application/vnd.oci.image.manifest.v1+json');
  const manifest = JSON.parse(fetchBlob(layout, descriptor));
  const config = JSON.parse(fetchBlob(layout, manifest.config));
  return { descriptor, manifest, config, layers: manifest.layers.map((layer) => fetchBlob(layout, layer)) };
}

test('the layout holds the filter, and every digest is right', () => {
  const layout = join(folder, 'a');
  assert.deepEqual(JSON.parse(readFileSync(join(layout, 'oci-layout'), 'utf8')), { imageLayoutVersion: '1.0.0' });
  const { descriptor, manifest, config, layers } = walk(layout);
  assert.equal(descriptor.digest, printed);
  assert.equal(descriptor.annotations['org.opencontainers.image.ref.name'], '0.1.0');
  // What Istio and Envoy Gateway look for: the last layer of this type, with plugin.wasm in it.
  assert.equal(manifest.config.mediaType, 'application/vnd.oci.image.config.v1+json');
  assert.deepEqual(manifest.layers.map((layer) => layer.mediaType), ['application/vnd.oci.image.layer.v1.tar+gzip']);
  const archive = gunzipSync(layers[0]);
  assert.deepEqual(config.rootfs, { type: 'layers', diff_ids: [sha256(archive)] });
  assert.equal(readdirSync(join(layout, 'blobs', 'sha256')).length, 3, 'nothing else is in it');
  // Another reader of archives than the writer.
  const unpacked = join(folder, 'layer.tar');
  writeFileSync(unpacked, archive);
  assert.equal(run('tar', ['-tf', unpacked]), 'plugin.wasm\n');
  run('tar', ['-xf', unpacked, '-C', folder]);
  assert.ok(readFileSync(join(folder, 'plugin.wasm')).equals(readFileSync(filter)), 'the filter itself');
});

test('the same filter gives the same bytes, another one another digest', () => {
  assert.equal(make(join(folder, 'b')), printed);
  run('diff', ['-r', join(folder, 'a'), join(folder, 'b')]);
  const other = join(folder, 'other.wasm');
  writeFileSync(other, Buffer.concat([readFileSync(filter), Buffer.from([0])]));
  assert.notEqual(make(join(folder, 'c'), other), printed);
  walk(join(folder, 'c'));
});
