/**
 * A body store in a folder: one file for each body, readable by the server's user only.
 *
 * A body is written into a file of its own beside its place, flushed, and renamed into it, so that a crash leaves the old body or the new one.
 * A marker file tells the folder from an empty one that lies below when its volume is not mounted.
 *
 * @module
 */

import { join } from "node:path";
import { checkBodyKey, isBodyKey } from "./body_key.ts";
import type { BodyStore, PutOptions, StoredBody } from "./body_store.ts";
import { readBody } from "./read_body.ts";
import { bodyStoreUnavailable } from "./store_error.ts";

const BODY = ".body";
const PART = ".part";
const MARKER = "body-store";
const PIECE_BYTES = 64 * 1024;

/** A file that is being written. */
export interface PartFile extends Disposable {
  write(bytes: Uint8Array): Promise<number>;
  sync(): Promise<void>;
}

/** How a file store is made. */
export interface FileBodyStoreOptions {
  /** The folder; made when it is missing. Several servers may share one. */
  readonly path: string;
  /** Makes a new file for writing. */
  readonly createPart?: (path: string) => Promise<PartFile>;
}

/** Keeps bodies as files. */
export class FileBodyStore implements BodyStore {
  readonly #path: string;
  readonly #createPart: (path: string) => Promise<PartFile>;

  private constructor({ path, createPart = createPrivateFile }: FileBodyStoreOptions) {
    this.#path = path;
    this.#createPart = createPart;
  }

  /**
   * Opens the folder.
   *
   * @throws {RelayError} `body_store_unavailable` when it cannot be made or written to.
   */
  static async open(options: FileBodyStoreOptions): Promise<FileBodyStore> {
    try {
      await Deno.mkdir(options.path, { recursive: true, mode: 0o700 });
      const marker = await Deno.open(join(options.path, MARKER), { write: true, create: true, mode: 0o600 });
      marker.close();
    } catch (error) {
      throw bodyStoreUnavailable("open body store", error);
    }
    return new FileBodyStore(options);
  }

  async put(key: string, body: ReadableStream<Uint8Array>, options: PutOptions = {}): Promise<number> {
    const place = this.#placeOf(key);
    const part = join(this.#path, `${key}.${crypto.randomUUID()}${PART}`);
    try {
      await this.#checkPresence("store body");
      const sizeBytes = await this.#write(part, body, options);
      await store(() => Deno.rename(part, place));
      await store(() => syncFolder(this.#path));
      return sizeBytes;
    } catch (error) {
      if (!body.locked) body.cancel(error).catch(() => {});
      // What cannot be removed now is cleared away by keys().
      await Deno.remove(part).catch(() => {});
      throw error;
    }
  }

  async open(
    key: string,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<StoredBody | undefined> {
    const place = this.#placeOf(key);
    signal?.throwIfAborted();
    try {
      const file = await Deno.open(place, { read: true });
      try {
        const { size } = await file.stat();
        return { sizeBytes: size, stream: streamOf(file, size) };
      } catch (error) {
        file.close();
        throw error;
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw bodyStoreUnavailable("open body", error);
      await this.#checkPresence("open body");
      return undefined;
    }
  }

  async remove(key: string): Promise<void> {
    const place = this.#placeOf(key);
    try {
      await Deno.remove(place);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw bodyStoreUnavailable("remove body", error);
      await this.#checkPresence("remove body");
    }
  }

  async *keys({ minimumAgeMs }: { readonly minimumAgeMs: number }): AsyncGenerator<string> {
    const before = Date.now() - minimumAgeMs;
    try {
      await Deno.lstat(join(this.#path, MARKER));
      for await (const { name } of Deno.readDir(this.#path)) {
        const isPart = name.endsWith(PART);
        const key = name.slice(0, name.indexOf("."));
        if (!isPart && !(name.endsWith(BODY) && isBodyKey(key))) continue;
        const path = join(this.#path, name);
        if (!(await isOlder(path, before))) continue;
        if (isPart) await removeLeftover(path);
        else yield key;
      }
    } catch (error) {
      throw bodyStoreUnavailable("list bodies", error);
    }
  }

  #placeOf(key: string): string {
    return join(this.#path, checkBodyKey(key) + BODY);
  }

  async #checkPresence(action: string): Promise<void> {
    try {
      await Deno.lstat(join(this.#path, MARKER));
    } catch (error) {
      throw bodyStoreUnavailable(action, error);
    }
  }

  async #write(path: string, body: ReadableStream<Uint8Array>, options: PutOptions): Promise<number> {
    using file = await store(() => this.#createPart(path));
    const sizeBytes = await readBody(body, options, async (piece) => {
      for (let rest = piece; rest.byteLength > 0;) {
        const bytes = rest;
        rest = rest.subarray(await store(() => file.write(bytes)));
      }
    });
    await store(() => file.sync());
    return sizeBytes;
  }
}

async function store<Result>(action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (error) {
    throw bodyStoreUnavailable("store body", error);
  }
}

function createPrivateFile(path: string): Promise<PartFile> {
  return Deno.open(path, { write: true, createNew: true, mode: 0o600 });
}

/** Makes a rename safe. Windows has no such thing and needs none. */
async function syncFolder(path: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  using folder = await Deno.open(path, { read: true });
  await folder.sync();
}

async function isOlder(path: string, before: number): Promise<boolean> {
  try {
    return ((await Deno.lstat(path)).mtime?.getTime() ?? Infinity) <= before;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function removeLeftover(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function streamOf(file: Deno.FsFile, sizeBytes: number): ReadableStream<Uint8Array> {
  let restBytes = sizeBytes;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const buffer = new Uint8Array(Math.min(PIECE_BYTES, restBytes));
        const bytes = restBytes === 0 ? null : await file.read(buffer);
        if (bytes === null && restBytes > 0) throw new Error("The file is shorter than it was");
        if (bytes !== null) controller.enqueue(buffer.subarray(0, bytes));
        restBytes -= bytes ?? 0;
        if (restBytes > 0) return;
        file.close();
        controller.close();
      } catch (error) {
        file.close();
        throw bodyStoreUnavailable("read body", error);
      }
    },
    cancel: () => file.close(),
  }, { highWaterMark: 0 });
}
