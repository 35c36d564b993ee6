// Starts and stops what the demo consists of: certificates, the service, Envoy.

import { spawn, spawnSync } from 'node:child_process';
import { createWriteStream, existsSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '../..');
const target = resolve(root, process.env.CARGO_TARGET_DIR ?? 'target');
const work = join(here, '.work');

const TRUST_DOMAIN = 'demo.test';
/** How long Envoy may take to start; it reads a binary of 100 MB. */
const PATIENCE_MS = 60_000;

/** @param name of a service account */
export const spiffe = (name) => `spiffe://${TRUST_DOMAIN}/ns/default/sa/${name}`;

export class Setup {
  certs = join(work, 'certs');
  extension = join(work, 'rules', 'peergate.yaml');
  envoyLog = join(work, 'envoy.log');
  serviceLog = join(work, 'service.log');
  /** Decisions since they were last taken. */
  envoyDecisions = [];
  serviceDecisions = [];
  #children = [];

  async start() {
    rmSync(work, { recursive: true, force: true });
    mkdirSync(dirname(this.extension), { recursive: true });
    this.#makeCertificates();
    this.servicePort = await this.#startService();
    await this.#startEnvoy();
  }

  /** Ends everything that was started. */
  stop() {
    for (const child of this.#children) {
      child.kill('SIGTERM');
    }
    this.#children = [];
  }

  logs() {
    return [this.envoyLog, this.serviceLog];
  }

  #makeCertificates() {
    const peergate = built(join(target, 'debug', 'peergate'));
    const client = (name) => ['--client', `${name}=${spiffe(name)}`];
    const options = ['--trust-domain', TRUST_DOMAIN, '--bad', ...client('api'), ...client('web'), ...client('old')];
    run(peergate, ['dev-ca', this.certs, ...options]);
  }

  async #startService() {
    built(join(root, 'node-binding', 'dist', 'index.js'));
    linkPackage();
    const child = this.#spawn(process.execPath, [join(here, 'service.mjs')]);
    const port = new Promise((found, failed) => {
      child.once('exit', () => failed(new Error('the service ended at once')));
      createInterface(child.stdout).on('line', (line) => {
        const said = JSON.parse(line);
        if (said.port !== undefined) {
          found(said.port);
        } else {
          this.serviceDecisions.push(said.decision);
        }
      });
    });
    child.stderr.pipe(createWriteStream(this.serviceLog));
    return port;
  }

  async #startEnvoy() {
    const config = join(work, 'envoy.yaml');
    const adminAddress = join(work, 'admin-address');
    this.#writeExtension();
    writeFileSync(config, this.#adapted(readFileSync(join(root, 'examples/envoy/envoy.yaml'), 'utf8')));
    const envoy = run('sh', [join(root, 'tests/tools/get-envoy.sh')]).trim();
    const levels = ['-l', 'warning', '--component-log-level', 'wasm:info'];
    const more = ['--concurrency', '1', '--use-dynamic-base-id', '--admin-address-path', adminAddress];
    const child = this.#spawn(envoy, ['-c', config, ...levels, ...more]);
    const log = createWriteStream(this.envoyLog);
    // The access log.
    child.stdout.pipe(log, { end: false });
    createInterface(child.stderr).on('line', (line) => {
      log.write(`${line}\n`);
      const at = line.indexOf('peergate {');
      if (at >= 0) {
        this.envoyDecisions.push(JSON.parse(line.slice(at + 'peergate '.length)));
      }
    });
    for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; await sleep(50)) {
      if (child.exitCode !== null) {
        throw new Error('Envoy ended at once');
      }
      if (existsSync(adminAddress) && (await this.#isReady(readFileSync(adminAddress, 'utf8').trim()))) {
        return;
      }
    }
    throw new Error('Envoy does not become ready');
  }

  async #isReady(admin) {
    try {
      const ready = await fetch(`http://${admin}/ready`);
      if (ready.status !== 200) {
        return false;
      }
      const listeners = await (await fetch(`http://${admin}/listeners?format=json`)).json();
      this.port = listeners.listener_statuses?.[0]?.local_address.socket_address.port_value;
      this.admin = admin;
      return this.port !== undefined;
    } catch {
      return false;
    }
  }

  /** The example's file with the demo's deployment in place of its own. */
  #writeExtension() {
    const deployment = JSON.parse(readFileSync(join(here, 'deployment.json'), 'utf8'));
    deployment.policy = JSON.parse(readFileSync(join(here, deployment.policy), 'utf8'));
    const example = readFileSync(join(root, 'examples/envoy/peergate.yaml'), 'utf8');
    const block = /^( *)value: \|\n(?:\1 +.*\n?|\n)*/m;
    const yaml = replaced(example, block, (_, indent) => {
      const lines = JSON.stringify(deployment, null, 2).split('\n');
      return `${indent}value: |\n${lines.map((line) => `${indent}  ${line}\n`).join('')}`;
    });
    writeFileSync(this.extension, this.#adapted(yaml));
  }

  /** The examples' paths and ports are those of a production machine. */
  #adapted(yaml) {
    const files = {
      '/etc/envoy/certs/server.pem': join(this.certs, 'server.chain.pem'),
      '/etc/envoy/certs/server.key': join(this.certs, 'server.key.pem'),
      '/etc/envoy/certs/ca.pem': join(this.certs, 'root.cert.pem'),
      '/etc/envoy/peergate/peergate.yaml': this.extension,
      '/etc/envoy/peergate.wasm': built(join(target, 'wasm32-wasip1', 'release', 'peergate.wasm')),
    };
    const own = yaml.replace(/^ *#.*\n/gm, '');
    const withFiles = own.replace(/\/etc\/envoy\/[a-z./]+/g, (path) => {
      if (files[path] === undefined) {
        throw new Error(`examples/envoy names ${path}, which the demo does not know`);
      }
      return JSON.stringify(files[path]);
    });
    return withFiles
      .replace('address: 0.0.0.0, port_value: 8443', 'address: 127.0.0.1, port_value: 0')
      .replace('port_value: 9901', 'port_value: 0')
      .replace('port_value: 3000', `port_value: ${this.servicePort}`);
  }

  #spawn(command, args) {
    const child = spawn(command, args, { cwd: work, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#children.push(child);
    return child;
  }
}

/** What `npm install` in this folder would make of its package.json, without the network. */
function linkPackage() {
  const link = join(here, 'node_modules', 'peergate');
  mkdirSync(dirname(link), { recursive: true });
  if (lstatSync(link, { throwIfNoEntry: false }) === undefined) {
    symlinkSync(join('..', '..', '..', 'node-binding'), link, 'dir');
  }
}

function built(path) {
  if (!existsSync(path)) {
    throw new Error(`${path} is not there: \`make demo\` builds it`);
  }
  return path;
}

function replaced(text, pattern, by) {
  const out = text.replace(pattern, by);
  if (out === text) {
    throw new Error(`examples/envoy/peergate.yaml has no deployment in it`);
  }
  return out;
}

function run(command, args) {
  const done = spawnSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  if (done.status !== 0) {
    throw new Error(`${command} ${args[0]}: ${(done.error?.message ?? done.stderr).trim()}`);
  }
  return done.stdout;
}
