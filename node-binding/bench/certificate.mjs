// What a forwarded certificate costs through a whole decision, beside what Node itself needs to read
// it: when every request brings another certificate, and when one caller comes again and again.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createGate } from '../dist/index.mjs';
import { fresh, measure, requests } from './measure.mjs';

/** Far more than a gate keeps. */
const CALLERS = 2048;

const shared = JSON.parse(readFileSync(new URL('../../tests/fixtures/vectors/envoy-captures.json', import.meta.url), 'utf8'));
const template = new X509Certificate(shared.certs['client-a']).raw;

/** A certificate for a caller: a real one with other names. Nobody here verifies its signature. */
function pemOf(caller) {
  const der = Buffer.from(template);
  const name = Buffer.from('payments');
  for (let at = der.indexOf(name); at >= 0; at = der.indexOf(name, at + 1)) {
    der.write(String(caller).padStart(name.length, '0'), at, 'latin1');
  }
  const lines = der.toString('base64').match(/.{1,64}/g);
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

const pems = Array.from({ length: CALLERS }, (_, i) => pemOf(i));
const headers = pems.map((pem) => fresh(encodeURIComponent(pem)));

/** Only true answers are measured. */
let sink = 0;
const count = (value) => {
  if (!value) {
    throw new Error('a case measures something else than it says');
  }
  sink += 1;
};

const policy = {
  version: 1,
  allow: [{ name: 'orders', from: [{ spiffeUnder: 'spiffe://lab.test/ns/prod' }], methods: ['GET'], paths: ['/v1/orders/{id}'] }],
};
const nginx = (i) => [['X-SSL-Client-Cert', headers[i]], ['X-SSL-Client-Verify', 'SUCCESS']];
const all = requests(CALLERS, nginx);
const gate = createGate({ policy, source: { preset: 'nginx' } });
const decide = (i) => count(gate.decide(all[i]).decision === 'allow');

/** What an application reads to know the caller. */
const named = ({ subjectAltName, fingerprint256 }) => subjectAltName.length + fingerprint256.length > 0;

const another = (call) => (i) => call(i % CALLERS);
const same = (call) => () => call(0);
const ways = [
  ['new X509Certificate(pem)', (i) => count(new X509Certificate(pems[i]))],
  ['new X509Certificate(pem), its names and fingerprint', (i) => count(named(new X509Certificate(pems[i])))],
  ['the same from the header, unescaped', (i) => count(named(new X509Certificate(decodeURIComponent(headers[i]))))],
  ['gate.decide, preset nginx', decide],
];
const turns = [
  ['another each time', another],
  ['the same', same],
];
console.log(`certificate of ${template.length} bytes, ${headers[0].length} in the header`);
measure(
  turns.flatMap(([turn, of]) => ways.map(([about, call]) => [`${about}: ${turn}`, of(call)])),
  'new X509Certificate',
);
if (sink === 0) {
  throw new Error('nothing was measured');
}
