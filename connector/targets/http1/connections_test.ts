import assert from "node:assert/strict";
import { type RawConnection, RawServer } from "../testkit.ts";
import type { Connection, Receiver } from "./connection.ts";
import { Connections } from "./connections.ts";

const LIMITS = { repeatableMs: 4000, unrepeatableMs: 4000 };
const NEVER = new AbortController().signal;

/** Reads on and on. */
class Recorder implements Receiver {
  readonly end: Promise<unknown>;
  text = "";
  readonly #connection: Connection;
  readonly #ended: (error?: unknown) => void;
  #wanted: { readonly text: string; readonly resolve: () => void } | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.end = promise;
    this.#ended = resolve;
    connection.attach(this);
  }

  received(bytes: Uint8Array<ArrayBuffer>): void {
    this.text += new TextDecoder().decode(bytes);
    if (this.#wanted !== undefined && this.text.endsWith(this.#wanted.text)) this.#wanted.resolve();
    this.#connection.read();
  }

  ended(error?: unknown): void {
    this.#ended(error);
  }

  until(text: string): Promise<void> {
    return new Promise((resolve) => this.#wanted = { text, resolve });
  }
}

/** A server, connections to it, and what it sees of the first. */
async function start(limits = LIMITS) {
  const accepted = Promise.withResolvers<RawConnection>();
  const server = await RawServer.start((connection) => accepted.resolve(connection));
  const connections = new Connections({ hostname: "127.0.0.1", port: server.port }, limits);
  const connection = await connections.open(NEVER);
  return {
    ...{ server, connections, connection, peer: await accepted.promise },
    async [Symbol.asyncDispose]() {
      connections[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

Deno.test("Connections hands a released connection out once, to a call of the same kind", async () => {
  await using parts = await start();
  const { connections, connection } = parts;
  assert.equal(connections.isIdle, false);
  connections.release(connection, { isRepeatable: true, keptSeconds: undefined });
  assert.equal(connections.isIdle, true);
  assert.equal(connections.take(false), undefined);
  assert.equal(connections.take(true), connection);
  assert.equal(connections.take(true), undefined);
  assert.equal(connections.isIdle, false);
});

Deno.test("Connections drops a connection that the target closes, or says anything on, while nobody uses it", async () => {
  for (const act of [(peer: RawConnection) => peer.socket.end(), (peer: RawConnection) => peer.send("HTTP/1.1 200")]) {
    await using parts = await start();
    const { connections, connection, peer } = parts;
    connections.release(connection, { isRepeatable: true, keptSeconds: undefined });
    act(peer);
    await peer.closed;
    assert.equal(connections.take(true), undefined);
    assert.equal(connections.isIdle, true);
  }
});

Deno.test("Connections closes what nobody uses for the time of its kind, or what the target keeps no longer", async () => {
  await using short = await start({ repeatableMs: 20, unrepeatableMs: 4000 });
  short.connections.release(short.connection, { isRepeatable: true, keptSeconds: undefined });
  await short.peer.closed;
  await using hinted = await start();
  hinted.connections.release(hinted.connection, { isRepeatable: true, keptSeconds: 4 });
  await hinted.peer.closed;
});

Deno.test("Connections that is retired closes what is free, and what is in use when it is released", async () => {
  await using parts = await start();
  const { connections, connection, peer } = parts;
  connections.retire();
  assert.equal(connection.isClosed, false);
  connections.release(connection, { isRepeatable: true, keptSeconds: undefined });
  await peer.closed;
  assert.equal(connections.isIdle, true);
});

Deno.test("Connections that is disposed tells the users of its connections, and ends what is being opened", async () => {
  await using parts = await start();
  const { connections, connection } = parts;
  const recorder = new Recorder(connection);
  const opening = assert.rejects(connections.open(NEVER));
  connections[Symbol.dispose]();
  assert.ok(await recorder.end instanceof Deno.errors.ConnectionAborted);
  await opening;
});

Deno.test("Connection writes in order, and reads what comes", async () => {
  await using parts = await start();
  const { connection, peer } = parts;
  const recorder = new Recorder(connection);
  const large = "x".repeat(3_000_000);
  const encoder = new TextEncoder();
  const written = Promise.all([connection.write(encoder.encode(large)), connection.write(encoder.encode("end"))]);
  assert.equal(await peer.take("end"), `${large}end`);
  await written;
  const all = recorder.until("last");
  peer.send(`${large}last`);
  await all;
  assert.equal(recorder.text, `${large}last`);
});

Deno.test("Connection tells its user of the other side's end and of a reset", async () => {
  await using ended = await start();
  const first = new Recorder(ended.connection);
  ended.peer.socket.end();
  assert.equal(await first.end, undefined);
  await using reset = await start();
  const second = new Recorder(reset.connection);
  reset.peer.socket.resetAndDestroy();
  assert.ok(await second.end instanceof Error);
});

Deno.test("open() rejects with a code when DNS does not know the name", async () => {
  using connections = new Connections({ hostname: "nowhere.invalid", port: 80 }, {
    repeatableMs: 1,
    unrepeatableMs: 1,
  });
  await assert.rejects(connections.open(new AbortController().signal), { code: /^(ENOTFOUND|EAI_AGAIN)$/ });
});
