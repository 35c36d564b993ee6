// Makes a linked module smaller: `shrink.mjs INPUT OUTPUT [INTERFACE]`.
//
// INTERFACE names a file with lines `export NAME` and `import MODULE.NAME`. Other exports are removed,
// with all that only they reach; a call of another import becomes a trap, which removes the import.
// Then Binaryen optimises for size. The same input gives the same bytes, and they are kept in target/,
// so that an unchanged module costs nothing.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [input, output, interfaceFile] = process.argv.slice(2);
if (output === undefined) {
  console.error('usage: shrink.mjs INPUT OUTPUT [INTERFACE]');
  process.exit(2);
}
const here = dirname(fileURLToPath(import.meta.url));
const lock = readFileSync(join(here, 'package-lock.json'));
const linked = readFileSync(input);
const wanted = interfaceFile === undefined ? undefined : readFileSync(interfaceFile, 'utf8');

const key = createHash('sha256');
for (const part of [readFileSync(fileURLToPath(import.meta.url)), lock, wanted ?? '', linked]) {
  key.update(createHash('sha256').update(part).digest());
}
const folder = join(process.env.CARGO_TARGET_DIR ?? join(here, '../../../target'), 'shrunk');
const kept = join(folder, `${key.digest('hex').slice(0, 32)}.wasm`);
if (!existsSync(kept)) {
  install();
  const small = shrink((await import('binaryen')).default);
  mkdirSync(folder, { recursive: true });
  // Whole or not at all, should two of these run at once.
  writeFileSync(`${kept}.${process.pid}`, small);
  renameSync(`${kept}.${process.pid}`, kept);
}
mkdirSync(dirname(output), { recursive: true });
writeFileSync(output, readFileSync(kept));

/** The lock file decides; a tree that already follows it is left alone. */
function install() {
  const follows = join(here, 'node_modules', '.peergate-lock');
  if (!existsSync(follows) || !readFileSync(follows).equals(lock)) {
    execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--silent'], { cwd: here, stdio: ['ignore', 2, 2] });
    writeFileSync(follows, lock);
  }
}

function shrink(binaryen) {
  const module = binaryen.readBinary(linked);
  // What Rust turns on for its WebAssembly targets, and every host of ours has.
  const { Features } = binaryen;
  module.setFeatures(
    Features.BulkMemory | Features.BulkMemoryOpt | Features.CallIndirectOverlong | Features.MutableGlobals |
      Features.Multivalue | Features.NontrappingFPToInt | Features.ReferenceTypes | Features.SignExt,
  );
  if (wanted !== undefined) {
    keepExports(binaryen, module, listed('export'));
    trapImports(binaryen, module, listed('import'));
  }
  binaryen.setDebugInfo(false);
  binaryen.setOptimizeLevel(2);
  binaryen.setShrinkLevel(2);
  module.runPasses(['strip-debug', 'strip-producers', 'strip-target-features']);
  module.optimize();
  if (!module.validate()) {
    throw new Error(`${input}: what Binaryen made of it is not valid`);
  }
  return module.emitBinary();
}

/** The names of one kind in INTERFACE. */
function listed(kind) {
  const lines = wanted.split('\n').map((line) => line.split(' '));
  return new Set(lines.filter(([word]) => word === kind).map(([, name]) => name));
}

function keepExports(binaryen, module, names) {
  const all = Array.from({ length: module.getNumExports() }, (_, at) => binaryen.getExportInfo(module.getExportByIndex(at)).name);
  present('export', names, all);
  for (const name of all.filter((name) => !names.has(name))) {
    module.removeExport(name);
  }
}

function trapImports(binaryen, module, names) {
  const functions = Array.from({ length: module.getNumFunctions() }, (_, at) => binaryen.getFunctionInfo(module.getFunctionByIndex(at)));
  const imports = functions.filter(({ module }) => module !== '');
  const nameOf = ({ module, base }) => `${module}.${base}`;
  present('import', names, imports.map(nameOf));
  for (const { name, params, results } of imports.filter((info) => !names.has(nameOf(info)))) {
    module.removeFunction(name);
    module.addFunction(name, params, results, [], module.unreachable());
  }
}

/** A name that is listed and not there is a mistake in the list. */
function present(kind, names, all) {
  const missing = [...names].filter((name) => !all.includes(name));
  if (missing.length > 0) {
    throw new Error(`${input} does not ${kind} ${missing.join(', ')}`);
  }
}
