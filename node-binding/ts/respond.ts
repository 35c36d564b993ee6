// Answering a refused request on Node's own response.

import type { ServerResponse } from 'node:http';
import type { Refusal } from './decision.js';

/** Answers a refused request. */
export function respond(response: ServerResponse, { status, headers, body }: Refusal): void {
  if (!cutOff(response)) {
    response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
    response.end(body);
  }
}

/** Whether somebody has begun to answer; cutting the answer off is all that is left then. */
export function cutOff(response: Pick<ServerResponse, 'headersSent' | 'destroy'>): boolean {
  if (response.headersSent) {
    response.destroy();
    return true;
  }
  return false;
}
