import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { settled } from "../../tests/testkit/bodies.ts";
import { bytes, RawServer, relayRequest, streamOf, targetContext, testClients, textOf } from "./testkit.ts";

const MEBIBYTE = 1024 * 1024;

testClients("handle() passes each part of a body on before the next one exists", async (newTarget) => {
  const parts = ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"];
  const wanted = parts.map(() => Promise.withResolvers<void>());
  await using server = await RawServer.start(async (connection) => {
    await connection.head();
    connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (const [index, part] of parts.entries()) {
      await wanted[index]!.promise;
      connection.send(`${part.length.toString(16)}\r\n${part}\r\n`);
    }
    connection.send("0\r\n\r\n");
  });
  await using target = newTarget({ url: server.url });
  const reader = streamOf(await target.handle(relayRequest(), targetContext())).getReader();
  for (const [index, part] of parts.entries()) {
    wanted[index]!.resolve();
    assert.equal(Buffer.from((await reader.read()).value!).toString(), part);
  }
  assert.equal((await reader.read()).done, true);
});

testClients("handle() stops the target when nobody reads the body, and loses nothing", async (newTarget) => {
  const sizeBytes = 64 * MEBIBYTE;
  let sentBytes = 0;
  await using server = await RawServer.start(async (connection) => {
    await connection.head();
    connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${sizeBytes}\r\n\r\n`);
    const block = Buffer.alloc(MEBIBYTE, "x");
    while (sentBytes < sizeBytes) {
      sentBytes += block.length;
      if (!connection.socket.write(block)) {
        await new Promise<void>((resolve) => connection.socket.once("drain", resolve));
      }
    }
  });
  await using target = newTarget({ url: server.url });
  const response = await target.handle(relayRequest(), targetContext());
  const takenBytes = await settled(() => sentBytes);
  assert.ok(takenBytes < 32 * MEBIBYTE, `${takenBytes} bytes were taken`);
  let receivedBytes = 0;
  let largestBytes = 0;
  for await (const chunk of streamOf(response)) {
    receivedBytes += chunk.byteLength;
    largestBytes = Math.max(largestBytes, chunk.byteLength);
  }
  assert.equal(receivedBytes, sizeBytes);
  assert.ok(largestBytes <= 2 * 65_536, `a chunk of ${largestBytes} bytes`);
});

testClients("handle() reads the request's body only as fast as the target does", async (newTarget) => {
  const reads = Promise.withResolvers<void>();
  await using server = await RawServer.start(async (connection) => {
    connection.socket.pause();
    await reads.promise;
    connection.socket.resume();
    await connection.take("0\r\n\r\n");
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  await using target = newTarget({ url: server.url });
  let producedBytes = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (producedBytes === 32 * MEBIBYTE) return controller.close();
      producedBytes += MEBIBYTE;
      controller.enqueue(new Uint8Array(MEBIBYTE).fill(120));
    },
  }, { highWaterMark: 0 });
  const call = target.handle(relayRequest({ method: "POST", body: { stream } }), targetContext());
  const takenBytes = await settled(() => producedBytes);
  assert.ok(takenBytes < 16 * MEBIBYTE, `${takenBytes} bytes were taken`);
  reads.resolve();
  assert.equal(await textOf(await call), "ok");
  assert.equal(producedBytes, 32 * MEBIBYTE);
});

testClients("handle() returns an early answer while the upload runs, and goes on with it", async (newTarget) => {
  await using server = await RawServer.start(async (connection) => {
    await connection.head();
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nearly\r\n");
    await connection.take("later");
    connection.send("4\r\nlate\r\n0\r\n\r\n");
  });
  await using target = newTarget({ url: server.url });
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const response = await target.handle(relayRequest({ method: "POST", body: { stream: readable } }), targetContext());
  const reader = streamOf(response).getReader();
  assert.equal(Buffer.from((await reader.read()).value!).toString(), "early");
  await writer.write(bytes("later"));
  await writer.close();
  assert.equal(Buffer.from((await reader.read()).value!).toString(), "late");
  assert.equal((await reader.read()).done, true);
});

testClients("handle() stops the upload and closes the socket when the response has ended", async (newTarget) => {
  for (const response of ["Content-Length: 2\r\n\r\nno", "Transfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"]) {
    const cancelled = Promise.withResolvers<void>();
    await using server = await RawServer.start(async (connection) => {
      await connection.head();
      connection.send(`HTTP/1.1 413 Content Too Large\r\n${response}`);
    });
    await using target = newTarget({ url: server.url });
    const stream = new ReadableStream<Uint8Array>({ cancel: () => cancelled.resolve() });
    const answer = await target.handle(relayRequest({ method: "POST", body: { stream } }), targetContext());
    assert.deepEqual([answer.status, await textOf(answer)], [413, "no"]);
    await cancelled.promise;
    await server.connections[0]!.closed;
  }
});

testClients(
  "handle() closes the socket without a last chunk when the request's body fails or has another length",
  async (newTarget) => {
    const failure = new Error("gone");
    const cases = [
      ["client_gone", { stream: failing(failure) }, /0\r\n\r\n$/],
      ["invalid_request", { stream: ReadableStream.from([bytes("xx")]), length: 3 }, /\r\n\r\nxx./],
      ["invalid_request", { stream: ReadableStream.from([bytes("xx")]), length: 1 }, /\r\n\r\nx/],
    ] as const;
    for (const [code, body, whole] of cases) {
      await using server = await RawServer.start(() => {});
      await using target = newTarget({ url: server.url });
      const call = target.handle(relayRequest({ method: "POST", body }), targetContext());
      await assert.rejects(call, { name: "RelayError", code });
      await server.connections[0]?.closed;
      assert.doesNotMatch(server.connections[0]?.received ?? "", whole);
    }
  },
);

function failing(error: Error): ReadableStream<Uint8Array> {
  let count = 0;
  return new ReadableStream({
    pull: (controller) => count++ === 0 ? controller.enqueue(bytes("x")) : controller.error(error),
  });
}
