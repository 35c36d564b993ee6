// Reading several files that belong together, as they were at one moment.

import { readFileSync, realpathSync, statSync } from 'node:fs';

/** How often files that change while they are read are read again, before that is an error. */
const ATTEMPTS = 8;

/** A file of a set could not be read, or the set did not stay the same for as long as it took to read. */
export class ReadError extends Error {
  override readonly name = 'ReadError';
  readonly code: 'ERR_PEERGATE_UNREADABLE' | 'ERR_PEERGATE_UNSTABLE';

  /** @internal */
  constructor(
    readonly path: string,
    readonly unstable: boolean,
    cause?: unknown,
  ) {
    super(unstable ? `${path} keeps changing while it is read` : `${path} cannot be read: ${system(cause)}`, { cause });
    this.code = unstable ? 'ERR_PEERGATE_UNSTABLE' : 'ERR_PEERGATE_UNREADABLE';
  }
}

/**
 * The contents of the files, all of one generation. Where a directory is exchanged by a symbolic link
 * (Kubernetes' `..data`) the links are followed before and after: if any led elsewhere meanwhile, or a
 * file was written to, everything is read once more.
 */
export function readTogether(paths: readonly string[]): Buffer[] {
  for (let attempt = 1; ; attempt += 1) {
    let path = paths[0] ?? '';
    try {
      const before = paths.map((each) => place((path = each)));
      const contents = before.map(({ real }, at) => readFileSync(((path = paths[at] ?? path), real)));
      const moved = before.findIndex(({ mark }, at) => mark !== place((path = paths[at] ?? path)).mark);
      if (moved === -1) {
        return contents;
      }
      if (attempt === ATTEMPTS) {
        throw new ReadError(paths[moved] ?? path, true);
      }
    } catch (error) {
      // The generation before may have been deleted under our hands; a file that is missing stays so.
      if (error instanceof ReadError || attempt === ATTEMPTS) {
        throw error instanceof ReadError ? error : new ReadError(path, false, error);
      }
    }
  }
}

/** Which file a path leads to, and what tells whether it was written to. */
function place(path: string): { real: string; mark: string } {
  const real = realpathSync(path);
  const { dev, ino, size, mtimeNs, ctimeNs } = statSync(real, { bigint: true });
  return { real, mark: [real, dev, ino, size, mtimeNs, ctimeNs].join() };
}

/** The operating system's code for what went wrong, such as `ENOENT`. */
function system(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
}
