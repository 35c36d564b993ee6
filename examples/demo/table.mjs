// The table, and whether each answer is the expected one.

/** Prints the table. @returns the number of answers that are not as expected */
export function print(results) {
  const lines = results.map(({ row, got }) => {
    const faults = differences(row.expect, got);
    return { cells: cells(row, got), faults };
  });
  const heads = ['', 'who asks', 'for what', 'answer', 'why: Envoy', 'why: Node'];
  const table = [heads, ...lines.map(({ cells, faults }) => [faults.length === 0 ? 'ok' : 'NO', ...cells])];
  const widths = heads.map((_, column) => Math.max(...table.map((line) => line[column].length)));
  console.log();
  for (const [index, line] of table.entries()) {
    console.log(line.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd());
    if (index === 0) {
      console.log(widths.map((width) => '-'.repeat(width)).join('  '));
    }
    for (const fault of lines[index - 1]?.faults ?? []) {
      console.log(`    ${fault}`);
    }
  }
  const wrong = lines.filter(({ faults }) => faults.length > 0).length;
  console.log(`\n${lines.length - wrong} passed, ${wrong} failed`);
  return wrong;
}

function cells(row, got) {
  const answer = got.status === null ? tlsAlert(got.failure) : String(got.status);
  return [row.who, `${row.method ?? 'GET'} ${row.path}`, answer, why(got.envoy), why(got.node)];
}

/** OpenSSL's code for an alert, ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED, in words. */
function tlsAlert(code) {
  const [, alert] = /^ERR_SSL_\w+?_ALERT_(\w+)$/.exec(code) ?? [];
  return alert === undefined ? code : `TLS alert: ${alert.toLowerCase().replaceAll('_', ' ')}`;
}

function why(decision) {
  if (decision === null) {
    return '-';
  }
  const finer = finerOf(decision);
  return finer === null ? decision.reason : `${decision.reason}: ${finer}`;
}

const finerOf = (decision) => decision.rule ?? decision.detail;

function differences(expect, got) {
  const faults = [];
  const same = (what, wanted, is) => {
    if (JSON.stringify(wanted) !== JSON.stringify(is)) {
      faults.push(`${what}: expected ${JSON.stringify(wanted)}, got ${JSON.stringify(is)}`);
    }
  };
  if (expect.failure !== undefined) {
    if (!expect.failure.test(got.failure ?? '')) {
      faults.push(`expected a handshake that fails with ${expect.failure}, got ${got.status ?? got.failure}`);
    }
  } else {
    same('status', expect.status, got.status);
  }
  for (const host of ['envoy', 'node']) {
    const is = got[host] === null ? undefined : [got[host].reason, finerOf(got[host])];
    same(`decision of ${host}`, expect[host], is);
  }
  if (expect.caller !== undefined) {
    const header = expect.caller === null ? null : `URI:${expect.caller}`;
    same('what the service was told', { caller: expect.caller, header }, got.body);
  }
  return faults;
}
