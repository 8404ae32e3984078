import assert from "node:assert/strict";
import { LineWriter } from "./line_writer.ts";

const droppedLine = (count: number) => `dropped ${count}\n`;

/** A stream whose writes end when the test says so; `written(n)` waits for the n-th. */
function gatedStream() {
  const chunks: string[] = [];
  const gates: PromiseWithResolvers<void>[] = [];
  let wake = Promise.withResolvers<void>();
  const stream = new WritableStream<Uint8Array>({
    write(bytes) {
      chunks.push(new TextDecoder().decode(bytes));
      const gate = Promise.withResolvers<void>();
      gates.push(gate);
      wake.resolve();
      return gate.promise;
    },
  });
  const written = async (count: number) => {
    while (chunks.length < count) {
      await wake.promise;
      wake = Promise.withResolvers();
    }
  };
  return { chunks, gates, stream, written };
}

Deno.test("LineWriter writes together what is logged in one turn, and what comes while the stream is busy", async () => {
  const { chunks, gates, stream, written } = gatedStream();
  const writer = new LineWriter(stream, { droppedLine });
  writer.write("1\n");
  writer.write("2\n");
  await written(1);
  writer.write("3\n");
  writer.write("4\n");
  assert.deepEqual(chunks, ["1\n2\n"]);
  gates[0]!.resolve();
  await written(2);
  assert.deepEqual(chunks, ["1\n2\n", "3\n4\n"]);
  gates[1]!.resolve();
  await writer[Symbol.asyncDispose]();
  assert.equal(stream.locked, false);
});

Deno.test("LineWriter drops what a stalled stream leaves no room for, and says how much", async () => {
  const { chunks, gates, stream, written } = gatedStream();
  const writer = new LineWriter(stream, { droppedLine, maxPendingLength: 4 });
  writer.write("1\n");
  await written(1);
  for (const line of ["2\n", "3\n", "4\n", "5\n"]) writer.write(line);
  gates[0]!.resolve();
  await written(2);
  assert.deepEqual(chunks, ["1\n", "2\n3\ndropped 2\n"]);
  gates[1]!.resolve();
  await writer[Symbol.asyncDispose]();
});

Deno.test("LineWriter goes on when the reader of its stream is gone", async () => {
  const broken = Promise.withResolvers<void>();
  const stream = new WritableStream<Uint8Array>({
    write() {
      broken.resolve();
      throw new Deno.errors.BrokenPipe();
    },
  });
  const writer = new LineWriter(stream, { droppedLine });
  writer.write("1\n");
  await broken.promise;
  writer.write("2\n");
  await writer[Symbol.asyncDispose]();
});

Deno.test("LineWriter does not wait for ever for a stream that takes nothing when it is disposed", async () => {
  const { gates, stream } = gatedStream();
  const writer = new LineWriter(stream, { droppedLine, flushTimeoutMs: 1 });
  writer.write("1\n");
  await writer[Symbol.asyncDispose]();
  gates[0]?.resolve();
});
