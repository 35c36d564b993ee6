// An independent reader of certificates: what core read, beside what Node (OpenSSL) reads.
//
//   in   one JSON object a line: core's normalised certificate with its PEM; "isCa", "otherNames" (how
//        many names of further kinds it has), "changed" (whether a byte of it was changed at random)
//   out  one line for each certificate on which the two differ, and nothing else
//
// A certificate that Node does not read at all is a difference, too, but for one with a string type in
// a name that OpenSSL does not take there and other TLS libraries do. In changed ones Node may also be
// stricter in two ways that make nobody somebody else; see `isStricter`.

import { X509Certificate } from 'node:crypto';
import { createInterface } from 'node:readline';

/** Node's names of the kinds that a policy may ask for. */
const KINDS = new Map([
  ['URI', 'URI'],
  ['DNS', 'DNS'],
  ['IP Address', 'IP'],
  ['email', 'email'],
]);

/**
 * The names in Node's text: `KIND:value, KIND:"value"`. In quotes, which stand wherever the value has
 * anything but plain characters, it is a JSON string; without, it holds no comma.
 */
function* namesIn(text) {
  let rest = text;
  while (rest !== '') {
    const [, kind] = /^([A-Za-z0-9 ]+):/.exec(rest);
    rest = rest.slice(kind.length + 1);
    const [written] = rest.startsWith('"') ? /^"(?:[^"\\]|\\.)*"/.exec(rest) : /^[^,]*/.exec(rest);
    yield [kind, written.startsWith('"') ? JSON.parse(written) : written];
    rest = rest.slice(written.length);
    if (rest !== '') {
      if (!rest.startsWith(', ')) {
        throw new Error(`a separator was due: ${rest}`);
      }
      rest = rest.slice(2);
    }
  }
}

/** Eight groups of an IPv6 address, or the four numbers of an IPv4 one. */
function address(text) {
  if (!text.includes(':')) {
    return text;
  }
  const [head, tail] = text.split('::').map((part) => (part === '' ? [] : part.split(':')));
  const groups = (list) =>
    list.flatMap((group) => {
      if (!group.includes('.')) {
        return [Number.parseInt(group, 16)];
      }
      const [a, b, c, d] = group.split('.').map(Number);
      return [a * 256 + b, c * 256 + d];
    });
  const [left, right] = [groups(head), groups(tail ?? [])];
  return [...left, ...Array(8 - left.length - right.length).fill(0), ...right].join(':');
}

function normalised(name) {
  return name.startsWith('IP:') ? `IP:${address(name.slice(3))}` : name;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `Nov  1 02:03:04 2026 GMT`; `Date.parse` would take the year 99 for 1999. */
function seconds(time) {
  const [, month, day, hour, minute, second, year] = /^(\w{3}) +(\d+) (\d\d):(\d\d):(\d\d) (\d+) GMT$/.exec(time);
  const date = new Date(0);
  date.setUTCFullYear(Number(year), MONTHS.indexOf(month), Number(day));
  date.setUTCHours(Number(hour), Number(minute), Number(second));
  return date.getTime() / 1000;
}

function fields(pem) {
  const certificate = new X509Certificate(pem);
  const names = [...namesIn(certificate.subjectAltName ?? '')].filter(([kind]) => KINDS.has(kind));
  return {
    subjectAltNames: names.map(([kind, value]) => normalised(`${KINDS.get(kind)}:${value}`)),
    serialNumber: BigInt(`0x${certificate.serialNumber}`),
    fingerprint256: certificate.fingerprint256.replaceAll(':', ''),
    notBefore: seconds(certificate.validFrom),
    notAfter: seconds(certificate.validTo),
    isCa: certificate.ca,
  };
}

function expected({ subjectAltNames, serialNumber, fingerprint256, notBefore, notAfter, isCa }) {
  return {
    subjectAltNames: subjectAltNames.map(normalised),
    serialNumber: BigInt(serialNumber),
    fingerprint256,
    notBefore: Date.parse(notBefore) / 1000,
    notAfter: Date.parse(notAfter) / 1000,
    isCa,
  };
}

const shown = (value) => JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? `0x${part.toString(16)}` : part));

/** Whether Node is stricter here, and no less safe. */
function isStricter(name, got, wanted, core) {
  return (
    core.changed &&
    // It calls nobody an authority whose key usage does not say so.
    ((name === 'isCa' && got === false && wanted === true) ||
      // A name of another kind among them that it does not read: then it reads none.
      (name === 'subjectAltNames' && got.length === 0 && core.otherNames > 0))
  );
}

for await (const line of createInterface({ input: process.stdin })) {
  const core = JSON.parse(line);
  const wanted = expected(core);
  try {
    const got = fields(core.pem);
    for (const [name, value] of Object.entries(wanted)) {
      if (shown(got[name]) !== shown(value) && !isStricter(name, got[name], value, core)) {
        console.log(`${core.where}: ${name} is ${shown(got[name])}, core says ${shown(value)}`);
      }
    }
  } catch (error) {
    if (!error.message.includes('asn1 encoding routines::mstring')) {
      console.log(`${core.where}: ${error.message}`);
    }
  }
}
