import assert from "node:assert/strict";
import { encodeFrame } from "../shared/protocol/codec.ts";
import { CONNECTION_ID, FLAG_MORE, FrameType } from "../shared/protocol/frame.ts";
import { startConnector } from "./testkit/connector.ts";
import { assertAnswer, assertProblem } from "./testkit/http.ts";
import { testLog } from "./testkit/log.ts";
import { RawConnector, refusedUpgrade } from "./testkit/raw_connector.ts";
import { startServer, type TestServer } from "./testkit/server.ts";
import type { TestTenant } from "./testkit/tenants.ts";

const encoder = new TextEncoder();
const SOME_ID = "12345678123456781234567812345678";

/** A server with an honest connector of another tenant, whose requests must go on whatever the hostile one does. */
async function startVictims() {
  await using resources = new AsyncDisposableStack();
  const server = resources.use(await startServer({ connectionGrace: "0s" }));
  const honest = await server.database.createTenant();
  const hostile = await server.database.createTenant();
  resources.use(await startConnector(server, honest, { targets: { app: () => new Response("fine") } }));
  const token = await server.token(hostile, "connector");
  const kept = resources.move();
  return { server, honest, hostile, token, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** The honest tenant has lost nothing. */
async function assertUnharmed(server: TestServer, honest: TestTenant): Promise<void> {
  await assertAnswer(await server.relay(honest, "app"), { text: "fine" });
  assert.deepEqual(testLog.find({ message: / disconnected: /, properties: { tenant: honest.name } }), []);
}

/** A peer that sends on while it is refused may see a reset instead of the code. */
function assertRefused(code: number, name: string): void {
  assert.ok([4000, 1006, 1009].includes(code), `${name}: ${code}`);
}

/** A frame whose head is these characters instead of JSON that was made from a value. */
function frameWithHead(type: number, id: string, head: string): Uint8Array {
  const bytes = encoder.encode(head);
  const frame = encodeFrame(type, id, { payload: bytes });
  new DataView(frame.buffer).setUint32(18, bytes.length);
  return frame;
}

const MALFORMED: Readonly<Record<string, Uint8Array>> = {
  "nothing": new Uint8Array(0),
  "less than a header": new Uint8Array(21),
  "a head beyond the end": new Uint8Array(22).fill(0xff),
  "a second hello": encodeFrame(FrameType.hello, CONNECTION_ID, { head: {} }),
  "a welcome": encodeFrame(FrameType.welcome, CONNECTION_ID, { head: {} }),
  "a request": encodeFrame(FrameType.request, SOME_ID, { head: {} }),
  "a configure": encodeFrame(FrameType.configure, CONNECTION_ID, { head: {} }),
  "a long ping": encodeFrame(FrameType.ping, CONNECTION_ID, { payload: new Uint8Array(65) }),
  "half an acknowledgement": encodeFrame(FrameType.acknowledge, CONNECTION_ID, { payload: new Uint8Array(15) }),
  "a go-away that is no JSON": frameWithHead(FrameType.goAway, CONNECTION_ID, "{"),
  "a go-away that is no object": frameWithHead(FrameType.goAway, CONNECTION_ID, "[]"),
  "an authenticate without a token": encodeFrame(FrameType.authenticate, CONNECTION_ID, { head: { token: 1 } }),
  "targets without names": encodeFrame(FrameType.targets, CONNECTION_ID, { head: {} }),
  "targets that are no names": encodeFrame(FrameType.targets, CONNECTION_ID, { head: { targets: [{}] } }),
  "too many targets": encodeFrame(FrameType.targets, CONNECTION_ID, { head: { targets: Array(10_001).fill("t") } }),
  "a frame above the limit": new Uint8Array((1 << 20) + 1),
};

Deno.test("a malformed or oversized frame closes that connection and nothing else", async () => {
  await using victims = await startVictims();
  const { server, honest, token } = victims;
  for (const [name, message] of Object.entries(MALFORMED)) {
    using connector = await RawConnector.connect(server.url, { token });
    connector.sendBytes(message);
    const { code } = await connector.closed;
    assertRefused(code, name);
    await assertUnharmed(server, honest);
  }
});

Deno.test("a wrong answer to a request closes the connection, and the request fails at once", async () => {
  await using victims = await startVictims();
  const { server, honest, hostile, token } = victims;
  const head = { status: 200, headers: [] };
  const answers: Readonly<Record<string, (id: string) => Uint8Array[]>> = {
    "data before its response": (id) => [encodeFrame(FrameType.data, id, { payload: encoder.encode("x") })],
    "no status": (id) => [encodeFrame(FrameType.response, id, { head: { headers: [] } })],
    "status 99": (id) => [encodeFrame(FrameType.response, id, { head: { ...head, status: 99 } })],
    "status 101": (id) => [encodeFrame(FrameType.response, id, { head: { ...head, status: 101 } })],
    "headers of another shape": (id) => [encodeFrame(FrameType.response, id, { head: { ...head, headers: [["a"]] } })],
    "a negative length": (id) => [encodeFrame(FrameType.response, id, { head: { ...head, length: -1 } })],
    "a cancel without a head": (id) => [encodeFrame(FrameType.cancel, id)],
    "a head that is no UTF-8": (id) => [new Uint8Array([...encodeFrame(FrameType.error, id).subarray(0, 21), 1, 0xff])],
  };
  for (const [name, frames] of Object.entries(answers)) {
    using connector = await RawConnector.connect(server.url, { token });
    const response = server.relay(hostile, "raw/hidden");
    const { id } = await connector.next(FrameType.request);
    connector.acknowledge(id);
    frames(id).forEach((frame) => connector.sendBytes(frame));
    assert.equal((await connector.closed).code, 4000, name);
    await assertProblem(await response, { status: 502, code: "connector_lost", notEchoed: ["hidden"] });
    await assertUnharmed(server, honest);
  }
});

Deno.test("a body longer than its credit or than its length breaks the answer, never completes it", async () => {
  await using victims = await startVictims();
  const { server, honest, hostile, token } = victims;
  const piece = new Uint8Array(64 * 1024);
  const bodies: Readonly<Record<string, (connector: RawConnector, id: string) => void>> = {
    "beyond its credit": (connector, id) => {
      connector.beginResponse(id, "x");
      for (let sent = 0; sent < 16 << 20; sent += piece.length) {
        connector.send(FrameType.data, id, { flags: FLAG_MORE, payload: piece });
      }
    },
    "longer than its length": (connector, id) => {
      connector.beginResponse(id, "x", 10);
      connector.send(FrameType.data, id, { payload: piece });
    },
    "shorter than its length": (connector, id) => {
      connector.beginResponse(id, "x", 10);
      connector.send(FrameType.data, id);
    },
    "a second response": (connector, id) => {
      connector.beginResponse(id, "x");
      connector.beginResponse(id, "y");
    },
  };
  for (const [name, send] of Object.entries(bodies)) {
    using connector = await RawConnector.connect(server.url, { token });
    const response = server.relay(hostile, "raw");
    send(connector, (await connector.next(FrameType.request)).id);
    assertRefused((await connector.closed).code, name);
    await assert.rejects(async () => await (await response).bytes().then(() => assert.fail("complete")), (error) => {
      return !(error instanceof assert.AssertionError);
    }, name);
    await assertUnharmed(server, honest);
  }
});

Deno.test("random bytes close at most that connection", async () => {
  await using victims = await startVictims();
  const { server, honest, token } = victims;
  let closed = 0;
  for (let round = 0; round < 40; round++) {
    using connector = await RawConnector.connect(server.url, { token });
    for (let count = 0; count < 5; count++) {
      const bytes = crypto.getRandomValues(new Uint8Array(1 + (round * 37 + count * 11) % 400));
      // Half of them look like a frame of a known type.
      if (round % 2 === 0 && bytes.length > 22) {
        bytes[0] = 1 + (round + count) % 14;
        new DataView(bytes.buffer).setUint32(18, count === 0 ? 0 : bytes.length - 22);
      }
      connector.sendBytes(bytes);
    }
    const ping = new Uint8Array(8).fill(round);
    connector.send(FrameType.ping, CONNECTION_ID, { payload: ping });
    // A connection that is closed gives no pong.
    const isOpen = await connector.next(FrameType.pong).then(() => true, () => false);
    if (isOpen) continue;
    assertRefused((await connector.closed).code, `round ${round}`);
    closed++;
  }
  assert.ok(closed > 10, `${closed} of 40 connections were closed`);
  await assertUnharmed(server, honest);
});

Deno.test("unknown frame types and frames of deliveries that are over are skipped", async () => {
  await using victims = await startVictims();
  const { server, hostile, token } = victims;
  using connector = await RawConnector.connect(server.url, { token });
  connector.send(200, SOME_ID, { head: { news: true }, payload: encoder.encode("?") });
  connector.respond(SOME_ID, "to nobody");
  connector.acknowledge(SOME_ID);
  const response = server.relay(hostile, "raw");
  connector.respond((await connector.next(FrameType.request)).id, "still here");
  await assertAnswer(await response, { text: "still here" });
});

Deno.test("headers that a connector makes up are refused or removed", async () => {
  await using victims = await startVictims();
  const { server, honest, hostile, token } = victims;
  using connector = await RawConnector.connect(server.url, { token });
  const answer = async (headers: readonly (readonly string[])[]) => {
    const response = server.relay(hostile, "raw");
    connector.send(FrameType.response, (await connector.next(FrameType.request)).id, {
      head: { status: 200, headers },
    });
    return await response;
  };
  for (const value of ["a\r\nX-Smuggled: 1", "a\u0000b", "\u20ac"]) {
    const response = await answer([["X-Odd", value]]);
    assert.equal(response.headers.get("x-smuggled"), null);
    await assertProblem(response, { status: 502, code: "target_invalid_response", notEchoed: ["Smuggled"] });
  }
  const named = await answer([["X Odd\r\n", "1"]]);
  assert.ok(named.status >= 500, String(named.status));
  await named.body?.cancel();
  const removed = await answer([["RelayServer-Error", "internal_error"], ["Transfer-Encoding", "gzip"], [
    "X-Kept",
    "1",
  ]]);
  assert.equal(removed.headers.get("x-kept"), "1");
  await assertAnswer(removed, { text: "" });
  await assertUnharmed(server, honest);
});

Deno.test("a connector that never says hello is closed after the handshake timeout", async () => {
  await using server = await startServer({ handshakeTimeout: "200ms" });
  const tenant = await server.database.createTenant();
  using connector = await RawConnector.open(server.url, { token: await server.token(tenant, "connector") });
  assert.deepEqual(await connector.closed, { code: 4000, reason: "handshake_timeout" });
  await assertProblem(await server.relay(tenant, "raw"), { status: 503, code: "connector_unavailable" });
});

Deno.test("a hello that is wrong is answered with an error and the right close code", async () => {
  await using victims = await startVictims();
  const { server, honest, token } = victims;
  const attempts: readonly (readonly [code: number, reason: string, say: (connector: RawConnector) => void])[] = [
    [4002, "version_unsupported", (connector) => connector.hello({ versions: [99] })],
    [4000, "malformed_head", (connector) => connector.hello({ targets: "all" })],
    [4000, "malformed_head", (connector) => connector.hello({ limits: { maxMessageBytes: 1 } })],
    [4000, "unexpected_frame", (connector) => connector.send(FrameType.ping, CONNECTION_ID)],
    [4000, "malformed_frame", (connector) => connector.sendBytes(new Uint8Array(3))],
  ];
  for (const [code, reason, say] of attempts) {
    using connector = await RawConnector.open(server.url, { token });
    say(connector);
    assert.equal((await connector.next(FrameType.error)).json.code, reason);
    assert.deepEqual(await connector.closed, { code, reason });
    await assertUnharmed(server, honest);
  }
});

Deno.test("a text message closes the connection, before and after the handshake", async () => {
  await using victims = await startVictims();
  const { server, honest, token } = victims;
  for (const connect of [RawConnector.open, RawConnector.connect]) {
    using connector = await connect(server.url, { token });
    connector.sendText("hello");
    assert.notEqual((await connector.closed).code, 1000);
    await assertUnharmed(server, honest);
  }
});

Deno.test("an upgrade without the sub-protocol, or that is none, is refused with plain HTTP", async () => {
  await using victims = await startVictims();
  const { server, honest, token } = victims;
  for (const protocol of ["", "chat", "relayserver.v2"]) {
    const response = await refusedUpgrade(server.port, { authorization: `Bearer ${token}`, protocol });
    await assertProblem(response, { status: 400, code: "invalid_request", notEchoed: [token, "chat"] });
  }
  const plain = await fetch(`${server.url}/connector`, { headers: { authorization: `Bearer ${token}` } });
  await assertProblem(plain, { status: 400, code: "invalid_request" });
  await assertUnharmed(server, honest);
});
