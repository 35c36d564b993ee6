// The module for Nuxt, as Nuxt calls it. A real Nuxt builds with it in examples.test.mjs.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import nuxtModule from '../../dist/nuxt.mjs';
import { policy } from '../support.mjs';

const rootDir = mkdtempSync(join(tmpdir(), 'peergate-nuxt-'));
after(() => rmSync(rootDir, { recursive: true }));
const write = (name, text) => writeFileSync(join(rootDir, name), typeof text === 'string' ? text : JSON.stringify(text));

/** What Nuxt has after the module. */
function called(inline, configured, more = {}) {
  const options = { ...more, rootDir, serverHandlers: [{ handler: 'other' }], nitro: { virtual: { '#other': '' }, externals: { external: ['x'] } }, peergate: configured };
  nuxtModule(inline, { options });
  return options;
}

/** The code that is built into the server. */
const codeOf = ({ nitro }) => nitro.virtual['#peergate/middleware'];

test('both module systems have the same module, with what Nuxt asks of one', async () => {
  assert.equal(createRequire(import.meta.url)('../../dist/nuxt.js').default, nuxtModule);
  assert.deepEqual(await nuxtModule.getMeta(), { name: 'peergate', configKey: 'peergate', compatibility: { nuxt: '>=3.0.0' } });
});

test('the guard stands first, and the documents are part of it', () => {
  write('policy.json', policy);
  const options = called(undefined, { policy: 'policy.json', source: { preset: 'envoy' }, stateKey: 'caller' });
  assert.deepEqual(options.serverHandlers, [{ middleware: true, handler: '#peergate/middleware' }, { handler: 'other' }]);
  assert.ok('#other' in options.nitro.virtual);
  const code = codeOf(options);
  assert.match(code, /^import \{ clientCertAuth \} from 'peergate\/h3';\nexport default clientCertAuth\(/);
  assert.ok(code.includes(`policy: Buffer.from(${JSON.stringify(JSON.stringify(policy))})`));
  assert.ok(code.includes('"stateKey": "caller"'));
  assert.ok(!code.includes(rootDir), 'nothing of the machine that builds');
});

test('the package is left outside of the bundle, wherever it is', () => {
  const { external } = called({ policy }).nitro.externals;
  assert.equal(external[0], 'x');
  for (const id of ['peergate', 'peergate/h3', '/a/node_modules/peergate/dist/h3.mjs', '/a/node_modules/.pnpm/peergate@1/node_modules/peergate/dist/h3.js']) {
    assert.equal(external[1](id), true, id);
  }
  for (const id of ['peergate-other', '/a/node_modules/other/peergate.js', './peergate/x', '/srv/peergate/x.ts']) {
    assert.equal(external[1](id), false, id);
  }
});

test('a deployment brings the policy that it names', () => {
  write('named.json', policy);
  write('deployment.json', { policy: 'named.json', identityHeader: 'x-client-identity' });
  const code = codeOf(called({ deployment: 'deployment.json' }));
  assert.ok(code.includes('policy: Buffer.from(') && code.includes('deployment: Buffer.from('));
});

test('the short form goes, too', () => {
  assert.ok(codeOf(called({ allowSANs: ['URI:spiffe://td/a'] })).includes('"allowSANs": ["URI:spiffe://td/a"]'));
});

test('what is refused ends the build', () => {
  write('broken.json', '{"version": 1,\n "allow": [{}]}');
  assert.throws(() => called({ policy: 'broken.json' }), (error) => error.name === 'PolicyError' && error.line === 2);
  write('broken-deployment.json', '{');
  assert.throws(() => called({ deployment: 'broken-deployment.json' }), { name: 'PolicyError' });
  assert.throws(() => called({ policy: 'missing.json' }), { code: 'ENOENT' });
  assert.throws(() => called({ policy, verify: () => true }), TypeError);
  assert.throws(() => called({ policy, polcy: {} }), TypeError);
  // A setting that was forgotten would open a rule to every path.
  assert.throws(() => called({ policy: { version: 1, allow: [{ name: 'a', from: 'anyone', paths: undefined }] } }), TypeError);
  assert.throws(() => called(undefined, undefined), TypeError);
  assert.throws(() => called({ allowSANs: [] }), Error);
});

test('a setting that was forgotten ends the build', () => {
  assert.throws(() => called({ policy, source: undefined }), /`source` is undefined/);
  assert.throws(() => called({ header: { format: 'xfcc' }, allowSANs: undefined }), /`allowSANs` is undefined/);
  called({ policy, onDeny: undefined, stateKey: undefined });
});

test('routes that Nitro proxies before the guard are told at the build', async () => {
  called({ policy }, undefined, { routeRules: { '/open/**': { ssr: false }, '/v1/**': { proxy: 'http://127.0.0.1/**' } } });
  const [warning] = await once(process, 'warning');
  assert.equal(warning.code, 'PEERGATE_UNGUARDED_ROUTE');
  assert.match(warning.message, /\/v1\/\*\*/);
  assert.doesNotMatch(warning.message, /open/);
});
