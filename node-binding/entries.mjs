// Makes the ES module of every entry of the package out of the CommonJS one: names it exports, nothing
// else. So there is one instance, whoever asks for it and how.

import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { exports } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));

for (const entry of Object.values(exports)) {
  if (typeof entry === 'string') {
    continue;
  }
  const [, name] = /^\.\/dist\/([a-z0-9-]+)\.mjs$/.exec(entry.import.default);
  const names = Object.keys(require(`./dist/${name}.js`)).filter((each) => each !== '__esModule').sort();
  const about = '// One instance for both module systems: what `require` gets and what `import` gets is the same.\n';
  const named = names.filter((each) => each !== 'default');
  let code = named.length === 0 ? '' : `export { ${named.join(', ')} } from './${name}.js';\n`;
  let types = `export * from './${name}.js';\n`;
  if (names.includes('default')) {
    // To an ES module the default of a CommonJS one is all of it.
    code += `import all from './${name}.js';\nexport default all.default;\n`;
    types += `import all from './${name}.js';\ndeclare const only: typeof all.default;\nexport default only;\n`;
  }
  write(`${name}.mjs`, about + code);
  write(`${name}.d.mts`, types);
}

function write(file, text) {
  writeFileSync(new URL(`dist/${file}`, import.meta.url), text);
}
