// Starts the Envoys of examples/envoy with certificates and a service of the test's own.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const target = resolve(root, process.env.CARGO_TARGET_DIR ?? 'target');
export const peergate = join(target, 'debug', 'peergate');
export const filter = join(target, 'wasm32-wasip1', 'release', 'peergate.wasm');
/** How long Envoy may take to start; it reads a binary of 100 MB. */
const PATIENCE_MS = 60_000;

export const read = (path) => readFileSync(join(root, path), 'utf8');

/** A folder with certificates, in which Envoys and a service run until it is closed. */
export class Lab {
  folder = mkdtempSync(join(tmpdir(), 'peergate-deploy-'));
  certs = join(this.folder, 'certs');
  #children = [];
  #server;

  constructor(devCaOptions) {
    run(peergate, ['dev-ca', this.certs, '--trust-domain', 'demo.test', ...devCaOptions]);
  }

  /** The service behind the proxies: says what it was sent. Its port. */
  async service() {
    this.#server = http.createServer((request, response) => {
      response.setHeader('content-type', 'application/json');
      const pairs = Object.entries(request.headers).filter(([name]) => /^x.client.identity$/.test(name));
      response.end(JSON.stringify({ path: request.url, identity: Object.fromEntries(pairs) }));
    });
    await new Promise((up) => this.#server.listen(0, '127.0.0.1', up));
    return this.#server.address().port;
  }

  /**
   * Envoy with one of the examples: its paths are put into this folder, and its ports are free ones,
   * but for those of clusters, as `ports` says.
   */
  async envoy(name, yaml, { files = {}, ports = {} } = {}) {
    const home = join(this.folder, name);
    mkdirSync(home);
    writeFileSync(join(home, 'envoy.yaml'), this.adapted(yaml, files, ports));
    const binary = run('sh', [join(root, 'tests/tools/get-envoy.sh')]).trim();
    const addressFile = join(home, 'admin');
    const child = spawn(
      binary,
      ['-c', 'envoy.yaml', '-l', 'warning', '--component-log-level', 'wasm:info', '--concurrency', '1']
        .concat(['--use-dynamic-base-id', '--admin-address-path', addressFile]),
      { cwd: home, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.#children.push(child);
    const log = [];
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on('line', (line) => log.push(line));
    }
    for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; await sleep(50)) {
      if (child.exitCode !== null) {
        throw new Error(`Envoy ended at once:\n${log.join('\n')}`);
      }
      const admin = existsSync(addressFile) ? readFileSync(addressFile, 'utf8').trim() : '';
      const port = admin === '' ? undefined : await readyOn(admin);
      if (port !== undefined) {
        return { port, admin, log, home };
      }
    }
    throw new Error('Envoy does not become ready');
  }

  adapted(yaml, files, ports) {
    const known = {
      '/etc/envoy/certs/ca.pem': join(this.certs, 'root.cert.pem'),
      '/etc/envoy/peergate.wasm': filter,
      ...files,
    };
    const own = yaml.replace(/^ *#.*\n/gm, '').replace(/\/etc\/envoy\/[a-z./]+/g, (path) => {
      const server = /^\/etc\/envoy\/certs\/([a-z]+)\.(pem|key)$/.exec(path);
      const made = server && join(this.certs, `${server[1]}.${server[2] === 'pem' ? 'chain' : 'key'}.pem`);
      const file = known[path] ?? made;
      if (!file) {
        throw new Error(`the example names ${path}, which this test does not know`);
      }
      return JSON.stringify(file);
    });
    return own
      .replace('address: 0.0.0.0', 'address: 127.0.0.1')
      .replace(/port_value: ([0-9]+)/g, (_, port) => `port_value: ${ports[port] ?? 0}`);
  }

  /** Asks over TLS, with a certificate or without. */
  ask(envoy, caller, path, headers = {}) {
    const file = (suffix) => readFileSync(join(this.certs, `${caller}.${suffix}.pem`));
    const options = {
      host: '127.0.0.1',
      port: envoy.port,
      servername: 'localhost',
      path,
      headers,
      agent: false,
      ca: readFileSync(join(this.certs, 'root.cert.pem')),
      // The servers' certificates are not the point here.
      checkServerIdentity: () => undefined,
      ...(caller === undefined ? {} : { cert: file('chain'), key: file('key') }),
    };
    return new Promise((done, failed) => {
      const request = https.get(options, async (response) => {
        let body = '';
        for await (const chunk of response) {
          body += chunk;
        }
        done({ status: response.statusCode, body });
      });
      request.on('error', failed);
    });
  }

  close() {
    for (const child of this.#children) {
      child.kill('SIGTERM');
    }
    this.#server?.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function readyOn(admin) {
  try {
    if ((await fetch(`http://${admin}/ready`)).status !== 200) {
      return undefined;
    }
    const listeners = await (await fetch(`http://${admin}/listeners?format=json`)).json();
    return listeners.listener_statuses?.[0]?.local_address.socket_address.port_value;
  } catch {
    return undefined;
  }
}

export function run(command, args, input = '') {
  const done = spawnSync(command, args, { encoding: 'utf8', input });
  if (done.status !== 0) {
    throw new Error(`${command} ${args[0]}: ${(done.error?.message ?? done.stderr + done.stdout).trim()}`);
  }
  return done.stdout;
}
