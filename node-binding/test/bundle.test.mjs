// Bundled for Node, as docs/node-bundlers.md says: left outside of the bundle, or taken into it.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import commonjs from '@rollup/plugin-commonjs';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import { build as esbuild } from 'esbuild';
import { rollup } from 'rollup';
import { build as vite } from 'vite';

const here = dirname(dirname(fileURLToPath(import.meta.url)));
const guide = readFileSync(join(here, '../docs/node-bundlers.md'), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'peergate-bundle-'));
const modules = join(folder, 'node_modules');
const input = join(folder, 'app.mjs');

/** What the guide has at the head of an ES module. */
const [, banner] = /```js banner\n([^]*?)\n```/.exec(guide);

const program = `
import { createServer } from 'node:http';
import { clientCertAuth, getClientCertificate } from 'peergate';

const auth = clientCertAuth({ policy: { version: 1, allow: [{ name: 'a', from: [{ spiffe: 'spiffe://td/a' }] }] } });
const server = createServer((request, response) => {
  if (auth(request, response)) response.end(getClientCertificate(request).identity);
});
server.listen(0, '127.0.0.1', async () => {
  const answers = [];
  for (const caller of ['a', 'b']) {
    const headers = { 'x-forwarded-client-cert': 'Hash=' + 'a'.repeat(64) + ';Subject="";URI=spiffe://td/' + caller };
    const answer = await fetch('http://127.0.0.1:' + server.address().port, { headers });
    answers.push(answer.status, answer.ok ? await answer.text() : '');
  }
  console.log(answers.join(' '));
  server.closeAllConnections();
  server.close();
});
`;

before(() => {
  const pack = execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: here, encoding: 'utf8' });
  mkdirSync(join(modules, 'peergate'), { recursive: true });
  execFileSync('tar', ['-xzf', join(folder, pack.trim()), '--strip-components=1', '-C', join(modules, 'peergate')]);
  writeFileSync(input, program);
});
after(() => rmSync(folder, { recursive: true }));

/** Runs a bundle where there is nothing but its output and, if it was left outside, the package. */
function run(name, output, file, { packageBeside }) {
  const place = mkdtempSync(join(tmpdir(), 'peergate-bundled-'));
  try {
    cpSync(output, place, { recursive: true });
    if (packageBeside) {
      cpSync(join(modules, 'peergate'), join(place, 'node_modules/peergate'), { recursive: true });
    } else {
      const wasm = execFileSync(process.execPath, ['-p', "require.resolve('peergate/peergate_bg.wasm')"], { cwd: folder, encoding: 'utf8' });
      copyFileSync(wasm.trim(), join(place, 'peergate_bg.wasm'));
    }
    assert.equal(execFileSync(process.execPath, [join(place, file)], { encoding: 'utf8', stdio: 'pipe' }), '200 spiffe://td/a 403 \n', name);
  } finally {
    rmSync(place, { recursive: true });
  }
}

for (const [format, file] of [['cjs', 'app.cjs'], ['esm', 'app.mjs']]) {
  for (const external of [true, false]) {
    const how = external ? 'left outside' : 'taken in';

    test(`esbuild, ${format}, ${how}`, async () => {
      const output = join(folder, `esbuild-${format}-${how}`);
      await esbuild({
        entryPoints: [input], bundle: true, platform: 'node', format, outfile: join(output, file), logLevel: 'error',
        ...(external ? { external: ['peergate'] } : {}),
        ...(format === 'esm' && !external ? { banner: { js: banner } } : {}),
      });
      run('esbuild', output, file, { packageBeside: external });
    });

    test(`rollup, ${format}, ${how}`, async () => {
      const output = join(folder, `rollup-${format}-${how}`);
      const bundle = await rollup({
        input, external: external ? ['peergate'] : [],
        plugins: [nodeResolve({ preferBuiltins: true }), commonjs()],
      });
      await bundle.write({ file: join(output, file), format, ...(format === 'esm' && !external ? { banner } : {}) });
      await bundle.close();
      run('rollup', output, file, { packageBeside: external });
    });
  }
}

for (const external of [true, false]) {
  test(`vite for the server, ${external ? 'left outside, as it does by itself' : 'taken in'}`, async () => {
    const output = join(folder, `vite-${external}`);
    await vite({
      root: folder, logLevel: 'error', configFile: false,
      ...(external ? {} : { ssr: { noExternal: ['peergate'] } }),
      build: {
        ssr: input, outDir: output, emptyOutDir: true,
        rolldownOptions: { output: external ? {} : { banner } },
      },
    });
    renameSync(join(output, 'app.mjs'), join(output, 'server.mjs'));
    run('vite', output, 'server.mjs', { packageBeside: external });
  });
}

test('without its module beside it a bundle says at once what is missing', async () => {
  const output = join(folder, 'esbuild-alone');
  await esbuild({ entryPoints: [input], bundle: true, platform: 'node', format: 'cjs', outfile: join(output, 'app.cjs'), logLevel: 'error' });
  assert.throws(
    () => execFileSync(process.execPath, [join(output, 'app.cjs')], { encoding: 'utf8', stdio: 'pipe' }),
    (error) => error.stderr.includes('peergate_bg.wasm'),
  );
});
