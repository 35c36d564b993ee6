// The commands of docs/operations.md, one after the other, against the single proxy of examples/envoy.
//
// In a fence ```console envoy the lines after `$ ` are commands, and the others what they print; `…` stands
// for any text. The page's addresses are those of production, and are replaced by this machine's.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { Lab, peergate, read } from './envoy.mjs';

const page = read('docs/operations.md');
const missing = ['curl', 'openssl'].filter((tool) => spawnSync(tool, ['version']).error);
const skip = missing.length > 0 ? `the commands of the page need ${missing.join(' and ')}` : false;

let lab;
let envoy;

before(async () => {
  const client = (name, id) => ['--client', `${name}=spiffe://demo.test/ns/${id}`];
  lab = new Lab(['--server', 'server=localhost,127.0.0.1', ...client('api', 'pay/sa/api'), ...client('web', 'web/sa/front')]);
  const port = await lab.service();
  const rules = join(lab.folder, 'peergate.yaml');
  writeFileSync(rules, lab.adapted(read('examples/envoy/peergate.yaml'), {}, {}));
  envoy = await lab.envoy('envoy', read('examples/envoy/envoy.yaml'), {
    files: { '/etc/envoy/peergate/peergate.yaml': rules },
    ports: { 3000: port },
  });
});

after(() => lab?.close());

/** The commands of the page, each with the lines that it prints. */
function examples() {
  return [...page.matchAll(/^```console envoy\n([\s\S]*?)^```$/gm)].flatMap(([, fence]) => {
    return fence
      .split(/^\$ /m)
      .slice(1)
      .map((example) => {
        const [command, ...printed] = example.trimEnd().split('\n');
        return { command, printed };
      });
  });
}

function local(command) {
  return command
    .replaceAll('localhost:8443', `localhost:${envoy.port}`)
    .replaceAll('127.0.0.1:9901', envoy.admin)
    // For machines that have much else to do.
    .replaceAll('sleep 1', 'sleep 2')
    .replaceAll('curl -s', 'curl -sS --max-time 20');
}

const pattern = (line) =>
  new RegExp(`^${line.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`);

test('every command prints what the page says', { skip }, async () => {
  const all = examples();
  assert.ok(all.length >= 20, `only ${all.length} commands`);
  for (const { command, printed } of all) {
    // The log so far, for commands that look into it: its last line may still be on its way.
    await new Promise((soon) => setTimeout(soon, 100));
    writeFileSync(join(lab.folder, 'envoy.log'), `${envoy.log.join('\n')}\n`);
    const path = `${dirname(peergate)}:${process.env.PATH}`;
    const done = await shell(local(command), { cwd: lab.folder, env: { ...process.env, PATH: path } });
    const lines = done === '' ? [] : done.trimEnd().split('\n');
    const same = lines.length === printed.length && lines.every((line, at) => pattern(printed[at]).test(line));
    assert.ok(same, `$ ${command}\nshould print\n${printed.join('\n')}\nbut prints\n${done}\n${envoy.log.slice(-3).join('\n')}`);
  }
});

/** Not the synchronous call: Envoy's log must be read while a command waits. */
async function shell(command, options) {
  const { spawn } = await import('node:child_process');
  // Variables live as long as one command.
  const child = spawn('sh', ['-c', `{ ${command}\n} 2>&1`], { ...options, stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  for await (const chunk of child.stdout) {
    printed += chunk;
  }
  return printed;
}

test('the page names codes and metrics that there are', async () => {
  const codes = new Set([...read('docs/codes.md').matchAll(/^\| `([a-z_0-9]+)` \|/gm)].map(([, code]) => code));
  const [, table] = page.split('## Errors and their causes');
  const named = [...table.matchAll(/^\| (?:40[013] |refused at load: )([^|]*)\|/gm)].flatMap(([, symptom]) => {
    return [...symptom.matchAll(/`([a-z_]+)`/g)].map(([, code]) => code);
  });
  assert.ok(named.length >= 20, `only ${named.length} codes`);
  assert.deepEqual(named.filter((code) => !codes.has(code)), []);
  const published = await (await fetch(`http://${envoy.admin}/stats/prometheus`)).text();
  const metrics = [...page.matchAll(/`((?:envoy|peergate)_[a-z0-9_]+)(?:\{[^`]*\})?`/g)].map(([, name]) => name);
  assert.ok(metrics.length >= 8, `only ${metrics.length} metrics`);
  assert.deepEqual(metrics.filter((name) => !published.includes(`\n${name}{`)), []);
});
