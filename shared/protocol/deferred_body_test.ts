import assert from "node:assert/strict";
import { DeferredBody } from "./deferred_body.ts";

function deferred(length: number) {
  const told: string[] = [];
  const { promise: wanted, resolve } = Promise.withResolvers<void>();
  const body: DeferredBody = new DeferredBody(length, {
    wanted: () => {
      told.push("wanted");
      resolve();
    },
    completed: () => told.push("completed"),
    broken: (error) => {
      told.push(`broken ${error.code}`);
      body.fail(error);
    },
    abandoned: () => told.push("abandoned"),
  });
  return { body, told, wanted };
}

function streamOf(...pieces: readonly number[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(pieces.map((sizeBytes) => new Uint8Array(sizeBytes)));
}

function broken(...pieces: readonly number[]): ReadableStream<Uint8Array> {
  const rest = [...pieces];
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const sizeBytes = rest.shift();
      if (sizeBytes === undefined) controller.error(new Error("broken"));
      else controller.enqueue(new Uint8Array(sizeBytes));
    },
  }, { highWaterMark: 0 });
}

async function sizeOf({ body: { stream } }: DeferredBody): Promise<number> {
  return (await Array.fromAsync(stream)).reduce((sum, { length }) => sum + length, 0);
}

Deno.test("from() passes a body on to a reader that waits for it", async () => {
  const { body, told, wanted } = deferred(5);
  const read = sizeOf(body);
  await wanted;
  await body.from(streamOf(2, 0, 3));
  assert.equal(await read, 5);
  assert.deepEqual(told, ["wanted", "completed"]);
});

Deno.test("from() replaces a source that broke off before its first byte, or gave none yet", async () => {
  const { body, told, wanted } = deferred(5);
  const read = sizeOf(body);
  await wanted;
  await assert.rejects(body.from(broken()), { message: "broken" });
  const silent = body.from(new ReadableStream({}, { highWaterMark: 0 }));
  const good = body.from(streamOf(5));
  await assert.rejects(silent, { code: "body_taken" });
  await good;
  assert.equal(await read, 5);
  assert.deepEqual(told, ["wanted", "completed"]);
});

Deno.test("from() rejects a second source once bytes have passed", async () => {
  const { body } = deferred(5);
  const first = body.from(streamOf(2, 3));
  const reader = body.body.stream.getReader();
  await reader.read();
  await assert.rejects(body.from(streamOf(5)), { code: "body_taken" });
  await reader.read();
  assert.equal((await reader.read()).done, true);
  await first;
});

for (
  const [what, stream, error] of [
    ["breaks off", () => broken(2), "connector_lost"],
    ["is shorter than announced", () => streamOf(2), "invalid_request"],
    ["is longer than announced", () => streamOf(2, 4), "invalid_request"],
  ] as const
) {
  Deno.test(`a body that ${what} after bytes have passed errors for its reader`, async () => {
    const { body, told } = deferred(5);
    const from = body.from(stream());
    from.catch(() => {});
    await assert.rejects(sizeOf(body), { code: error });
    await assert.rejects(from);
    assert.deepEqual(told, [`broken ${error}`]);
  });
}

Deno.test("a reader that leaves ends the source, and says so", async () => {
  const { body, told } = deferred(5);
  const cancelled = Promise.withResolvers<void>();
  const from = body.from(new ReadableStream({ cancel: () => cancelled.resolve() }, { highWaterMark: 0 }));
  await Promise.all([body.body.stream.cancel(), assert.rejects(from, { code: "delivery_over" })]);
  await cancelled.promise;
  assert.deepEqual(told, ["abandoned"]);
  await assert.rejects(body.from(streamOf(5)), { code: "delivery_over" });
});
