// The Node examples, by the commands of their pages.
//
// In a fence ```console the lines after `$ ` are commands, run in order, and the others what they print; in
// ```console server the one command goes on until the end of the page, after it has printed those lines; in
// ```console log stand further lines that it prints. `…` stands for any text. Ports are replaced by free ones.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort } from './support.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const base = mkdtempSync(join(tmpdir(), 'peergate-examples-'));
const PATIENCE_MS = 60_000;
const missing = ['curl', 'openssl', 'sh'].filter((tool) => spawnSync(tool, ['--version']).error !== undefined);
const skip = missing.length > 0 ? `the commands of the pages need ${missing.join(' and ')}` : false;

before(() => {
  cpSync(join(root, 'examples'), join(base, 'examples'), { recursive: true, filter: (from) => !/node_modules|\.work/.test(from) });
  symlinkSync(join(root, 'node-binding'), join(base, 'node-binding'));
});
after(() => rmSync(base, { recursive: true, force: true }));

const fences = (page) =>
  [...page.matchAll(/^```(.*)\n([^]*?)^```$/gm)].map(([, info, text]) => ({ info, text, lines: text.trimEnd().split('\n') }));

const commands = (text) =>
  text
    .split(/^\$ /m)
    .slice(1)
    .map((each) => {
      const [command, ...printed] = each.trimEnd().split('\n');
      return { command, printed };
    });

const matches = (line, expected) =>
  new RegExp(`^${expected.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`).test(line);
const all = (lines, expected) => lines.length === expected.length && lines.every((line, at) => matches(line, expected[at]));

async function run(name) {
  const cwd = join(base, 'examples', name);
  const [port, metrics] = [String(await freePort()), String(await freePort())];
  const env = { ...process.env, PORT: port, METRICS_PORT: metrics, NODE_NO_WARNINGS: '1', npm_config_update_notifier: 'false' };
  // `sleep`: for machines that have much else to do.
  const local = (text) => text.replaceAll('sleep 1', 'sleep 3').replaceAll(/localhost:(8443|8080)/g, `localhost:${port}`).replaceAll('localhost:9464', `localhost:${metrics}`);
  let server;
  let said = '';
  const told = () => said.trimEnd().split('\n');
  const until = async (expected) => {
    for (const end = Date.now() + PATIENCE_MS; !all(told(), expected) && Date.now() < end && server.exitCode === null; ) {
      await new Promise((soon) => setTimeout(soon, 20));
    }
    assert.ok(all(told(), expected), `the server of ${name} should print\n${expected.join('\n')}\nbut prints\n${said}`);
  };
  let first = [];
  let count = 0;
  try {
    for (const { info, text, lines } of fences(readFileSync(join(cwd, 'README.md'), 'utf8'))) {
      if (info === 'console server') {
        const [{ command, printed }] = commands(text);
        server = spawn('sh', ['-c', `exec ${command}`], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
        for (const stream of [server.stdout, server.stderr]) {
          stream.on('data', (data) => (said += data));
        }
        await until((first = printed));
      } else if (info === 'console log') {
        await until([...first, ...lines]);
      } else if (info === 'console') {
        for (const { command, printed } of commands(text)) {
          const child = spawn('sh', ['-c', `{ ${local(command)}\n} 2>&1`], { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] });
          let output = '';
          child.stdout.on('data', (data) => (output += data));
          await once(child, 'close');
          const got = output === '' ? [] : output.trimEnd().split('\n');
          assert.ok(all(got, printed), `$ ${command}\nshould print\n${printed.join('\n')}\nbut prints\n${output}\nserver: ${said}`);
          count += 1;
        }
      }
    }
  } finally {
    if (server !== undefined && server.exitCode === null) {
      server.kill();
      await once(server, 'exit');
    }
  }
  return count;
}

const examples = readdirSync(join(root, 'examples')).filter((name) => name.startsWith('node-') && existsSync(join(root, 'examples', name, 'README.md')));

test('there are examples', () => assert.ok(examples.length >= 7, examples.join()));

for (const name of examples) {
  test(`examples/${name} does what its page says`, { skip }, async () => {
    const count = await run(name);
    assert.ok(count >= 2, `only ${count} commands`);
  });

  test(`examples/${name}: its page links to what there is`, () => {
    const folder = join(root, 'examples', name);
    const page = readFileSync(join(folder, 'README.md'), 'utf8');
    const links = [...page.matchAll(/\]\(([^)#:]+)\)/g)].map(([, file]) => file);
    assert.deepEqual(links.filter((file) => !existsSync(join(folder, file))), []);
  });
}
