// Noticing that files change. Directories are watched, not files: a file that is renamed into place, and a
// generation of files that comes by a symbolic link, are other files than those that were there.

import { realpathSync, statSync, watch, type FSWatcher } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** How changes are noticed. */
export interface WatchOptions {
  /** Quiet time in milliseconds after a change before files are read; 100 if left out. */
  readonly debounce?: number | undefined;
  /**
   * Milliseconds after which files are looked at even without a notice, for file systems that give none;
   * 60,000 if left out, 0 for never.
   */
  readonly interval?: number | undefined;
  /** Ends the watching when it is aborted. */
  readonly signal?: AbortSignal | undefined;
}

/** @internal */
export const WATCH_OPTIONS: readonly string[] = ['debounce', 'interval', 'signal'];

/** Changes that do not end are acted upon after this many debounce times. */
const PATIENCE = 10;
/** What `setTimeout` takes. */
const LONGEST = 2 ** 31 - 1;

/**
 * Calls `check` some time after any of the files may have changed, at first soon after the start. Nothing
 * here keeps the process alive, and nothing throws: what cannot be watched is left to the interval.
 * @internal
 */
export class Watch {
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #debounce: number;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #stop = (): void => this.close();
  #due: NodeJS.Timeout | undefined;
  #latest = 0;
  #closed = false;

  constructor(
    /** Asked again each time, since a file may come to name another. */
    private readonly files: () => readonly string[],
    private readonly check: () => void,
    options: WatchOptions,
  ) {
    this.#debounce = milliseconds('debounce', options.debounce, 100);
    const interval = milliseconds('interval', options.interval, 60_000);
    this.#signal = options.signal;
    if (this.#signal?.aborted === true) {
      this.#closed = true;
      return;
    }
    this.#signal?.addEventListener('abort', this.#stop, { once: true });
    this.#timer = interval === 0 ? undefined : setInterval(() => this.#run(), interval).unref();
    this.#follow();
    // What changed between the caller's reading and now gave no notice.
    this.#notice();
  }

  get closed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
    this.#signal?.removeEventListener('abort', this.#stop);
    clearTimeout(this.#due);
    clearInterval(this.#timer);
    for (const watcher of this.#watchers.values()) {
      watcher.close();
    }
    this.#watchers.clear();
  }

  #notice(): void {
    const now = performance.now();
    if (this.#due === undefined) {
      this.#latest = now + PATIENCE * this.#debounce;
    } else if (now + this.#debounce > this.#latest) {
      return;
    }
    clearTimeout(this.#due);
    this.#due = setTimeout(() => this.#run(), this.#debounce).unref();
  }

  #run(): void {
    clearTimeout(this.#due);
    this.#due = undefined;
    if (!this.#closed) {
      this.#follow();
      this.check();
    }
  }

  /** Watches the directories that count now, and no others. */
  #follow(): void {
    const wanted = new Map(this.files().flatMap(directories).map((path) => [identity(path), path]));
    for (const [key, watcher] of this.#watchers) {
      if (!wanted.has(key)) {
        watcher.close();
        this.#watchers.delete(key);
      }
    }
    for (const [key, path] of wanted) {
      if (key !== undefined && !this.#watchers.has(key)) {
        this.#add(key, path);
      }
    }
  }

  #add(key: string, path: string): void {
    try {
      const watcher = watch(path, { persistent: false }, () => this.#notice());
      watcher.on('error', () => {
        watcher.close();
        this.#watchers.delete(key);
      });
      this.#watchers.set(key, watcher);
    } catch {
      // No more watchers to be had (ENOSPC, EMFILE), or gone meanwhile: the interval finds out.
    }
  }
}

/**
 * Where a change of the file shows: the directory that its path names, the one where its contents are, and
 * the one that holds the directory, if that is itself a link or is missing.
 */
function directories(file: string): string[] {
  const named = dirname(resolve(file));
  const found = [named];
  try {
    found.push(dirname(realpathSync(file)));
  } catch {
    // It may be back later, in the directory that is named.
  }
  for (let at = named; dirname(at) !== at; at = dirname(at)) {
    try {
      if (realpathSync(at) === at) {
        break;
      }
    } catch {
      // Missing: its own coming shows one up.
    }
    found.push(dirname(at));
  }
  return found;
}

/** A directory that was replaced by one of the same name is another, also where file systems use numbers again. */
function identity(path: string): string | undefined {
  try {
    const { dev, ino, birthtimeNs } = statSync(path, { bigint: true });
    return `${dev}:${ino}:${birthtimeNs}`;
  } catch {
    return undefined;
  }
}

function milliseconds(name: string, value: number | undefined, otherwise: number): number {
  if (value === undefined) {
    return otherwise;
  }
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0 || value > LONGEST) {
    throw new TypeError(`peergate: \`${name}\` must be a number of milliseconds, from 0 to ${LONGEST}`);
  }
  return value;
}
