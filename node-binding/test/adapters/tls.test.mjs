// Mutual TLS that ends in the framework's own server, and HTTP/2.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { after, test } from 'node:test';
import { brief, deployment, xfcc } from '../support.mjs';
import { alice, as, get, mallory, running, server, serverOptions } from '../tls-support.mjs';
import { fastifyOverHttp2, frameworks } from './frameworks.mjs';

const policy = {
  version: 1,
  allow: [
    { name: 'alice', from: [{ spiffe: 'spiffe://td/alice' }], paths: ['/v1/*'] },
    { name: 'health', from: 'anyone', paths: ['/healthz'] },
  ],
};
const tls = { source: { preset: 'connection' }, policy, identityHeader: 'x-client-identity' };

/** Those that are given Web requests see no connection. */
const node = frameworks.filter(({ web }) => !web);
let cases = 0;
after(() => console.log(`# mutual TLS and HTTP/2: ${cases} cases in ${node.length} frameworks`));

for (const { name, build, state } of node) {
  test(`${name}: the certificate of the connection is the caller`, async () => {
    const { server: listener, seen, close } = await build({ auth: { deployment: tls } }, (handler) => https.createServer(serverOptions, handler));
    const asked = (...all) => {
      cases += 1;
      return get(...all);
    };
    try {
      await running(listener, async (port) => {
        const known = await asked(port, as(alice), { path: '/v1/x', headers: { 'x-client-identity': 'forged' } });
        assert.equal(known.status, 200);
        const { caller, state: inState, header } = JSON.parse(known.body);
        assert.deepEqual(brief(caller), { identity: 'spiffe://td/alice', identityType: 'spiffe', sha256: alice.sha256, verified: true });
        assert.deepEqual(inState, state ? caller : null);
        assert.equal(header, 'URI:spiffe://td/alice');
        // Nobody trusts Mallory's certificate, and a header does not make her Alice.
        for (const headers of [{}, { 'x-forwarded-client-cert': xfcc('spiffe://td/alice') }]) {
          assert.equal((await asked(port, as(mallory), { path: '/v1/x', headers })).status, 403);
          assert.equal((await asked(port, {}, { path: '/v1/x', headers })).status, 401);
        }
        assert.equal((await asked(port, {}, { path: '/healthz' })).status, 200);
        assert.equal((await asked(port, as(alice), { path: '/x' })).status, 403);
        assert.equal(seen.reached, 2);
        // One connection, many requests.
        const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
        for (let i = 0; i < 5; i += 1) {
          assert.equal((await asked(port, as(alice), { path: '/v1/x', agent })).status, 200);
        }
        agent.destroy();
      });
    } finally {
      await close?.();
    }
  });
}

for (const { name, build } of frameworks) {
  test(`${name}: a certificate that the application finds itself`, async () => {
    const found = [alice, mallory, undefined, null];
    const subjects = [];
    const resolve = (subject) => {
      subjects.push(subject);
      const next = found.shift();
      return next === null ? null : next && { certificate: String(next.cert), verified: next === alice };
    };
    const { server: listener, close } = await build({ auth: { deployment: tls, resolve } }, (handler) => http.createServer(handler));
    try {
      await running(listener, async (port) => {
        for (const status of [200, 403, 401, 403]) {
          cases += 1;
          const answer = await fetch(`http://127.0.0.1:${port}/v1/x`);
          assert.equal(answer.status, status);
          if (status === 200) {
            assert.equal((await answer.json()).caller.sha256, alice.sha256);
          }
        }
      });
      assert.ok(subjects.length === 4 && subjects.every((subject) => typeof subject === 'object'));
    } finally {
      await close?.();
    }
  });
}

const overHttp2 = node
  .filter(({ name }) => !/^(Express|Nest)/.test(name))
  .map((framework) => (framework.name === 'Fastify 5' ? { ...framework, build: fastifyOverHttp2 } : framework))
  // Fastify 4 is the same code in this.
  .filter(({ name }) => name !== 'Fastify 4');

for (const { name, build } of overHttp2) {
  test(`${name}: over HTTP/2, with a proxy's header and with the connection's certificate`, async () => {
    const { server: plain, close } = await build({ auth: { deployment, trustPeer: () => true } }, (handler) => http2.createServer(handler));
    await running2(plain, close, async (port) => {
      const ask = connected(`http://127.0.0.1:${port}`);
      const known = await ask({ 'x-forwarded-client-cert': xfcc(), 'x-client-identity': 'forged', x_client_identity: 'alias' });
      assert.equal(known.status, 200);
      assert.equal(JSON.parse(known.body).caller.identity, 'spiffe://td/a');
      assert.equal(JSON.parse(known.body).header, 'URI:spiffe://td/a');
      assert.equal((await ask({ 'x-forwarded-client-cert': xfcc('spiffe://td/b') })).status, 403);
      const nobody = await ask({});
      assert.deepEqual([nobody.status, nobody.headers['content-type']], [401, 'application/problem+json']);
      // Fastify has no such route.
      assert.ok([400, 404].includes((await ask({ 'x-forwarded-client-cert': xfcc(), ':method': 'get' })).status));
      ask.close();
    });
    const { server: secure, close: close2 } = await build({ auth: { deployment: tls } }, (handler) => http2.createSecureServer(serverOptions, handler));
    await running2(secure, close2, async (port) => {
      const client = { ca: [server.cert], servername: 'localhost' };
      const ask = connected(`https://127.0.0.1:${port}`, { ...client, ...as(alice) });
      for (let i = 0; i < 3; i += 1) {
        const known = await ask({});
        assert.equal(known.status, 200);
        assert.equal(JSON.parse(known.body).caller.sha256, alice.sha256);
      }
      ask.close();
      const other = connected(`https://127.0.0.1:${port}`, { ...client, ...as(mallory) });
      assert.equal((await other({})).status, 403);
      other.close();
    });
  });
}

function connected(authority, options) {
  const client = http2.connect(authority, options);
  const ask = async (headers) => {
    cases += 1;
    const stream = client.request({ ':path': '/v1/x', ...headers });
    const [answer] = await once(stream, 'response');
    let body = '';
    for await (const part of stream.setEncoding('utf8')) {
      body += part;
    }
    return { status: answer[':status'], headers: answer, body };
  };
  return Object.assign(ask, { close: () => client.close() });
}

async function running2(listener, close, use) {
  const sessions = new Set();
  listener.on('session', (session) => sessions.add(session));
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  try {
    await use(listener.address().port);
  } finally {
    sessions.forEach((session) => session.destroy());
    listener.close();
    await close?.();
  }
}
