// What a WebAssembly module was linked from: `bill-of-materials.mjs PACKAGE TARGET FOLDER`.
//
// Writes FOLDER/sbom.cdx.json (CycloneDX 1.5) and FOLDER/THIRD-PARTY-LICENSES.txt. Only what is in
// the module counts: no build tools, no macros, no tests. The same sources give the same bytes.

import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** In order of preference; a crate that offers none of them is an error. */
const ACCEPTED = ['MIT', 'Zlib', 'ISC', 'BSD-3-Clause', 'Apache-2.0', 'Unicode-3.0'];

/** What comes before differs between crates: a heading, or the names of files. */
const MIT_START = 'Permission is hereby granted';

const [name, target, folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error('usage: bill-of-materials.mjs PACKAGE TARGET FOLDER');
  process.exit(2);
}
const root = new URL('../..', import.meta.url);
const cargo = (...args) => execFileSync('cargo', args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 });

const metadata = JSON.parse(cargo('metadata', '--format-version', '1', '--locked'));
const key = ({ name, version }) => `${name} ${version}`;
const known = new Map(metadata.packages.map((crate) => [key(crate), crate]));
const checksums = new Map(
  [...readFileSync(new URL('Cargo.lock', root), 'utf8').matchAll(
    /^name = "(.+)"\nversion = "(.+)"\nsource = ".+"\nchecksum = "(.+)"$/gm,
  )].map(([, crate, version, checksum]) => [`${crate} ${version}`, checksum]),
);

const [, rust] = execFileSync('rustc', ['--version'], { cwd: root, encoding: 'utf8' }).split(' ');
const crates = linked();
const own = new Set(metadata.workspace_members);
const [subject] = crates.filter((crate) => crate.name === name);
const foreign = crates.filter((crate) => !own.has(crate.id));
writeFileSync(join(folder, 'sbom.cdx.json'), `${JSON.stringify(bill())}\n`);
writeFileSync(join(folder, 'THIRD-PARTY-LICENSES.txt'), licences());

/** The crates of which the module was made; the tree knows which features this package alone asks for. */
function linked() {
  const lines = cargo(
    'tree', '--locked', '--package', name, '--target', target, '--edges', 'normal,no-proc-macro', '--prefix', 'none',
    '--format', '{p}',
  );
  const found = new Set(
    lines.split('\n').filter(Boolean).map((line) => {
      const [crate, version] = line.split(' ');
      return `${crate} ${version.replace(/^v/, '')}`;
    }),
  );
  return [...found].sort().map((each) => known.get(each));
}

function bill() {
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { component: component(subject, 'application') },
    components: [...crates.filter((crate) => crate !== subject).map((crate) => component(crate, 'library')), standardLibrary()],
  };
}

function standardLibrary() {
  const purl = `pkg:generic/rust-std@${rust}`;
  return { type: 'library', 'bom-ref': purl, name: 'std', version: rust, licenses: [{ expression: 'MIT OR Apache-2.0' }], purl };
}

function component(crate, type) {
  const purl = `pkg:cargo/${crate.name}@${crate.version}`;
  const checksum = checksums.get(key(crate));
  return {
    type,
    'bom-ref': purl,
    name: crate.name,
    version: crate.version,
    ...(checksum === undefined ? {} : { hashes: [{ alg: 'SHA-256', content: checksum }] }),
    licenses: [{ expression: expression(crate) }],
    purl,
  };
}

/** Older crates write a slash for OR. */
function expression(crate) {
  return crate.license.replaceAll('/', ' OR ');
}

function licences() {
  const byLicence = new Map(ACCEPTED.map((licence) => [licence, []]));
  for (const crate of foreign) {
    for (const alternatives of expression(crate).replace(/[()]/g, '').split(' AND ')) {
      const offered = alternatives.split(' OR ');
      const licence = ACCEPTED.find((accepted) => offered.includes(accepted));
      if (licence === undefined) {
        throw new Error(`${key(crate)} has the licence ${crate.license}, which is none of ${ACCEPTED.join(', ')}`);
      }
      byLicence.get(licence).push({ crate, ...text(crate, licence) });
    }
  }
  const parts = [
    `The module of ${name} contains the Rust standard library ${rust} (MIT OR Apache-2.0,\n` +
      'Copyright (c) The Rust Project Contributors) and these libraries.\n',
  ];
  for (const [licence, entries] of byLicence) {
    const terms = new Set(entries.map((entry) => entry.terms));
    for (const each of terms) {
      const users = entries.filter((entry) => entry.terms === each);
      parts.push(`${'-'.repeat(72)}\n${licence}\n`);
      parts.push(users.map(({ crate, notices }) => [key(crate), ...notices.map((line) => `  ${line}`)].join('\n')).join('\n'));
      parts.push(`\n${each}\n`);
    }
  }
  return parts.join('\n');
}

/** The notices of copyright in a crate's licence, and its terms, which many crates share. */
function text(crate, licence) {
  const place = dirname(crate.manifest_path);
  const files = readdirSync(place).filter((file) => /^(licen[cs]e|copying)/i.test(file));
  const file = files.find((each) => each.toUpperCase().includes(licence.toUpperCase().split('-')[0])) ?? files[0];
  if (file === undefined) {
    throw new Error(`${key(crate)} comes without the text of its licence`);
  }
  const lines = readFileSync(join(place, file), 'utf8').split(/\r?\n/).map((line) => line.trim());
  const notices = lines.filter((line) => /^copyright (\(c\)|\d)/i.test(line));
  const terms = lines.filter((line) => !notices.includes(line)).join(' ').replace(/\s+/g, ' ').trim();
  return { notices, terms: folded(licence === 'MIT' ? terms.slice(terms.indexOf(MIT_START)) : terms) };
}

function folded(terms) {
  const lines = [''];
  for (const word of terms.split(' ')) {
    if (lines.at(-1).length + word.length > 98) {
      lines.push('');
    }
    lines.push(`${lines.pop()} ${word}`.trim());
  }
  return lines.join('\n');
}
