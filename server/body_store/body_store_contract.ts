/**
 * What every body store does: one suite, which each implementation runs from its own test file. Somebody else's may run it as well.
 *
 * @module
 */

import assert from "node:assert/strict";
import { RelayError } from "../../shared/errors/relay_error.ts";
import type { BodyStore } from "./body_store.ts";

/** A store under test. Disposing takes everything away. */
export interface BodyStoreFixture extends AsyncDisposable {
  readonly store: BodyStore;
  /** Takes the store's place away, as when a volume is lost or a server stops; absent where that cannot be. */
  readonly lose?: () => Promise<void>;
  /** Names of everything that lies in the store, whatever it is; absent where nobody can look. */
  readonly names?: () => Promise<readonly string[]>;
}

/** Makes a fresh, empty store. */
export type CreateFixture = () => Promise<BodyStoreFixture>;

/**
 * Registers the suite.
 *
 * @param name What the store is called in the tests' names.
 * @param options `skipped` names the cases that the store cannot pass, with the reason.
 */
export function testBodyStore(
  name: string,
  create: CreateFixture,
  { skipped = {} }: { readonly skipped?: Readonly<Record<string, string>> } = {},
): void {
  for (const [does, run] of Object.entries(CASES)) {
    const reason = skipped[does];
    Deno.test({
      name: reason === undefined ? `${name} ${does}` : `${name} ${does} (skipped: ${reason})`,
      ignore: reason !== undefined,
      async fn() {
        await using fixture = await create();
        await run(fixture);
      },
    });
  }
}

const CASES: Readonly<Record<string, (fixture: BodyStoreFixture) => Promise<void>>> = {
  "gives back what was put, of every size": async ({ store }) => {
    for (const sizeBytes of [0, 1, 65_535, 65_536, 65_537, 1_000_000]) {
      const key = crypto.randomUUID();
      const bytes = noise(sizeBytes);
      assert.equal(await store.put(key, streamOf(bytes)), sizeBytes);
      const stored = await store.open(key);
      assert.equal(stored?.sizeBytes, sizeBytes);
      assert.deepEqual(await readAll(stored), bytes);
    }
  },

  "gives back what was put with its length, in pieces of any size": async ({ store }) => {
    const bytes = noise(300_000);
    const pieces = [bytes.subarray(0, 1), bytes.subarray(1, 1), bytes.subarray(1, 200_001), bytes.subarray(200_001)];
    assert.equal(await store.put("a", streamOf(...pieces), { lengthBytes: 300_000, maxBytes: 300_000 }), 300_000);
    assert.deepEqual(await readAll(await store.open("a")), bytes);
  },

  "gives the same body to everybody who opens it": async ({ store }) => {
    const bytes = noise(100_000);
    await store.put("a", streamOf(bytes));
    const [first, second] = [await store.open("a"), await store.open("a")];
    assert.deepEqual(await readAll(first), bytes);
    assert.deepEqual(await readAll(second), bytes);
  },

  "keeps keys apart": async ({ store }) => {
    await Promise.all(["a", "a-b", "ab"].map((key) => store.put(key, streamOf(encode(key)))));
    await store.remove("a");
    assert.equal(await store.open("a"), undefined);
    for (const key of ["a-b", "ab"]) assert.deepEqual(await readAll(await store.open(key)), encode(key));
  },

  "open() says undefined for what was never put or was removed": async ({ store }) => {
    assert.equal(await store.open("never"), undefined);
    await store.put("a", streamOf(encode("one")));
    await store.remove("a");
    await store.remove("a");
    assert.equal(await store.open("a"), undefined);
  },

  "put() replaces a body as a whole": async ({ store }) => {
    await store.put("a", streamOf(noise(200_000)));
    await store.put("a", streamOf(encode("short")));
    const stored = await store.open("a");
    assert.equal(stored?.sizeBytes, 5);
    assert.deepEqual(await readAll(stored), encode("short"));
  },

  "put() rejects with body_too_large beyond maxBytes and leaves nothing": async ({ store, names }) => {
    const before = await names?.();
    const body = endless();
    await assert.rejects(store.put("a", body.stream, { maxBytes: 100_000 }), { code: "body_too_large" });
    await body.cancelled;
    assert.equal(await store.open("a"), undefined);
    assert.deepEqual(await names?.(), before);
  },

  "put() passes on what the body failed with and leaves nothing": async ({ store, names }) => {
    const before = await names?.();
    const gone = new RelayError("client_gone", "Cannot read body: the client has gone");
    await assert.rejects(store.put("a", broken(noise(70_000), gone)), (error) => error === gone);
    assert.equal(await store.open("a"), undefined);
    assert.deepEqual(await names?.(), before);
  },

  "put() that fails leaves the body that was there": async ({ store }) => {
    await store.put("a", streamOf(encode("old")));
    await assert.rejects(store.put("a", broken(noise(70_000), new Error("broken"))), { message: "broken" });
    assert.deepEqual(await readAll(await store.open("a")), encode("old"));
  },

  "put() ends with its signal and leaves nothing": async ({ store, names }) => {
    const before = await names?.();
    const abort = new AbortController();
    const body = endless({ onPull: (pulls) => pulls === 3 && abort.abort(new Error("enough")) });
    await assert.rejects(store.put("a", body.stream, { signal: abort.signal }), { message: "enough" });
    await body.cancelled;
    await assert.rejects(store.put("a", endless().stream, { signal: abort.signal }), { message: "enough" });
    assert.equal(await store.open("a"), undefined);
    assert.deepEqual(await names?.(), before);
  },

  "put() does not wait for a body that stalls once its signal ends it": async ({ store }) => {
    const abort = new AbortController();
    const pulled = Promise.withResolvers<void>();
    const stalled = new ReadableStream<Uint8Array>({ pull: () => pulled.resolve() }, { highWaterMark: 0 });
    const put = store.put("a", stalled, { signal: abort.signal });
    await pulled.promise;
    abort.abort(new Error("enough"));
    await assert.rejects(put, { message: "enough" });
  },

  "a body that nobody reads to its end can be cancelled, and removed meanwhile": async ({ store }) => {
    const bytes = noise(500_000);
    await store.put("a", streamOf(bytes));
    const stored = await store.open("a");
    const other = await store.open("a");
    await store.remove("a");
    await stored?.stream.cancel();
    assert.deepEqual(await readAll(other), bytes);
  },

  "keys() lists what is old enough": async ({ store }) => {
    const wanted = ["a", "b-1", crypto.randomUUID()].sort();
    for (const key of wanted) await store.put(key, streamOf(encode(key)));
    assert.deepEqual((await Array.fromAsync(store.keys({ minimumAgeMs: 0 }))).sort(), wanted);
    assert.deepEqual(await Array.fromAsync(store.keys({ minimumAgeMs: 60_000 })), []);
    for await (const key of store.keys({ minimumAgeMs: 0 })) await store.remove(key);
    assert.deepEqual(await Array.fromAsync(store.keys({ minimumAgeMs: 0 })), []);
  },

  "refuses what is no key": async ({ store }) => {
    for (const key of ["", "../a", "a/b", "A", "a.b", "-a", "a".repeat(101), "a\0"]) {
      await assert.rejects(async () => await store.put(key, streamOf(encode("x"))), TypeError);
      await assert.rejects(async () => await store.open(key), TypeError);
      await assert.rejects(async () => await store.remove(key), TypeError);
    }
  },

  "says body_store_unavailable when its place is lost": async ({ store, lose }) => {
    assert.ok(lose !== undefined, "the fixture cannot lose its store");
    await store.put("a", streamOf(encode("one")));
    await lose();
    const unavailable = { name: "RelayError", code: "body_store_unavailable" };
    await assert.rejects(store.put("b", streamOf(encode("two"))), unavailable);
    await assert.rejects(store.open("a"), unavailable);
    await assert.rejects(store.remove("a"), unavailable);
    await assert.rejects(Array.fromAsync(store.keys({ minimumAgeMs: 0 })), unavailable);
  },
};

/** Bytes that no two places share. */
function noise(sizeBytes: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(sizeBytes);
  for (let start = 0; start < sizeBytes; start += 65_536) crypto.getRandomValues(bytes.subarray(start, start + 65_536));
  return bytes;
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function streamOf(...pieces: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(pieces.map((piece) => piece.slice()));
}

function broken(beginning: Uint8Array, error: unknown): ReadableStream<Uint8Array> {
  let isBegun = false;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (isBegun) return controller.error(error);
      isBegun = true;
      controller.enqueue(beginning);
    },
  }, { highWaterMark: 0 });
}

function endless({ onPull = () => {} }: { readonly onPull?: (pulls: number) => unknown } = {}) {
  const { promise: cancelled, resolve } = Promise.withResolvers<unknown>();
  let pulls = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(new Uint8Array(40_000));
      onPull(++pulls);
    },
    cancel: resolve,
  }, { highWaterMark: 0 });
  return { stream, cancelled };
}

async function readAll(stored: { readonly stream: ReadableStream<Uint8Array> } | undefined): Promise<Uint8Array> {
  assert.ok(stored !== undefined, "the body is not there");
  return new Uint8Array(await new Response(stored.stream as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer());
}
