import assert from "node:assert/strict";
import { RelayError } from "../errors/relay_error.ts";
import { MAX_SOCKET_MESSAGE_BYTES, type MessageReceiver, type MessageSocket } from "./message_socket.ts";
import { decodeClose, encodeClose, encodeRecord, RecordKind, RecordReader, type SocketRecord } from "./record.ts";
import { SocketStreams } from "./socket_streams.ts";

/** A socket whose peer is the test. */
class FakeSocket implements MessageSocket {
  readonly sent: [data: Uint8Array, isText: boolean][] = [];
  readonly closes: [code: number, reason: string][] = [];
  receiver!: MessageReceiver;
  bufferedAmount = 0;
  isPaused = false;
  isTerminated = false;
  readonly #canPause: boolean;

  constructor({ canPause }: { readonly canPause: boolean }) {
    this.#canPause = canPause;
  }

  open(receiver: MessageReceiver): void {
    this.receiver = receiver;
  }

  send(data: Uint8Array, isText: boolean): void {
    this.sent.push([data, isText]);
  }

  pause(): boolean {
    this.isPaused = this.#canPause;
    return this.#canPause;
  }

  resume(): void {
    this.isPaused = false;
  }

  /** The peer answers at once. */
  close(code: number, reason: string): void {
    this.closes.push([code, reason]);
    this.receiver.closed(code, reason);
  }

  terminate(): void {
    this.isTerminated = true;
    this.receiver.closed(1006, "");
  }
}

function start(options: { readonly canPause?: boolean; readonly stallTimeoutMs?: number } = {}) {
  const { canPause = true, stallTimeoutMs = 60_000 } = options;
  const streams = new SocketStreams({ broken: () => new RelayError("client_gone", "gone"), stallTimeoutMs });
  const socket = new FakeSocket({ canPause });
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const cancelled = Promise.withResolvers<unknown>();
  const incoming = new ReadableStream<Uint8Array>({
    start: (given) => void (controller = given),
    cancel: (reason) => cancelled.resolve(reason),
  });
  return { streams, socket, incoming: controller, cancelled: cancelled.promise, ended: streams.run(socket, incoming) };
}

async function readAll(stream: ReadableStream<Uint8Array>): Promise<SocketRecord[]> {
  const reader = new RecordReader();
  const records: SocketRecord[] = [];
  for await (const chunk of stream) records.push(...reader.read(chunk));
  return records;
}

const KIBIBYTE = 1024;

Deno.test("SocketStreams pauses a socket whose messages nobody takes, and resumes it when they are taken", async () => {
  const { streams, socket, incoming, ended } = start();
  for (let count = 0; count < 4; count++) socket.receiver.message(new Uint8Array(64 * KIBIBYTE), false);
  assert.equal(socket.isPaused, true);
  const reader = streams.outgoing.getReader();
  for (let count = 0; count < 4; count++) await reader.read();
  assert.equal(socket.isPaused, false);
  incoming.enqueue(encodeClose(1000, ""));
  incoming.close();
  await ended;
  assert.deepEqual(socket.closes, [[1000, ""]]);
  await reader.cancel();
});

Deno.test("SocketStreams pauses a socket whose next message is larger than all that may wait, and takes it", async () => {
  const { streams, socket, incoming, ended } = start();
  socket.receiver.message(new Uint8Array(1), false);
  socket.receiver.message(new Uint8Array(2 * 1024 * KIBIBYTE), false);
  assert.deepEqual(socket.closes, []);
  assert.equal(socket.isPaused, true);
  socket.receiver.closed(1000, "");
  const records = await readAll(streams.outgoing);
  assert.deepEqual(records.map(({ payload }) => payload.length).slice(0, 2), [1, 2 * 1024 * KIBIBYTE]);
  incoming.close();
  await ended;
});

Deno.test("SocketStreams closes a socket that cannot be paused with 1013 when 1 MiB waits", async () => {
  const { streams, socket, incoming, ended } = start({ canPause: false });
  for (let count = 0; count < 15; count++) socket.receiver.message(new Uint8Array(64 * KIBIBYTE), false);
  assert.deepEqual(socket.closes, []);
  for (let count = 0; count < 2; count++) socket.receiver.message(new Uint8Array(64 * KIBIBYTE), false);
  assert.deepEqual(socket.closes, [[1013, "too many messages wait"]]);
  const records = await readAll(streams.outgoing);
  assert.equal(records.length, 16);
  assert.deepEqual(decodeClose(records.at(-1)!.payload), { code: 1013, reason: "too many messages wait" });
  incoming.close();
  await ended;
});

Deno.test("SocketStreams closes both ends with 1009 when a message is too large", async () => {
  const { streams, socket, incoming, ended } = start({ canPause: false });
  socket.receiver.message(new Uint8Array(MAX_SOCKET_MESSAGE_BYTES + 1), false);
  assert.deepEqual(socket.closes, [[1009, "a message is too large"]]);
  const records = await readAll(streams.outgoing);
  assert.equal(records.length, 1);
  assert.equal(decodeClose(records[0]!.payload).code, 1009);
  incoming.close();
  await ended;
});

Deno.test("SocketStreams takes one message of more than 1 MiB when nothing else waits", async () => {
  const { streams, socket, incoming, ended } = start({ canPause: false });
  socket.receiver.message(new Uint8Array(3 * 1024 * KIBIBYTE), true);
  assert.deepEqual(socket.closes, []);
  socket.receiver.closed(1000, "");
  const [record] = await readAll(streams.outgoing);
  assert.equal(record?.payload.length, 3 * 1024 * KIBIBYTE);
  incoming.close();
  await ended;
});

Deno.test("SocketStreams closes both ends with 1013 when nothing is taken for the stall time", async () => {
  const { streams, socket, incoming, ended } = start({ stallTimeoutMs: 20 });
  const closed = new Promise<void>((resolve) => {
    const close = socket.close.bind(socket);
    socket.close = (code, reason) => {
      close(code, reason);
      resolve();
    };
  });
  for (let count = 0; count < 5; count++) socket.receiver.message(new Uint8Array(64 * KIBIBYTE), false);
  await closed;
  assert.deepEqual(socket.closes, [[1013, "the other side does not read"]]);
  const records = await readAll(streams.outgoing);
  assert.equal(decodeClose(records.at(-1)!.payload).code, 1013);
  incoming.close();
  await ended;
});

Deno.test("SocketStreams gives a socket up that takes nothing, although it is open", async () => {
  const { socket, streams, incoming, ended } = start({ stallTimeoutMs: 20 });
  socket.bufferedAmount = 2 * 1024 * KIBIBYTE;
  incoming.enqueue(encodeRecord(RecordKind.binary, new Uint8Array(1)));
  incoming.close();
  await ended;
  assert.equal(socket.isTerminated, true);
  await streams.outgoing.cancel();
});

Deno.test("SocketStreams passes on what a peer said that leaves without a word, and breaks off when the other end has said goodbye", async () => {
  const { streams, socket, incoming, cancelled, ended } = start();
  for (const value of [1, 2]) socket.receiver.message(Uint8Array.of(value), false);
  socket.receiver.closed(1006, "");
  const reader = streams.outgoing.getReader();
  const records = new RecordReader();
  const payloads: Uint8Array[] = [];
  while (payloads.length < 3) {
    for (const { payload } of records.read((await reader.read()).value!)) payloads.push(payload);
  }
  assert.deepEqual(payloads.slice(0, 2), [Uint8Array.of(1), Uint8Array.of(2)]);
  assert.deepEqual(decodeClose(payloads[2]!), { code: 1001, reason: "the client has left" });
  incoming.enqueue(encodeClose(1001, ""));
  await assert.rejects(reader.read(), { code: "client_gone" });
  assert.ok(await cancelled instanceof RelayError);
  await ended;
});

Deno.test("SocketStreams breaks off at once when the peer leaves without a word behind the other end's goodbye", async () => {
  const { streams, socket, incoming, ended } = start();
  socket.close = () => {};
  incoming.enqueue(encodeClose(1000, ""));
  incoming.close();
  await ended;
  socket.receiver.closed(1006, "");
  await assert.rejects(readAll(streams.outgoing), { code: "client_gone" });
});

Deno.test("SocketStreams leaves no timer when the peer answers the other end's goodbye late", async () => {
  const { streams, socket, incoming, ended } = start();
  socket.close = () => {};
  incoming.enqueue(encodeClose(1000, ""));
  incoming.close();
  await ended;
  socket.receiver.closed(1000, "");
  assert.equal((await readAll(streams.outgoing)).length, 1);
});

Deno.test("SocketStreams sends what the other end says, skips unknown records, and replaces forbidden codes", async () => {
  const { streams, socket, incoming, ended } = start();
  incoming.enqueue(encodeRecord(RecordKind.text, new TextEncoder().encode("a")));
  incoming.enqueue(encodeRecord(99, new Uint8Array(5)));
  incoming.enqueue(encodeRecord(RecordKind.binary, Uint8Array.of(1)));
  incoming.enqueue(encodeClose(2000, "nonsense"));
  incoming.close();
  await ended;
  assert.deepEqual(socket.sent.map(([data, isText]) => [[...data], isText]), [[[97], true], [[1], false]]);
  assert.deepEqual(socket.closes, [[1011, "nonsense"]]);
  await streams.outgoing.cancel();
});

Deno.test("SocketStreams tells the peer 1011 when the other end fails or ends without a goodbye", async () => {
  for (
    const [fail, reason] of [
      [(c: ReadableStreamDefaultController) => c.close(), "the other side has ended"],
      [(c: ReadableStreamDefaultController) => c.error(new RelayError("connector_lost", "x")), "connector_lost"],
      [(c: ReadableStreamDefaultController) => c.error(new Error("x")), "the relay failed"],
    ] as const
  ) {
    const { streams, socket, incoming, ended } = start();
    fail(incoming);
    await ended;
    assert.deepEqual(socket.closes, [[1011, reason]]);
    await streams.outgoing.cancel();
  }
});

Deno.test("SocketStreams.end() says goodbye to both ends, once", async () => {
  const { streams, socket, incoming, ended } = start();
  streams.end(1001, "stop");
  streams.end(1001, "again");
  assert.deepEqual(socket.closes, [[1001, "stop"]]);
  const records = await readAll(streams.outgoing);
  assert.deepEqual(records.map(({ payload }) => decodeClose(payload)), [{ code: 1001, reason: "stop" }]);
  incoming.close();
  await ended;
});
