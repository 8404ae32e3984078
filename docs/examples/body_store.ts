/**
 * A body store of somebody else: bodies as rows of a SQLite file. Shown by `tests/body_store_example_test.ts`, which runs the contract suite
 * of all body stores (`server/body_store/body_store_contract.ts`) on it.
 *
 * ```ts
 * const bodyStore = new SqliteBodyStore("./bodies.db");
 * await using server = await createRelayServer(config, { bodyStore });
 * await server.start();
 * ```
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import type { BodyStore, PutOptions, StoredBody } from "../../server/mod.ts";
import { RelayError } from "../../shared/mod.ts";

const KEY = /^[a-z0-9][a-z0-9-]{0,99}$/;

/** Good for bodies that fit into memory; a store for larger ones writes them piece by piece. */
export class SqliteBodyStore implements BodyStore, Disposable {
  readonly #database: DatabaseSync;

  constructor(file: string) {
    this.#database = new DatabaseSync(file);
    this.#database.exec(
      "CREATE TABLE IF NOT EXISTS bodies (key TEXT PRIMARY KEY, bytes BLOB NOT NULL, put_at INTEGER)",
    );
  }

  async put(key: string, body: ReadableStream<Uint8Array>, options: PutOptions = {}): Promise<number> {
    checkKey(key);
    const bytes = await readAll(body, options);
    await this.#run(() =>
      this.#database.prepare("INSERT OR REPLACE INTO bodies VALUES (?, ?, ?)").run(key, bytes, Date.now())
    );
    return bytes.length;
  }

  async open(key: string): Promise<StoredBody | undefined> {
    checkKey(key);
    const row = await this.#run(() => this.#database.prepare("SELECT bytes FROM bodies WHERE key = ?").get(key));
    if (row === undefined) return undefined;
    const bytes = row["bytes"] as Uint8Array<ArrayBuffer>;
    return { sizeBytes: bytes.length, stream: new Blob([bytes]).stream() };
  }

  async remove(key: string): Promise<void> {
    checkKey(key);
    await this.#run(() => this.#database.prepare("DELETE FROM bodies WHERE key = ?").run(key));
  }

  async *keys({ minimumAgeMs }: { readonly minimumAgeMs: number }): AsyncGenerator<string> {
    const before = Date.now() - minimumAgeMs;
    const rows = await this.#run(() => this.#database.prepare("SELECT key FROM bodies WHERE put_at <= ?").all(before));
    for (const row of rows) yield String(row["key"]);
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  /** Whatever the database says, the relay answers 503 and tries again later. */
  #run<Result>(action: () => Result): Promise<Result> {
    return Promise.try(action).catch((cause) => {
      throw new RelayError("body_store_unavailable", "Cannot use body store: its database failed", { cause });
    });
  }
}

function checkKey(key: string): void {
  if (!KEY.test(key)) throw new TypeError("Cannot use body key: it must be 1 to 100 of [a-z0-9-]");
}

async function readAll(
  body: ReadableStream<Uint8Array>,
  { maxBytes = Infinity, signal }: PutOptions,
): Promise<Uint8Array> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let sizeBytes = 0;
  const limited = new WritableStream<Uint8Array>({
    write(piece) {
      sizeBytes += piece.length;
      if (sizeBytes > maxBytes) throw new RelayError("body_too_large", `Cannot store body: above ${maxBytes} bytes`);
      pieces.push(piece.slice());
    },
  });
  await body.pipeTo(limited, signal === undefined ? {} : { signal });
  return await new Blob(pieces).bytes();
}
