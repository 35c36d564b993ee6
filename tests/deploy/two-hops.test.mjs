// examples/envoy/two-hops: two Envoys in a row, the filter in both.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Lab, read } from './envoy.mjs';

const API = 'spiffe://demo.test/ns/pay/sa/api';
const WEB = 'spiffe://demo.test/ns/web/sa/front';
const EDGE = 'spiffe://demo.test/ns/edge/sa/ingress';

let lab;
let edge;
let sidecar;

before(async () => {
  lab = new Lab([
    '--client', `api=${API}`, '--client', `web=${WEB}`, '--bad',
    '--server', 'edge=localhost,127.0.0.1', '--server-spiffe', `edge=${EDGE}`,
    '--server', 'sidecar=localhost,127.0.0.1', '--server-spiffe', 'sidecar=spiffe://demo.test/ns/orders/sa/sidecar',
  ]);
  const port = await lab.service();
  sidecar = await lab.envoy('sidecar', read('examples/envoy/two-hops/sidecar.yaml'), { ports: { 3000: port } });
  edge = await lab.envoy('edge', read('examples/envoy/two-hops/edge.yaml'), { ports: { 8444: sidecar.port } });
});

after(() => lab?.close());

/** The reason of the last decision that an Envoy logged. */
async function lastDecision(envoy) {
  for (let tries = 0; tries < 500; tries += 1) {
    const line = envoy.log.findLast((text) => text.includes('peergate {'));
    if (line !== undefined) {
      envoy.log.length = 0;
      return JSON.parse(line.slice(line.indexOf('peergate {') + 'peergate '.length));
    }
    await new Promise((soon) => setTimeout(soon, 20));
  }
  throw new Error(`no decision in the log: ${envoy.log.join('\n')}`);
}

test('the service learns who called the edge', async () => {
  const answer = await lab.ask(edge, 'api', '/v1/orders/7');
  assert.equal(answer.status, 200, answer.body);
  assert.deepEqual(JSON.parse(answer.body), { path: '/v1/orders/7', identity: { 'x-client-identity': `URI:${API}` } });
});

test('the edge refuses whoever has no business there', async () => {
  assert.equal((await lab.ask(edge, 'api', '/admin')).status, 403);
  assert.equal((await lastDecision(edge)).reason, 'no_rule');
  assert.equal((await lab.ask(edge, 'edge', '/v1/orders/7')).status, 403);
  const decision = await lastDecision(edge);
  assert.equal(decision.rule, 'inner-proxies-stay-inside');
  await assert.rejects(lab.ask(edge, undefined, '/v1/orders/7'), 'a caller without a certificate gets a TLS alert');
});

test('the sidecar decides about the caller, not about the edge', async () => {
  assert.equal((await lab.ask(edge, 'web', '/v1/orders/7')).status, 403);
  const decision = await lastDecision(sidecar);
  assert.equal(decision.reason, 'no_rule');
  assert.equal(decision.identity, WEB);
});

test('the sidecar takes nobody at their word but the edge', async () => {
  // Directly, in their own name.
  assert.equal((await lab.ask(sidecar, 'api', '/v1/orders/7')).status, 200);
  assert.equal((await lab.ask(sidecar, 'web', '/v1/orders/7')).status, 403);
  assert.equal((await lastDecision(sidecar)).identity, WEB);
  // With a header that says the edge had seen somebody else: one element too many.
  const forged = { 'x-forwarded-client-cert': `By=${EDGE};Hash=${'0'.repeat(64)};URI=${API}` };
  assert.equal((await lab.ask(sidecar, 'web', '/v1/orders/7', forged)).status, 403);
  assert.notEqual((await lastDecision(sidecar)).identity, API);
  // The edge throws it away.
  assert.equal((await lab.ask(edge, 'web', '/v1/orders/7', forged)).status, 403);
  assert.equal((await lastDecision(sidecar)).identity, WEB);
});

test('an identity header that a client sends never arrives', async () => {
  for (const name of ['x-client-identity', 'X-Client-Identity', 'x_client_identity', 'x.client.identity']) {
    const answer = await lab.ask(edge, 'api', '/v1/orders/7', { [name]: 'URI:spiffe://demo.test/root' });
    assert.deepEqual(JSON.parse(answer.body).identity, { 'x-client-identity': `URI:${API}` }, name);
  }
});

test('names that forge header fields get nobody in', async () => {
  for (const caller of ['bad-comma', 'bad-semicolon', 'bad-two-uris']) {
    const answer = await lab.ask(edge, caller, '/v1/orders/7');
    assert.equal(answer.status, 403, caller);
    assert.equal((await lastDecision(edge)).reason, 'ambiguous_identity', caller);
  }
});
