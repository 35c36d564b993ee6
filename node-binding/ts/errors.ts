// The errors of the package. Each has a stable code; none repeats what a request said.

import type { CertificateCode, Detail, LoadCode } from './codes.js';
import type { Decision, Refusal } from './decision.js';

/** One fault of a document. */
export interface PolicyFault {
  /** A stable code. */
  readonly code: LoadCode;
  /** What the code means. */
  readonly message: string;
  /** JSON Pointer; `/policy/…` or `/source/…`, whatever file it stands in. */
  readonly pointer: string;
  /** From 1, in the JSON text; an object that was passed as such is written as one line first. */
  readonly line: number;
  /** From 1, in code points. */
  readonly column: number;
  /** What to do about it. */
  readonly hint: string;
  /** Of the short form: the option that the fault is in, such as `allowSANs[1]`. */
  readonly option?: string | undefined;
}

/** A policy, a source or a deployment was refused. Nothing was changed. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
  readonly code: LoadCode;
  readonly pointer: string;
  readonly line: number;
  readonly column: number;
  readonly hint: string;
  /** Of the short form: the option that the fault is in, such as `allowSANs[1]`. */
  readonly option: string | undefined;
  /** Every fault, in the order of the document; the first is the one above. */
  readonly faults: readonly PolicyFault[];

  /** @internal */
  constructor(faults: readonly [PolicyFault, ...PolicyFault[]]) {
    const [first] = faults;
    const more = faults.length === 1 ? '' : ` (and ${faults.length - 1} more)`;
    const hint = first.hint === '' ? '' : `; ${first.hint}`;
    const place = first.option ?? `${first.line}:${first.column} ${first.pointer}`;
    super(`${place} ${first.code}: ${first.message}${hint}${more}`);
    this.code = first.code;
    this.pointer = first.pointer;
    this.line = first.line;
    this.column = first.column;
    this.hint = first.hint;
    this.option = first.option;
    this.faults = faults;
  }
}

/** A header value or a certificate that has not exactly one reading. It repeats nothing of it. */
export class ParseError extends Error {
  override readonly name = 'ParseError';
  /** A stable code. */
  readonly code: Detail | CertificateCode;
  /** The byte at which it shows, from 0. */
  readonly offset: number;

  /** @internal */
  constructor(code: Detail | CertificateCode, offset: number) {
    super(`${code} at byte ${offset}`);
    this.code = code;
    this.offset = offset;
  }
}

/**
 * What `onDeny: 'next'` hands to the error handlers. Its message is what the caller may know; the
 * decision is not enumerable, so that an error handler that prints the error does not print it.
 */
export class AccessDeniedError extends Error {
  override readonly name = 'AccessDeniedError';
  readonly code = 'ERR_PEERGATE_DENIED';
  readonly status: number;
  readonly statusCode: number;
  /** Whether the message may be shown to the caller, as in `http-errors`. */
  readonly expose: boolean;
  /** Header lines that belong to the answer; Express's own error handler sends them. */
  readonly headers: Readonly<Record<string, string>>;
  declare readonly decision: Decision;

  /** @internal */
  constructor(decision: Decision, refusal: Refusal) {
    super(MESSAGES[refusal.status] ?? 'Refused');
    this.status = refusal.status;
    this.statusCode = refusal.status;
    this.expose = refusal.status < 500;
    // The body is the error handler's, and so is its type.
    const { 'content-type': _, ...headers } = refusal.headers;
    this.headers = headers;
    Object.defineProperty(this, 'decision', { value: decision, enumerable: false });
  }
}

const MESSAGES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  500: 'Internal Server Error',
};
