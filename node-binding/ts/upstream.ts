// The header lines with which a request goes on to the application.

import type { IncomingMessage } from 'node:http';
import type { Upstream } from './decision.js';

/**
 * Makes core's changes everywhere an application may look: `rawHeaders`, `headers` and
 * `headersDistinct`. Copies of the identity header that the client sent are gone after this, in
 * whatever spelling.
 */
export function forward(request: IncomingMessage, upstream: Upstream): void {
  const { remove, set } = upstream;
  if (remove.length === 0 && set === undefined) {
    return;
  }
  // Asked for first: Node makes both of `rawHeaders` when they are first asked for, and counts on
  // as many lines as the parser had.
  const { headers } = request;
  const distinct: NodeJS.Dict<string[]> = request.headersDistinct ?? {};
  if (remove.length > 0) {
    const gone = new Set(remove.map((name) => name.toLowerCase()));
    for (const name of gone) {
      delete headers[name];
      delete distinct[name];
    }
    removeLines(request.rawHeaders, gone);
  }
  if (set !== undefined) {
    const [name, value] = set;
    headers[name] = value;
    distinct[name] = [value];
    request.rawHeaders.push(name, value);
  }
}

/** In place, since whoever has seen the array has this one. */
function removeLines(raw: string[], gone: ReadonlySet<string>): void {
  let kept = 0;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]!;
    if (!gone.has(name.toLowerCase())) {
      raw[kept] = name;
      raw[kept + 1] = raw[i + 1]!;
      kept += 2;
    }
  }
  raw.length = kept;
}
