// An OCI image layout of the filter: what `skopeo copy oci:…` and `crane push` take, and what Istio's
// WasmPlugin and Envoy Gateway's EnvoyExtensionPolicy pull. It is the "compat" variant of the Wasm image
// specification: one ordinary layer, a gzipped tar with the file plugin.wasm in it.
//
//   node make-oci.mjs FILTER.wasm FOLDER VERSION
//
// The same filter gives the same bytes: no times, no owners, no name of this machine. The digest of the
// unpacked layer (diff_id) depends on the filter alone; that of the packed one also on zlib.

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const [filter, folder, version] = process.argv.slice(2);
if (version === undefined) {
  console.error('usage: make-oci.mjs FILTER.wasm FOLDER VERSION');
  process.exit(2);
}

const blobs = join(folder, 'blobs', 'sha256');
rmSync(folder, { recursive: true, force: true });
mkdirSync(blobs, { recursive: true });

const archive = tar('plugin.wasm', readFileSync(filter));
const layer = gzipSync(archive, { level: 9 });
// The byte that names the operating system, which zlib fills in: "unknown".
layer[9] = 255;

const config = {
  architecture: 'wasm',
  os: 'wasip1',
  config: {},
  rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(archive)}`] },
};
const annotations = {
  'org.opencontainers.image.title': 'peergate',
  'org.opencontainers.image.version': version,
  'org.opencontainers.image.licenses': 'MIT OR Apache-2.0',
};
const manifest = {
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  config: blob('application/vnd.oci.image.config.v1+json', json(config)),
  layers: [blob('application/vnd.oci.image.layer.v1.tar+gzip', layer)],
  annotations,
};
const index = {
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.index.v1+json',
  manifests: [
    { ...blob(manifest.mediaType, json(manifest)), annotations: { 'org.opencontainers.image.ref.name': version } },
  ],
};
writeFileSync(join(folder, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }));
writeFileSync(join(folder, 'index.json'), json(index));
console.log(index.manifests[0].digest);

/** Writes a blob under its digest. */
function blob(mediaType, bytes) {
  const digest = sha256(bytes);
  writeFileSync(join(blobs, digest), bytes);
  return { mediaType, digest: `sha256:${digest}`, size: bytes.length };
}

function json(value) {
  return Buffer.from(JSON.stringify(value));
}

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A POSIX archive of one file that anybody may read. */
function tar(name, bytes) {
  const octal = (value, length) => value.toString(8).padStart(length - 1, '0') + '\0';
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write(octal(0o644, 8), 100);
  header.write(octal(0, 8), 108);
  header.write(octal(0, 8), 116);
  header.write(octal(bytes.length, 12), 124);
  header.write(octal(0, 12), 136);
  header.write(' '.repeat(8), 148);
  header.write('0', 156);
  header.write('ustar\0' + '00', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(octal(sum, 7) + ' ', 148);
  const rest = Buffer.alloc((512 - (bytes.length % 512)) % 512);
  // Two empty blocks end it.
  return Buffer.concat([header, bytes, rest, Buffer.alloc(1024)]);
}
