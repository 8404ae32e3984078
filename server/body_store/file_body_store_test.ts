import assert from "node:assert/strict";
import { join } from "node:path";
import { type BodyStoreFixture, testBodyStore } from "./body_store_contract.ts";
import { FileBodyStore, type PartFile } from "./file_body_store.ts";

const IS_WINDOWS = Deno.build.os === "windows";

testBodyStore("file body store", openFixture);

Deno.test({
  name: "put() leaves files that only the server's user can read",
  ignore: IS_WINDOWS,
  async fn() {
    await using fixture = await openFixture();
    await fixture.store.put("a", bodyOf(10));
    for (const name of ["", "a.body", "body-store"]) {
      const { mode } = await Deno.stat(join(fixture.path, name));
      assert.equal(mode! & 0o077, 0, name);
    }
  },
});

Deno.test("put() rejects with body_store_unavailable when the disk is full, and leaves nothing", async () => {
  await using folder = await openFolder();
  const full = Object.assign(new Error("No space left on device (os error 28)"), { code: "ENOSPC" });
  const createPart = async (path: string): Promise<PartFile> => {
    const file = await Deno.open(path, { write: true, createNew: true });
    return {
      write: (bytes) => file.seek(0, Deno.SeekMode.Current).then((at) => at > 99_999 ? fail(full) : file.write(bytes)),
      sync: () => file.sync(),
      [Symbol.dispose]: () => file.close(),
    };
  };
  const store = await FileBodyStore.open({ path: folder.path, createPart });
  const error = { code: "body_store_unavailable", message: "Cannot store body: the body store is full", cause: full };
  await assert.rejects(
    store.put("a", ReadableStream.from([new Uint8Array(99_999), ...Array(9).fill(bytes(9))])),
    error,
  );
  assert.equal(await store.open("a"), undefined);
  assert.deepEqual(await folder.names(), ["body-store"]);
});

Deno.test("put() rejects when flushing fails: the body may not be on the disk", async () => {
  await using folder = await openFolder();
  const createPart = async (path: string): Promise<PartFile> => {
    const file = await Deno.open(path, { write: true, createNew: true });
    return {
      write: (bytes) => file.write(bytes),
      sync: () => Promise.reject(new Error("Input/output error (os error 5)")),
      [Symbol.dispose]: () => file.close(),
    };
  };
  const store = await FileBodyStore.open({ path: folder.path, createPart });
  await assert.rejects(store.put("a", bodyOf(10)), { code: "body_store_unavailable" });
  assert.equal(await store.open("a"), undefined);
});

Deno.test("open() says body_store_unavailable, not undefined, when the folder is empty for want of its volume", async () => {
  await using fixture = await openFixture();
  await fixture.store.put("a", bodyOf(10));
  await fixture.lose();
  await Deno.mkdir(fixture.path);
  const unavailable = { code: "body_store_unavailable" };
  await assert.rejects(fixture.store.open("a"), unavailable);
  await assert.rejects(fixture.store.put("a", bodyOf(10)), unavailable);
});

Deno.test("open() gives an error instead of a body that looks complete when a file was cut short", async () => {
  await using fixture = await openFixture();
  await fixture.store.put("a", bodyOf(200_000));
  const stored = await fixture.store.open("a");
  await Deno.truncate(join(fixture.path, "a.body"), 100_000);
  await assert.rejects(Array.fromAsync(stored!.stream), { code: "body_store_unavailable" });
});

Deno.test("keys() clears away what a crash has left, once it is old enough, and lists nothing foreign", async () => {
  await using fixture = await openFixture();
  await fixture.store.put("a", bodyOf(1));
  const leftover = `b.${crypto.randomUUID()}.part`;
  for (const name of [leftover, "notes.txt", "UPPER.body"]) await Deno.writeTextFile(join(fixture.path, name), "x");
  assert.deepEqual(await Array.fromAsync(fixture.store.keys({ minimumAgeMs: 60_000 })), []);
  assert.ok((await fixture.names()).includes(leftover));
  assert.deepEqual(await Array.fromAsync(fixture.store.keys({ minimumAgeMs: 0 })), ["a"]);
  assert.ok(!(await fixture.names()).includes(leftover));
});

Deno.test("bodies outlive the store that put them", async () => {
  await using fixture = await openFixture();
  await fixture.store.put("a", bodyOf(123));
  const again = await FileBodyStore.open({ path: fixture.path });
  const stored = await again.open("a");
  assert.equal(stored?.sizeBytes, 123);
  await stored.stream.cancel();
});

Deno.test("FileBodyStore.open() rejects when its folder cannot be made", async () => {
  await using folder = await openFolder();
  const file = join(folder.path, "file");
  await Deno.writeTextFile(file, "");
  await assert.rejects(FileBodyStore.open({ path: join(file, "bodies") }), { code: "body_store_unavailable" });
});

async function openFolder() {
  const parent = await Deno.makeTempDir();
  const path = join(parent, "bodies");
  await Deno.mkdir(path);
  return {
    path,
    names: async () => (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name).sort(),
    lose: () => Deno.remove(path, { recursive: true }),
    [Symbol.asyncDispose]: () => Deno.remove(parent, { recursive: true }),
  };
}

async function openFixture() {
  const folder = await openFolder();
  await Deno.remove(folder.path);
  return { ...folder, store: await FileBodyStore.open(folder) } satisfies BodyStoreFixture;
}

function bytes(sizeBytes: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(sizeBytes);
}

function bodyOf(sizeBytes: number): ReadableStream<Uint8Array> {
  return ReadableStream.from([bytes(sizeBytes)]);
}

function fail(error: Error): never {
  throw error;
}
