// Servers whose certificates follow their files: over real connections, while they are exchanged.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import https from 'node:https';
import { test } from 'node:test';
import tls from 'node:tls';
import { reloadServerCertificates } from '../dist/tls.mjs';
import { authority, bundle, NAMES, WAYS } from './tls-authority.mjs';
import { running } from './tls-support.mjs';

const ca = authority('first authority');
const client = ca.issue('client', { names: 'URI:spiffe://td/client' });
const certificates = Array.from({ length: 4 }, (_, at) => ca.issue(`server ${at}`));

/** Far more than it takes, so that a test that waits in vain ends. */
const PATIENCE = 20_000;
const QUICK = { debounce: 20, interval: 0 };
const answer = (request, response) => response.end(request.socket.getPeerCertificate().subject?.CN ?? 'nobody');
const mutual = { requestCert: true, rejectUnauthorized: true };

const soon = () => new Promise((resolve) => setTimeout(resolve, 5));

/** What a client needs to connect. */
const to = (port, more = {}) => ({ port, host: '127.0.0.1', servername: 'localhost', ca: [ca.cert], key: client.key, cert: client.cert, ...more });

/** A request; what was answered, and by which certificate. */
async function get(port, more = {}) {
  const request = https.get({ path: '/', agent: false, ...to(port), ...more });
  const [response] = await once(request, 'response');
  const sha256 = response.socket.getPeerCertificate().fingerprint256?.replaceAll(':', '');
  let body = '';
  for await (const part of response.setEncoding('utf8')) {
    body += part;
  }
  return { status: response.statusCode, body, sha256 };
}

/** The certificate that a new connection is shown. */
const shown = async (port) => (await get(port)).sha256;

for (const [way, fill] of Object.entries(WAYS)) {
  test(`under load no request is lost, and new connections get the new certificate: ${way}`, async () => {
    const { directory, put } = fill(bundle(certificates[0], ca));
    const server = https.createServer(mutual, answer);
    const reloader = reloadServerCertificates(server, { directory, ...NAMES }, QUICK);
    const errors = [];
    reloader.on('error', (error) => errors.push(error.code));
    assert.equal(reloader.current.fingerprint256, certificates[0].sha256);
    await running(server, async (port) => {
      const agent = new https.Agent({ keepAlive: true, maxSockets: 16 });
      const old = tls.connect(to(port));
      await once(old, 'secureConnect');

      let on = true;
      const seen = new Map();
      const total = () => [...seen.values()].reduce((a, b) => a + b, 0);
      const ask = async (more) => {
        while (on) {
          const { status, body, sha256 } = await get(port, more);
          assert.deepEqual([status, body], [200, 'client']);
          seen.set(sha256, (seen.get(sha256) ?? 0) + 1);
        }
      };
      const load = [...Array(192).fill({ agent }), ...Array(8).fill({})].map(ask);
      for (const next of certificates.slice(1)) {
        const reloaded = once(reloader, 'reloaded', { signal: AbortSignal.timeout(PATIENCE) });
        put(bundle(next, ca));
        const [info] = await reloaded;
        assert.equal(info.fingerprint256, next.sha256);
        assert.equal(reloader.current, info);
        assert.equal(await shown(port), next.sha256);
        for (const enough = total() + 100; total() < enough; ) {
          await soon();
        }
      }
      on = false;
      await Promise.all(load);
      agent.destroy();

      // The connection from before has not noticed anything.
      old.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
      const [data] = await once(old, 'data');
      assert.match(data.toString(), /^HTTP\/1\.1 200[^]*client$/);
      assert.equal(old.getPeerCertificate().fingerprint256.replaceAll(':', ''), certificates[0].sha256);
      old.destroy();

      assert.ok(total() >= 300, `only ${total()} requests`);
      assert.deepEqual([...seen.keys()].filter((sha256) => !certificates.some((each) => each.sha256 === sha256)), []);
    });
    assert.deepEqual(errors, []);
  });
}

/** A server with its files, and what a reload came to. */
async function reloading(use, { first = bundle(certificates[0], ca), names = NAMES, options = {}, server: made = {}, create = https.createServer } = {}) {
  const { directory, put } = WAYS['renamed files'](first);
  const server = create({ ...mutual, ...made }, answer);
  const reloader = reloadServerCertificates(server, { directory, ...names }, { ...QUICK, ...options });
  const told = () =>
    new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('nothing was told')), PATIENCE);
      const done = (what) => {
        clearTimeout(late);
        reloader.off('error', done);
        reloader.off('reloaded', done);
        resolve(what);
      };
      reloader.on('error', done);
      reloader.on('reloaded', done);
    });
  /** Puts files there, and waits for what is said about them. */
  const change = async (files) => {
    const next = told();
    put(files);
    return next;
  };
  await running(server, (port) => use({ port, change, reloader, server, directory, put, told }));
  return reloader;
}

test('a certificate without its key is told and not used; with the key, it is', () =>
  reloading(async ({ port, change, reloader, directory }) => {
    const half = await change({ 'tls.crt': certificates[1].cert });
    assert.equal(half.code, 'ERR_PEERGATE_TLS_KEY_MISMATCH');
    assert.equal(half.path, `${directory}/tls.key`);
    assert.equal(reloader.refused, half);
    assert.equal(reloader.current.fingerprint256, certificates[0].sha256);
    assert.equal(await shown(port), certificates[0].sha256);
    const whole = await change({ 'tls.key': certificates[1].key });
    assert.equal(whole.fingerprint256, certificates[1].sha256);
    assert.equal(reloader.refused, undefined);
    assert.equal(await shown(port), certificates[1].sha256);
  }));

const expired = ca.issue('expired', { from: -3, to: -1 });
const tomorrow = ca.issue('tomorrow', { from: 0.5, to: 1 });
const crl = ca.crl();
const withCrl = { ...NAMES, crl: 'ca.crl' };
const cut = (pem) => pem.slice(0, pem.length / 2);
const otherBytes = (pem) => pem.replace(/-----\n..../, '-----\nAAAA');
const FAULTS = [
  ['an empty certificate', { 'tls.crt': ' \n' }, 'EMPTY', 'tls.crt'],
  ['a certificate that is cut off', { 'tls.crt': cut(certificates[1].cert) }, 'CERTIFICATE', 'tls.crt'],
  ['a chain that is cut off', { 'tls.crt': certificates[0].cert + cut(ca.cert) }, 'CERTIFICATE', 'tls.crt'],
  ['a certificate of other bytes', { 'tls.crt': otherBytes(certificates[1].cert) }, 'CERTIFICATE', 'tls.crt'],
  ['a key that is cut off', { 'tls.key': cut(certificates[0].key) }, 'KEY', 'tls.key'],
  ['a key in place of the certificate', { 'tls.crt': certificates[0].key }, 'CERTIFICATE', 'tls.crt'],
  ['an expired certificate', bundle(expired, ca), 'EXPIRED', 'tls.crt'],
  ['a certificate of tomorrow', bundle(tomorrow, ca), 'NOT_YET_VALID', 'tls.crt'],
  ['authorities that are none', { 'ca.crt': 'none yet' }, 'CA', 'ca.crt'],
  ['authorities of which the second is cut off', { 'ca.crt': ca.cert + cut(ca.cert) }, 'CA', 'ca.crt'],
  ['revocations that are none', { 'ca.crl': 'none yet' }, 'CRL', 'ca.crl'],
  ['revocations of other bytes', { 'ca.crl': otherBytes(crl) }, 'CRL', 'ca.crl'],
];
const good = { ...bundle(certificates[0], ca), 'ca.crl': crl };

for (const [about, files, code, file] of FAULTS) {
  test(`${about}: the old stays, and the error names the file`, () =>
    reloading(
      async ({ port, change, directory }) => {
        const error = await change(files);
        assert.equal(error.code, `ERR_PEERGATE_TLS_${code}`, error.message);
        assert.equal(error.path, `${directory}/${file}`);
        assert.ok(error.message.includes(file), error.message);
        assert.equal(await shown(port), certificates[0].sha256);
        const { fingerprint256 } = await change({ ...good, ...bundle(certificates[1], ca) });
        assert.equal(fingerprint256, certificates[1].sha256);
        assert.equal(await shown(port), certificates[1].sha256);
      },
      { first: good, names: withCrl },
    ));

  // There is nothing better at the start than a certificate of tomorrow.
  if (code !== 'NOT_YET_VALID') {
    test(`${about}, at the start: thrown`, () => {
      const { directory } = WAYS['written files']({ ...good, ...files });
      const server = https.createServer(mutual);
      const start = () => reloadServerCertificates(server, { directory, ...withCrl }, QUICK);
      assert.throws(start, { name: 'TlsError', code: `ERR_PEERGATE_TLS_${code}`, path: `${directory}/${file}` });
    });
  }
}

test('a file that is away is named; the same files again are no reload', async () => {
  const { rmSync } = await import('node:fs');
  await reloading(async ({ change, told, reloader, directory, put }) => {
    const missing = told();
    rmSync(`${directory}/tls.crt`);
    const error = await missing;
    assert.deepEqual([error.code, error.path, error.cause.code], ['ERR_PEERGATE_TLS_UNREADABLE', `${directory}/tls.crt`, 'ENOENT']);
    const { loadedAt } = reloader.current;
    put({ 'tls.crt': certificates[0].cert });
    while (reloader.refused !== undefined) {
      await soon();
    }
    assert.equal(reloader.current.loadedAt, loadedAt);
    // The next thing that is told is the next change.
    const { fingerprint256 } = await change(bundle(certificates[2], ca));
    assert.equal(fingerprint256, certificates[2].sha256);
  });
});

test('a file that is missing at the start is thrown, and an absolute path is not doubled', () => {
  const { directory } = WAYS['written files'](bundle(certificates[0], ca));
  const server = https.createServer();
  const start = (paths) => reloadServerCertificates(server, { directory, ...NAMES, ...paths }, QUICK);
  assert.throws(() => start({ cert: 'other.crt' }), (error) => {
    assert.equal(error.message, `peergate: ${directory}/other.crt cannot be read: ENOENT`);
    return error.code === 'ERR_PEERGATE_TLS_UNREADABLE';
  });
  start({ cert: `${directory}/tls.crt` }).close();
});

test('options that are unknown, empty or ours are refused', () => {
  const { directory } = WAYS['written files'](bundle(certificates[0], ca));
  const server = https.createServer();
  const refused = (paths, options, message) =>
    assert.throws(() => reloadServerCertificates(server, { directory, ...NAMES, ...paths }, options), { code: 'ERR_PEERGATE_TLS_OPTION', message });
  refused({ key: '' }, {}, /`key` is empty/);
  refused({ cert: undefined }, {}, /`cert` is missing/);
  refused({ directory: '' }, {}, /`directory` is empty/);
  refused({ ca: [] }, {}, /`ca` is an empty list/);
  refused({ certificate: 'x' }, {}, /no option "certificate"/);
  refused({}, { intervall: 1 }, /no option "intervall"/);
  refused({}, { context: { ca: 'x' } }, /`context.ca`/);
  assert.throws(() => reloadServerCertificates({}, { directory, ...NAMES }), { code: 'ERR_PEERGATE_TLS_OPTION' });
  assert.throws(() => reloadServerCertificates(server, { directory, ...NAMES }, { debounce: -1 }), TypeError);
});

test('another authority: whom it signed comes in, and whom the old one signed no longer', async () => {
  const next = authority('second authority');
  const theirs = next.issue('theirs', { names: 'URI:spiffe://td/theirs' });
  await reloading(async ({ port, change }) => {
    await assert.rejects(get(port, theirs));
    assert.equal((await get(port)).body, 'client');
    await change(bundle(certificates[0], ca, next));
    assert.equal((await get(port, theirs)).body, 'theirs');
    assert.equal((await get(port)).body, 'client');
    await change(bundle(certificates[0], next));
    assert.equal((await get(port, theirs)).body, 'theirs');
    await assert.rejects(get(port));
  });
});

/** One request; how it went, and what is needed to take the session up again. */
const session = (port, more) =>
  new Promise((resolve) => {
    let ticket;
    const socket = tls.connect(to(port, more), () => socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'));
    let answered = '';
    socket.on('session', (each) => (ticket = each));
    socket.on('data', (data) => (answered += data));
    const done = () => resolve({ ticket, ok: answered.startsWith('HTTP/1.1 200'), reused: socket.isSessionReused() === true });
    socket.on('end', done);
    socket.on('error', done);
  });

/** Sessions that the application keeps, for clients that get a number in place of a ticket. */
function remembering(server) {
  const sessions = new Map();
  server.on('newSession', (id, data, done) => {
    sessions.set(id.toString('hex'), data);
    done();
  });
  server.on('resumeSession', (id, done) => done(null, sessions.get(id.toString('hex')) ?? null));
}

const { SSL_OP_NO_TICKET } = (await import('node:crypto')).constants;
const SESSIONS = {
  'TLS 1.3 with tickets': { minVersion: 'TLSv1.3' },
  'TLS 1.2 with tickets': { maxVersion: 'TLSv1.2' },
  'TLS 1.2 with sessions that the application stores': { maxVersion: 'TLSv1.2', secureOptions: SSL_OP_NO_TICKET, stored: true },
};

for (const [about, { stored, ...versions }] of Object.entries(SESSIONS)) {
  test(`who is revoked comes in neither by a new connection nor by a session: ${about}`, async () => {
    const revoked = ca.issue('revoked', { names: 'URI:spiffe://td/revoked' });
    const before = ca.crl();
    await reloading(
      async ({ port, change, server }) => {
        if (stored) {
          remembering(server);
        }
        const first = await session(port, revoked);
        const again = await session(port, { ...revoked, session: first.ticket });
        // Only then is there anything to be stopped.
        assert.deepEqual([first.ok, first.reused, again.ok, again.reused], [true, false, true, true]);
        ca.revoke(revoked);
        const told = await change({ 'ca.crl': ca.crl() });
        assert.equal(told.fingerprint256, certificates[0].sha256);
        assert.equal((await session(port, revoked)).ok, false);
        const late = await session(port, { ...revoked, session: again.ticket ?? first.ticket });
        assert.deepEqual([late.ok, late.reused], [false, false]);
        assert.equal((await get(port)).body, 'client');
      },
      { first: { ...bundle(certificates[0], ca), 'ca.crl': before }, names: withCrl, server: { ...versions, ticketKeys: Buffer.alloc(48, 7) } },
    );
  });
}

test('the trap is real: with setSecureContext and the same ticket keys a revoked client resumes', async () => {
  const revoked = ca.issue('also revoked', { names: 'URI:spiffe://td/revoked' });
  const ticketKeys = Buffer.alloc(48, 7);
  const options = { ...mutual, minVersion: 'TLSv1.3', key: certificates[0].key, cert: certificates[0].cert, ca: [ca.cert], ticketKeys };
  const server = https.createServer(options, answer);
  await running(server, async (port) => {
    const first = await session(port, revoked);
    ca.revoke(revoked);
    server.setSecureContext({ ...options, crl: [ca.crl()] });
    assert.equal((await session(port, revoked)).ok, false);
    const late = await session(port, { ...revoked, session: first.ticket });
    assert.deepEqual([late.ok, late.reused], [true, true]);
  });
});

test('every list of a file of revocations counts', async () => {
  const other = authority('other authority');
  const theirs = other.issue('theirs', { names: 'URI:spiffe://td/theirs' });
  const mine = ca.issue('mine', { names: 'URI:spiffe://td/mine' });
  other.revoke(theirs);
  const fine = other.issue('fine', { names: 'URI:spiffe://td/fine' });
  await reloading(
    async ({ port }) => {
      assert.equal((await get(port, mine)).body, 'mine');
      assert.equal((await get(port, fine)).body, 'fine');
      await assert.rejects(get(port, theirs));
    },
    { first: { ...bundle(certificates[0], ca, other), 'ca.crl': ca.crl() + other.crl() }, names: withCrl },
  );
});

test('what the server was made with stays: versions, ciphers, ALPN, authorities, who may connect', async () => {
  const server = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384', ecdhCurve: 'P-256', ALPNProtocols: ['http/1.1'], ca: [ca.cert] };
  const { ca: _, ...names } = NAMES;
  const seen = async (port) => {
    const socket = tls.connect(to(port, { ALPNProtocols: ['x', 'http/1.1'] }));
    await once(socket, 'secureConnect');
    const all = [socket.getProtocol(), socket.getCipher().standardName, socket.getEphemeralKeyInfo().name, socket.alpnProtocol];
    socket.destroy();
    return all;
  };
  const stranger = authority('stranger').issue('stranger');
  const holds = async (port) => {
    assert.deepEqual(await seen(port), ['TLSv1.2', 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', 'prime256v1', 'http/1.1']);
    await assert.rejects(get(port, { minVersion: 'TLSv1.3' }));
    await assert.rejects(get(port, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' }));
    await assert.rejects(get(port, stranger));
    await assert.rejects(get(port, { key: undefined, cert: undefined }));
  };
  await reloading(
    async ({ port, change }) => {
      await holds(port);
      await change(bundle(certificates[1], ca));
      assert.equal(await shown(port), certificates[1].sha256);
      await holds(port);
    },
    { server, names },
  );
  // And what is said here counts more.
  await reloading(
    async ({ port, change }) => {
      await change(bundle(certificates[1], ca));
      await assert.rejects(get(port, { maxVersion: 'TLSv1.2' }));
      assert.equal((await get(port)).status, 200);
    },
    { options: { context: { minVersion: 'TLSv1.3' } } },
  );
});

test('a key with a passphrase', async () => {
  const secret = ca.issue('secret', { passphrase: 'open sesame' });
  const first = bundle(secret, ca);
  const options = { passphrase: 'open sesame' };
  await reloading(async ({ port }) => assert.equal(await shown(port), secret.sha256), { first, options });
  const { directory } = WAYS['written files'](first);
  for (const passphrase of ['wrong', undefined]) {
    const start = () => reloadServerCertificates(https.createServer(), { directory, ...NAMES }, { ...QUICK, passphrase });
    assert.throws(start, { code: 'ERR_PEERGATE_TLS_KEY', path: `${directory}/tls.key` });
  }
});

test('HTTP/2: streams of a session from before go on, and new sessions get the new certificate', () =>
  reloading(
    async ({ port, change }) => {
      const connect = () => http2.connect(`https://localhost:${port}`, to(port));
      const ask = async (on) => {
        const stream = on.request({ ':path': '/' });
        const [headers] = await once(stream, 'response');
        stream.resume();
        await once(stream, 'end');
        return [headers[':status'], on.socket.getPeerCertificate().fingerprint256.replaceAll(':', '')];
      };
      const old = connect();
      assert.deepEqual(await ask(old), [200, certificates[0].sha256]);
      await change(bundle(certificates[1], ca));
      assert.deepEqual(await ask(old), [200, certificates[0].sha256]);
      const next = connect();
      assert.deepEqual(await ask(next), [200, certificates[1].sha256]);
      assert.equal(next.alpnProtocol, 'h2');
      old.close();
      next.close();
    },
    { create: (options) => http2.createSecureServer(options, (_, response) => response.end()) },
  ));

test('a server of node:tls', () =>
  reloading(
    async ({ port, change }) => {
      const greeted = async () => {
        const socket = tls.connect(to(port));
        const [data] = await once(socket, 'data');
        const sha256 = socket.getPeerCertificate().fingerprint256.replaceAll(':', '');
        socket.destroy();
        return [data.toString(), sha256];
      };
      assert.deepEqual(await greeted(), ['client', certificates[0].sha256]);
      await change(bundle(certificates[1], ca));
      assert.deepEqual(await greeted(), ['client', certificates[1].sha256]);
    },
    { create: (options) => tls.createServer(options, (socket) => socket.write(socket.getPeerCertificate().subject.CN)) },
  ));

for (const options of [{ https: {} }, { http2: true, https: { allowHTTP1: true } }]) {
  test(`the server of Fastify${options.http2 ? ', with HTTP/2' : ''}`, async () => {
    const { default: fastify } = await import('fastify');
    const app = fastify({ ...options, https: { ...options.https, ...mutual }, forceCloseConnections: true });
    app.get('/', (request) => request.raw.socket.getPeerCertificate().subject.CN);
    const { directory, put } = WAYS['exchanged link'](bundle(certificates[0], ca));
    const reloader = reloadServerCertificates(app.server, { directory, ...NAMES }, QUICK);
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address();
    assert.deepEqual(await get(port), { status: 200, body: 'client', sha256: certificates[0].sha256 });
    const reloaded = once(reloader, 'reloaded');
    put(bundle(certificates[1], ca));
    await reloaded;
    assert.deepEqual(await get(port), { status: 200, body: 'client', sha256: certificates[1].sha256 });
    await app.close();
  });
}
