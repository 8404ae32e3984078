import assert from "node:assert/strict";
import { readNativeBody } from "./native_body.ts";

/** A byte stream as `Deno.serve` gives it, and how much of it was taken. */
function source(chunks: number, size: number, end: "end" | "break" = "end") {
  const taken = { bytes: 0 };
  let index = 0;
  const bytes: UnderlyingByteSource = {
    type: "bytes",
    pull(controller) {
      if (index < chunks) {
        taken.bytes += size;
        controller.enqueue(new Uint8Array(size).fill(index++ % 251));
        return;
      }
      if (end === "break") throw new Error("connection reset");
      controller.close();
      controller.byobRequest?.respond(0);
    },
  };
  const stream = new ReadableStream(bytes);
  return { stream, taken };
}

Deno.test("readNativeBody() gives every byte in order", async () => {
  const { stream } = source(40, 20_000);
  let offset = 0;
  for await (const bytes of readNativeBody(stream, true)) {
    for (const byte of bytes) assert.equal(byte, Math.floor(offset++ / 20_000));
  }
  assert.equal(offset, 800_000);
});

Deno.test("readNativeBody() takes no more than is read", async () => {
  const { stream, taken } = source(1000, 65_536);
  const reader = readNativeBody(stream, false).getReader();
  for (let index = 0; index < 5; index++) await reader.read();
  assert.ok(taken.bytes < 1024 * 1024, `${taken.bytes} bytes were taken for 5 reads`);
});

Deno.test("readNativeBody() fails when the client breaks off", async () => {
  const { stream } = source(3, 10, "break");
  await assert.rejects(new Response(readNativeBody(stream, false)).bytes(), { message: "connection reset" });
});

Deno.test("readNativeBody() refuses a chunked body after 1024 reads, because more could pile up in the platform", async () => {
  await assert.rejects(new Response(readNativeBody(source(1025, 10).stream, true)).bytes(), { code: "body_too_large" });
  assert.equal((await new Response(readNativeBody(source(1025, 10).stream, false)).bytes()).length, 10_250);
});
