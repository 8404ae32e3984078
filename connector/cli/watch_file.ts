/**
 * Tells when a file's content has changed, however that was done: written in place, replaced by another file, or behind a symbolic link, as
 * editors, deployment tools and containers do.
 *
 * @module
 */

import { dirname } from "node:path";

/** How a file is watched. */
export interface WatchOptions {
  /** Called when the content is another one, or the file has come or gone. */
  readonly onChange: () => void;
  /** Called when the file cannot be watched any more. */
  readonly onError: (error: unknown) => void;
}

/** How long a content must stay to count, in milliseconds: a file is rarely written at once. */
const SETTLE_MS = 200;

/**
 * Watches a file until the returned object is disposed.
 *
 * @param path The file; what is watched is its folder.
 */
export function watchFile(path: string, { onChange, onError }: WatchOptions): Disposable {
  let watcher: Deno.FsWatcher;
  try {
    watcher = Deno.watchFs(dirname(path), { recursive: false });
  } catch (error) {
    onError(error);
    return { [Symbol.dispose]() {} };
  }
  let content = read(path);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isDisposed = false;
  // Only the content tells when the file is at rest: somebody may write to other files of the folder all the time.
  const compare = (previous: string | undefined) => {
    timer = undefined;
    const found = read(path);
    if (found === content) return;
    if (found !== previous) return compareLater(found);
    content = found;
    onChange();
  };
  const compareLater = (found: string | undefined) => {
    timer = setTimeout(() => compare(found), SETTLE_MS);
  };
  const run = async () => {
    for await (const { kind } of watcher) {
      if (kind === "access") continue;
      if (!isDisposed && timer === undefined) compareLater(read(path));
    }
  };
  run().catch(onError);
  return {
    [Symbol.dispose]() {
      isDisposed = true;
      clearTimeout(timer);
      watcher.close();
    },
  };
}

/** `undefined` when it cannot be read. */
function read(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}
