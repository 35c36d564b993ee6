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
  const gone = new Set(remove.map((name) => name.toLowerCase()));
  const raw = request.rawHeaders;
  if (gone.size > 0) {
    const kept: string[] = [];
    for (let i = 0; i + 1 < raw.length; i += 2) {
      if (!gone.has(raw[i]!.toLowerCase())) {
        kept.push(raw[i]!, raw[i + 1]!);
      }
    }
    // In place: Node makes `headers` and `headersDistinct` of this array when they are first asked for.
    raw.length = 0;
    for (const part of kept) {
      raw.push(part);
    }
  }
  if (set !== undefined) {
    raw.push(set[0], set[1]);
  }
  const { headers } = request;
  const distinct: NodeJS.Dict<string[]> | undefined = request.headersDistinct;
  for (const name of gone) {
    delete headers[name];
    if (distinct !== undefined) {
      delete distinct[name];
    }
  }
  if (set !== undefined) {
    const name = set[0].toLowerCase();
    headers[name] = set[1];
    if (distinct !== undefined) {
      distinct[name] = [set[1]];
    }
  }
}
