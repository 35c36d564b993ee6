// Documents that follow their files, while requests are decided.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { createGate, PolicyError, PolicyWatcher, watchPolicy } from '../dist/index.mjs';
import { served } from './support.mjs';
import { folder, WAYS } from './tls-authority.mjs';

const QUICK = { debounce: 20, interval: 0 };
const PATIENCE = 20_000;
const policy = (name, rule = 'all') => JSON.stringify({ version: 1, name, allow: [{ name: rule, from: 'anyone' }] });
const told = (watcher, what) => once(watcher, what, { signal: AbortSignal.timeout(PATIENCE) }).then(([each]) => each);

/** Runs `use` while a server keeps the process alive, as one would; the watcher does not. */
const alive = (use) => served(() => {}, use);
const gateOf = (file) => createGate({ policy: file });

for (const [way, fill] of Object.entries(WAYS)) {
  test(`a policy that is replaced is in force as a whole: ${way}`, () =>
    alive(async () => {
      const { directory, put } = fill({ 'policy.json': policy('first', 'rule-first') });
      const file = join(directory, 'policy.json');
      const gate = gateOf(file);
      const watcher = watchPolicy(gate, file, QUICK);
      const refused = [];
      watcher.on('refused', (error) => refused.push(error.message));
      assert.ok(watcher instanceof PolicyWatcher);
      assert.deepEqual([watcher.current.name, watcher.current.sha256], ['first', gate.policySha256]);
      let on = true;
      const seen = new Set();
      const load = (async () => {
        for (; on; await new Promise(setImmediate)) {
          const { rule } = gate.decide({ path: '/x' });
          assert.equal(rule, `rule-${gate.policyName}`);
          seen.add(rule);
        }
      })();
      for (const name of ['second', 'third']) {
        const reloaded = told(watcher, 'reloaded');
        put({ 'policy.json': policy(name, `rule-${name}`) });
        const info = await reloaded;
        assert.deepEqual([info.name, info.sha256], [name, gate.policySha256]);
        assert.equal(watcher.current, info);
        await new Promise((soon) => setTimeout(soon, 20));
      }
      on = false;
      await load;
      assert.deepEqual([...seen], ['rule-first', 'rule-second', 'rule-third']);
      assert.deepEqual(refused, []);
      watcher.close();
    }));
}

test('a refused document leaves the old one, and is told once, with what is wrong', () =>
  alive(async () => {
    const { directory, put } = WAYS['renamed files']({ 'policy.json': policy('good') });
    const file = join(directory, 'policy.json');
    const gate = gateOf(file);
    const watcher = watchPolicy(gate, file, QUICK);
    const all = [];
    watcher.on('refused', (error) => all.push(error));
    const next = told(watcher, 'refused');
    put({ 'policy.json': '{\n  "version": 1, "allow": [],\n  "alow": []\n}' });
    const error = await next;
    assert.ok(error instanceof PolicyError);
    assert.deepEqual([error.pointer, error.line], ['/policy/alow', 3]);
    assert.equal(watcher.refused, error);
    assert.deepEqual([gate.policyName, watcher.current.name], ['good', 'good']);
    assert.equal(gate.decide({}).rule, 'all');
    // Looked at again and again, the same fault is one fault.
    assert.equal(watcher.check(), false);
    assert.equal(watcher.check(), false);
    assert.equal(all.length, 1);
    const missing = told(watcher, 'refused');
    rmSync(file);
    const gone = await missing;
    assert.deepEqual([gone.code, gone.path, gone.cause.code], ['ERR_PEERGATE_UNREADABLE', file, 'ENOENT']);
    const back = told(watcher, 'reloaded');
    put({ 'policy.json': policy('better') });
    assert.equal((await back).name, 'better');
    assert.equal(watcher.refused, undefined);
    watcher.close();
  }));

test('what is written again as it was is no reload', () => {
  const { directory, put } = WAYS['written files']({ 'policy.json': policy('same') });
  const file = join(directory, 'policy.json');
  const watcher = watchPolicy(gateOf(file), pathToFileURL(file), QUICK);
  watcher.on('reloaded', () => assert.fail('reloaded'));
  const { current } = watcher;
  put({ 'policy.json': policy('same') });
  assert.equal(watcher.check(), true);
  assert.equal(watcher.current, current);
  watcher.close();
});

test('a deployment and the policy that it names are followed together', () =>
  alive(async () => {
    const directory = folder();
    const deployment = (name) => JSON.stringify({ source: { preset: 'envoy' }, policy: name });
    const write = (name, content) => writeFileSync(join(directory, name), content);
    write('one.json', policy('one'));
    write('two.json', policy('two'));
    write('deployment.json', deployment('one.json'));
    const file = join(directory, 'deployment.json');
    const gate = createGate({ deployment: file });
    const watcher = watchPolicy(gate, file, { ...QUICK, document: 'deployment' });
    const after = async (change) => {
      const next = told(watcher, 'reloaded');
      change();
      return (await next).name;
    };
    assert.equal(await after(() => write('one.json', policy('uno'))), 'uno');
    assert.equal(await after(() => write('deployment.json', deployment('two.json'))), 'two');
    assert.equal(await after(() => write('two.json', policy('due'))), 'due');
    assert.equal(await after(() => write('deployment.json', JSON.stringify({ policy: JSON.parse(policy('inside')) }))), 'inside');
    assert.equal(gate.policyName, 'inside');
    watcher.close();
  }));

test('a source is followed', () =>
  alive(async () => {
    const directory = folder();
    const file = join(directory, 'source.json');
    writeFileSync(file, JSON.stringify({ preset: 'envoy' }));
    const gate = createGate({ policy: JSON.parse(policy('any')), source: file });
    const watcher = watchPolicy(gate, file, { ...QUICK, document: 'source' });
    const both = () => gate.decide({ headers: [['x-forwarded-client-cert', 'nonsense']] }).reason;
    assert.equal(both(), 'malformed_header');
    const next = told(watcher, 'reloaded');
    writeFileSync(file, JSON.stringify({ preset: 'connection' }));
    await next;
    assert.equal(both(), 'allowed');
    watcher.close();
  }));

test('what is in the file when the watching starts is in force', () => {
  const directory = folder();
  const file = join(directory, 'policy.json');
  writeFileSync(file, policy('early'));
  const gate = gateOf(file);
  writeFileSync(file, policy('late'));
  const watcher = watchPolicy(gate, file, QUICK);
  assert.deepEqual([gate.policyName, watcher.current.name], ['late', 'late']);
  watcher.close();
  writeFileSync(file, '{}');
  assert.throws(() => watchPolicy(gate, file, QUICK), PolicyError);
  assert.equal(gate.policyName, 'late');
});

test('wrong arguments are refused', () => {
  const gate = createGate({ policy: JSON.parse(policy('x')) });
  assert.throws(() => watchPolicy({}, 'policy.json'), TypeError);
  assert.throws(() => watchPolicy(gate, ''), TypeError);
  assert.throws(() => watchPolicy(gate, JSON.parse(policy('x'))), TypeError);
  assert.throws(() => watchPolicy(gate, 'policy.json', { intervall: 1 }), /unknown option "intervall"/);
  assert.throws(() => watchPolicy(gate, 'policy.json', { document: 'Policy' }), TypeError);
  assert.throws(() => watchPolicy(gate, join(folder(), 'none.json')), { code: 'ERR_PEERGATE_UNREADABLE' });
});
