// Certificate authorities that issue, let expire and revoke, and folders that hold what they issue in the
// ways in which certificates come to servers.

import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

const base = mkdtempSync(join(tmpdir(), 'peergate-authority-'));
after(() => rmSync(base, { recursive: true, force: true }));
let count = 0;

/** An empty folder of its own. */
export function folder() {
  const path = join(base, `f${(count += 1)}`);
  mkdirSync(path);
  return path;
}

const openssl = (cwd, args) => execFileSync('openssl', args, { cwd, stdio: 'pipe' });
const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

/** A date as `openssl ca` takes it. */
const date = (days) => new Date(Date.now() + days * 86_400_000).toISOString().replace(/[-:T]|\.\d+/g, '');

export const fingerprint = (pem) => new X509Certificate(pem).fingerprint256.replaceAll(':', '');

export function authority(name) {
  const at = folder();
  writeFileSync(
    join(at, 'ca.cnf'),
    `[req]\ndistinguished_name=dn\nprompt=no\nx509_extensions=v3\n[dn]\nCN=${name}\n` +
      '[v3]\nbasicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n' +
      '[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\nnew_certs_dir=.\ncertificate=ca.pem\nprivate_key=ca.key\n' +
      'default_md=sha256\npolicy=any\nunique_subject=no\ncrlnumber=crlnumber\nserial=serial\n[any]\ncommonName=supplied\n',
  );
  writeFileSync(join(at, 'index.txt'), '');
  writeFileSync(join(at, 'crlnumber'), '01\n');
  writeFileSync(join(at, 'serial'), '1001\n');
  openssl(at, ['req', '-x509', ...EC, '-nodes', '-days', '2', '-config', 'ca.cnf', '-keyout', 'ca.key', '-out', 'ca.pem']);
  return {
    cert: readFileSync(join(at, 'ca.pem'), 'utf8'),
    /** @param names alternative names, as OpenSSL writes them; @param from, to days from now */
    issue(cn, { names = 'DNS:localhost,IP:127.0.0.1', from = -1, to = 1, passphrase } = {}) {
      const file = `c${(count += 1)}`;
      writeFileSync(join(at, `${file}.cnf`), `[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN=${cn}\n`);
      writeFileSync(join(at, `${file}.ext`), `subjectAltName=${names}\nbasicConstraints=CA:false\n`);
      const guarded = passphrase === undefined ? ['-nodes'] : ['-passout', `pass:${passphrase}`];
      openssl(at, ['req', ...EC, ...guarded, '-config', `${file}.cnf`, '-keyout', `${file}.key`, '-out', `${file}.csr`]);
      const dates = ['-startdate', date(from), '-enddate', date(to)];
      const files = ['-in', `${file}.csr`, '-out', `${file}.pem`, '-extfile', `${file}.ext`];
      openssl(at, ['ca', '-batch', '-notext', '-config', 'ca.cnf', ...dates, ...files]);
      const cert = readFileSync(join(at, `${file}.pem`), 'utf8');
      return { key: readFileSync(join(at, `${file}.key`), 'utf8'), cert, sha256: fingerprint(cert), file: join(at, `${file}.pem`) };
    },
    revoke({ file }) {
      openssl(at, ['ca', '-revoke', file, '-config', 'ca.cnf']);
    },
    /** The list of what was revoked so far. */
    crl() {
      openssl(at, ['ca', '-gencrl', '-crldays', '1', '-config', 'ca.cnf', '-out', 'crl.pem']);
      return readFileSync(join(at, 'crl.pem'), 'utf8');
    },
  };
}

/** The three ways in which files change. `put` takes `{name: content}`, for all files of the folder. */
export const WAYS = {
  /** As Kubernetes does it: `name` leads to `..data/name`, and `..data` to a folder that is exchanged. */
  'exchanged link'(first) {
    const directory = folder();
    let generation;
    const put = (files, { keep = false } = {}) => {
      const next = `..${(count += 1)}`;
      mkdirSync(join(directory, next));
      for (const [name, content] of Object.entries(files)) {
        writeFileSync(join(directory, next, name), content);
      }
      symlinkSync(next, join(directory, '..data_tmp'));
      renameSync(join(directory, '..data_tmp'), join(directory, '..data'));
      if (generation !== undefined && !keep) {
        rmSync(join(directory, generation), { recursive: true });
      }
      generation = next;
    };
    put(first);
    for (const name of Object.keys(first)) {
      symlinkSync(join('..data', name), join(directory, name));
    }
    return { directory, put };
  },
  /** Each file is written beside the old one and renamed into its place. */
  'renamed files'(first) {
    const directory = folder();
    const put = (files) => {
      for (const [name, content] of Object.entries(files)) {
        writeFileSync(join(directory, `${name}.new`), content);
        renameSync(join(directory, `${name}.new`), join(directory, name));
      }
    };
    put(first);
    return { directory, put };
  },
  /** Each file is cut to nothing and written again, in two parts. */
  'written files'(first) {
    const directory = folder();
    const put = (files) => {
      for (const [name, content] of Object.entries(files)) {
        writeFileSync(join(directory, name), content.slice(0, 100));
        writeFileSync(join(directory, name), content.slice(100), { flag: 'a' });
      }
    };
    put(first);
    return { directory, put };
  },
};

/** The names of the files in those folders. */
export const NAMES = { key: 'tls.key', cert: 'tls.crt', ca: 'ca.crt' };
export const bundle = ({ key, cert }, ...authorities) => ({
  'tls.key': key,
  'tls.crt': cert,
  'ca.crt': authorities.map((each) => each.cert).join(''),
});

/** A server that names the caller, at `/slow` only when it is told to. */
export function namingServer(ca, { key, cert }, more = {}) {
  const waiting = [];
  const counts = { connections: 0, requests: 0 };
  const listener = https.createServer({ key, cert, ca: [ca.cert], requestCert: true, rejectUnauthorized: true, ...more }, (request, response) => {
    counts.requests += 1;
    const { CN } = request.socket.getPeerCertificate().subject ?? {};
    if (request.url === '/slow') {
      response.write(`${CN} `);
      waiting.push(() => response.end('in the end'));
    } else {
      response.end(CN);
    }
  });
  listener.on('secureConnection', () => (counts.connections += 1));
  return { listener, waiting, counts };
}
