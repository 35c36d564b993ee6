// What all watching has in common: it ends, it leaks nothing, and it survives what directories do.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createGate, watchPolicy } from '../dist/index.mjs';
import { certificateExpiry, createMtlsAgent, reloadServerCertificates } from '../dist/tls.mjs';
import { served } from './support.mjs';
import { authority, bundle, folder, NAMES, WAYS } from './tls-authority.mjs';

const ca = authority('authority');
const [one, two] = [ca.issue('one'), ca.issue('two', { to: 1.5 })];
const QUICK = { debounce: 20, interval: 0 };
const PATIENCE = 20_000;
/** Not `once` of node:events, which rejects when there is an error meanwhile. */
const told = (emitter, what = 'reloaded') =>
  new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no ${what}`)), PATIENCE);
    emitter.once(what, (each) => {
      clearTimeout(late);
      resolve(each);
    });
  });
const alive = (use) => served(() => {}, use);
const reloaderOf = (directory, options = QUICK) => reloadServerCertificates(https.createServer(), { directory, ...NAMES }, options);
const soon = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

test('nothing of it keeps a process alive', () => {
  const { directory } = WAYS['exchanged link'](bundle(one, ca));
  const policy = { version: 1, allow: [{ name: 'all', from: 'anyone' }] };
  writeFileSync(join(directory, 'policy.json'), JSON.stringify(policy));
  const files = JSON.stringify({ directory, ...NAMES });
  const program = `
    import https from 'node:https';
    import { createGate, watchPolicy } from './dist/index.mjs';
    import { createMtlsAgent, reloadServerCertificates } from './dist/tls.mjs';
    reloadServerCertificates(https.createServer(), ${files});
    createMtlsAgent(${files});
    watchPolicy(createGate({ policy: ${JSON.stringify(join(directory, 'policy.json'))} }), ${JSON.stringify(join(directory, 'policy.json'))});
    process.on('exit', () => console.log('ends by itself'));`;
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', program], { cwd, encoding: 'utf8', timeout: PATIENCE });
  assert.equal(said, 'ends by itself\n');
});

/** How many directories this process watches, as Linux counts them. */
function watches() {
  return readdirSync('/proc/self/fd').reduce((sum, fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === 'anon_inode:inotify'
        ? sum + readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').split('inotify wd:').length - 1
        : sum;
    } catch {
      return sum;
    }
  }, 0);
}

const linux = process.platform === 'linux' ? {} : { skip: 'watches are counted by /proc, which is Linux' };
test('fifty renewals leave no more watches than one, and closing leaves none', linux, () =>
  alive(async () => {
    const before = watches();
    const { directory, put } = WAYS['exchanged link'](bundle(one, ca));
    const reloader = reloaderOf(directory, { debounce: 1, interval: 0 });
    const agent = createMtlsAgent({ directory, ...NAMES, debounce: 1, interval: 0 });
    await soon(50);
    // The directory, and the one of the generation, for either.
    assert.equal(watches() - before, 2);
    for (let i = 0; i < 50; i += 1) {
      const both = Promise.all([told(reloader), told(agent.certificates)]);
      put(bundle(i % 2 === 0 ? two : one, ca));
      await both;
    }
    await soon(100);
    assert.ok(watches() - before <= 2, `${watches() - before} watches`);
    reloader.close();
    await agent.close();
    assert.equal(watches(), before);
  }));

const ENDS = {
  close: (reloader) => reloader.close(),
  dispose: (reloader) => reloader[Symbol.dispose](),
  signal: (_, controller) => controller.abort(),
  'the end of the server': async (_, __, server) => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
  },
};
for (const [how, end] of Object.entries(ENDS)) {
  test(`watching ends with ${how}`, linux, () =>
    alive(async () => {
      const before = watches();
      const controller = new AbortController();
      const { directory, put } = WAYS['renamed files'](bundle(one, ca));
      const server = https.createServer();
      const reloader = reloadServerCertificates(server, { directory, ...NAMES }, { ...QUICK, signal: controller.signal });
      assert.equal(watches(), before + 1);
      await end(reloader, controller, server);
      assert.equal(watches(), before);
      put(bundle(two, ca));
      assert.equal(reloader.check(), true);
      assert.equal(reloader.current.fingerprint256, one.sha256);
    }));
}

test('where notices cannot be had the interval finds the change', () =>
  alive(async () => {
    const fs = createRequire(import.meta.url)('node:fs');
    const real = fs.watch;
    fs.watch = () => {
      throw Object.assign(new Error('no more watchers'), { code: 'ENOSPC' });
    };
    try {
      const { directory, put } = WAYS['renamed files'](bundle(one, ca));
      const reloader = reloaderOf(directory, { debounce: 1, interval: 50 });
      await soon(100);
      const reloaded = told(reloader);
      put(bundle(two, ca));
      assert.equal((await reloaded).fingerprint256, two.sha256);
      reloader.close();
    } finally {
      fs.watch = real;
    }
  }));

test('a directory that is replaced, by another or by way of a link, is followed', () =>
  alive(async () => {
    const base = folder();
    const make = (name, certificate) => {
      mkdirSync(join(base, name));
      for (const [file, content] of Object.entries(bundle(certificate, ca))) {
        writeFileSync(join(base, name, file), content);
      }
    };
    make('certs', one);
    const reloader = reloaderOf(join(base, 'certs'));
    reloader.on('error', () => {});
    let reloaded = told(reloader);
    renameSync(join(base, 'certs'), join(base, 'old'));
    await soon(100);
    make('certs', two);
    assert.equal((await reloaded).fingerprint256, two.sha256);
    // Still watched, now that it is another.
    reloaded = told(reloader);
    for (const [file, content] of Object.entries(bundle(one, ca))) {
      writeFileSync(join(base, 'certs', file), content);
    }
    assert.equal((await reloaded).fingerprint256, one.sha256);
    // Another one at once, which may even get the number of the one that was there.
    for (const next of [two, one, two]) {
      reloaded = told(reloader);
      rmSync(join(base, 'certs'), { recursive: true });
      make('certs', next);
      assert.equal((await reloaded).fingerprint256, next.sha256);
    }
    reloader.close();

    make('v1', one);
    make('v2', two);
    symlinkSync('v1', join(base, 'live'));
    const linked = reloaderOf(join(base, 'live'));
    reloaded = told(linked);
    symlinkSync('v2', join(base, 'live.new'));
    renameSync(join(base, 'live.new'), join(base, 'live'));
    assert.equal((await reloaded).fingerprint256, two.sha256);
    linked.close();
  }));

for (const call of ['realpathSync', 'readFileSync']) {
  for (const keep of [true, false]) {
    test(`a generation that is exchanged while it is read is never mixed: in ${call}, the old one ${keep ? 'kept' : 'deleted'}`, () => {
      const fs = createRequire(import.meta.url)('node:fs');
      const { directory, put } = WAYS['exchanged link'](bundle(one, ca));
      const real = fs[call];
      let calls = 0;
      fs[call] = (...args) => {
        const result = real(...args);
        calls += 1;
        if (calls === 1) {
          put(bundle(two, ca), { keep });
        }
        return result;
      };
      try {
        const reloader = reloaderOf(directory);
        assert.equal(reloader.current.fingerprint256, two.sha256);
        // Three files, some of them twice.
        assert.ok(calls > 3, `${calls} calls`);
        reloader.close();
      } finally {
        fs[call] = real;
      }
    });
  }
}

test('files that never hold still are an error', () => {
  const fs = createRequire(import.meta.url)('node:fs');
  const { directory } = WAYS['written files'](bundle(one, ca));
  const real = fs.readFileSync;
  fs.readFileSync = (path, ...rest) => {
    const content = real(path, ...rest);
    fs.appendFileSync(path, '\n');
    return content;
  };
  try {
    assert.throws(() => reloaderOf(directory), { code: 'ERR_PEERGATE_TLS_UNSTABLE', path: join(directory, 'tls.key') });
  } finally {
    fs.readFileSync = real;
  }
});

test('what nobody listens to is a warning, and never an exception', () =>
  alive(async () => {
    const { directory, put } = WAYS['renamed files'](bundle(one, ca));
    const reloader = reloaderOf(directory);
    const warned = told(process, 'warning');
    put({ 'tls.crt': two.cert });
    const warning = await warned;
    assert.equal(warning.code, 'PEERGATE_TLS_REFUSED');
    assert.match(warning.message, /^peergate: the key in .*tls\.key is not that/);
    reloader.close();

    const file = join(directory, 'policy.json');
    const policy = { version: 1, allow: [{ name: 'all', from: 'anyone' }] };
    writeFileSync(file, JSON.stringify(policy));
    const watcher = watchPolicy(createGate({ policy }), file, QUICK);
    const second = told(process, 'warning');
    writeFileSync(file, '{}');
    const { code, message } = await second;
    assert.equal(code, 'PEERGATE_POLICY_REFUSED');
    assert.ok(message.startsWith(`peergate: ${file}: 1:`), message);
    watcher.close();
  }));

test('when certificates end: of the chain, too, and the soonest first', () => {
  const late = ca.issue('late', { to: 1.9 });
  const past = ca.issue('past', { from: -3, to: -1 });
  const { directory, put } = WAYS['written files']({ ...bundle(late, ca), 'tls.crt': late.cert + two.cert });
  const all = certificateExpiry({ directory, ...NAMES });
  assert.deepEqual(
    all.map(({ path, index, subject }) => [path, index, subject]),
    [
      [join(directory, 'tls.crt'), 1, 'CN=two'],
      [join(directory, 'tls.crt'), 0, 'CN=late'],
      [join(directory, 'ca.crt'), 0, 'CN=authority'],
    ],
  );
  for (const { notAfter, secondsLeft } of all) {
    assert.ok(Math.abs((notAfter.getTime() - Date.now()) / 1000 - secondsLeft) < 60);
  }
  assert.equal(Math.round(all[0].secondsLeft / 3600), 36);
  put({ 'old.crt': past.cert });
  const [{ secondsLeft }] = certificateExpiry([join(directory, 'tls.crt'), join(directory, 'old.crt')]);
  assert.ok(secondsLeft < 0);
  assert.equal(certificateExpiry(join(directory, 'tls.crt')).length, 2);
  assert.throws(() => certificateExpiry(join(directory, 'tls.key')), { code: 'ERR_PEERGATE_TLS_CERTIFICATE', path: join(directory, 'tls.key') });
  assert.throws(() => certificateExpiry([]), { code: 'ERR_PEERGATE_TLS_OPTION' });
  assert.throws(() => certificateExpiry(''), { code: 'ERR_PEERGATE_TLS_OPTION' });
  rmSync(join(directory, 'ca.crt'));
  assert.throws(() => certificateExpiry({ directory, ...NAMES }), { code: 'ERR_PEERGATE_TLS_UNREADABLE', path: join(directory, 'ca.crt') });
});
