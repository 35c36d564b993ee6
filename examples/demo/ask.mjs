// One request, and what Envoy and the service decided about it.

import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A record is written before the answer; the pipe may take a moment. */
const RECORD_PATIENCE_MS = 3_000;

/** @returns {{status, failure, body, envoy, node}} what is null did not happen */
export async function ask(setup, row) {
  setup.envoyDecisions.length = 0;
  setup.serviceDecisions.length = 0;
  const got = await send(setup, row);
  const recorded = () => ({ envoy: setup.envoyDecisions[0] ?? null, node: setup.serviceDecisions[0] ?? null });
  // Who is not expected to decide gets a moment to do so nevertheless.
  await until(() => missing(row, recorded()).length === 0);
  await sleep(10);
  return { ...got, ...recorded() };
}

function missing(row, recorded) {
  return ['envoy', 'node'].filter((host) => row.expect[host] !== undefined && recorded[host] === null);
}

async function until(condition) {
  for (const deadline = Date.now() + RECORD_PATIENCE_MS; !condition() && Date.now() < deadline; ) {
    await sleep(5);
  }
}

function send(setup, { by, method = 'GET', path, headers = [], direct = false }) {
  const pem = (name) => readFileSync(join(setup.certs, `${name}.pem`));
  const tls = direct
    ? {}
    : { ca: pem('root.cert'), servername: 'localhost', ...(by && { cert: pem(`${by}.chain`), key: pem(`${by}.key`) }) };
  const options = {
    host: '127.0.0.1',
    port: direct ? setup.servicePort : setup.port,
    method,
    path,
    headers: headers.flat(),
    agent: false,
    ...tls,
  };
  // A list of header lines goes out as it is, so the host's is the caller's business.
  options.headers = ['host', 'localhost', ...options.headers];
  return new Promise((done) => {
    const failed = (error) => done({ status: null, failure: error.code ?? error.message, body: null });
    const request = (direct ? http : https).request(options, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', failed);
      response.on('end', () => done({ status: response.statusCode, failure: null, body: json(Buffer.concat(chunks)) }));
    });
    request.on('error', failed);
    request.end();
  });
}

function json(bytes) {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return null;
  }
}
