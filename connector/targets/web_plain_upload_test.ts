import assert from "node:assert/strict";
import { Connection } from "./http1/connection.ts";
import { PlainUpload } from "./web_plain_upload.ts";

Deno.test("write() gives the memory of a large part back when it was written, and leaves memory that may be shared", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [socket, target] = await Promise.all([
    Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }),
    listener.accept(),
  ]);
  const connection = new Connection(socket);
  const upload = new PlainUpload(connection, { stream: new ReadableStream() });
  const large = new Uint8Array(20_000).fill(1);
  const shared = new Uint8Array(40_000).fill(2).subarray(20_000);
  const expected = `4e20\r\n${"\x01".repeat(20_000)}\r\n4e20\r\n${"\x02".repeat(20_000)}\r\n0\r\n\r\n`;
  const received = new Uint8Array(expected.length);
  const read = (async () => {
    for (let length = 0; length < received.length;) length += await target.read(received.subarray(length)) ?? Infinity;
  })();
  await upload.write(large);
  await upload.write(shared);
  upload.end();
  await read;
  assert.deepEqual([large.buffer.byteLength, shared.byteLength], [0, 20_000]);
  assert.equal(new TextDecoder().decode(received), expected);
  connection.close();
  target.close();
});
