/**
 * Faults of Deno and of libraries that the code works around, one test each; those that would end the process run in a child process. Where
 * another suite has the test already, it is only named:
 *
 * - Host that moves the path: `hostile_client_test.ts`, `relay_request_line_test.ts`, `server/listener/request_contract.ts`
 * - control characters that come from a connector: `hostile_answer_test.ts`
 * - an upgrade that fails or is refused closes the listener: `server/listener/upgrade_contract.ts`
 * - a listener that ends unasked ends the program: `shared/cli/run_service_test.ts`
 * - `node:http` sends a request again, writes bodies without framing, makes methods upper case, takes the server's name from `Host`, limits
 *   heads to 16 KiB: `connector/targets/web_failure_test.ts`, `web_test.ts`, `web_tls_test.ts`
 * - `fetch` unpacks bodies and keeps their headers: `fidelity_test.ts`
 * - a dead peer's WebSocket lives on: `faults_test.ts`; reading without back-pressure: `memory_test.ts`
 * - `shutdown()` closes WebSockets at once: `drain_test.ts`
 * - no time limits in `Deno.serve`: `relay_bodies_test.ts` and `hostile_body_test.ts` for bodies; heads have one on `node` only, see
 *   `server/listener/node_listener_test.ts`
 * - a client that leaves while nobody reads its upload: `streaming_test.ts`
 * - an early answer before an unread upload, a stream that must not produce unasked, `Headers` that merge lines, a signal that fires after
 *   every answer, lengths with 205 and 304: `server/listener/body_contract.ts`, `answer_contract.ts`
 *
 * @module
 */

import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import { Recorder } from "../shared/protocol/pipe_recorder.ts";
import { WsPipe } from "../shared/ws/ws_pipe.ts";
import { within } from "./testkit/deadline.ts";
import { type ChildProcess, startDeno } from "./testkit/process.ts";
import { fetchToken } from "./testkit/http.ts";
import { startServer } from "./testkit/server.ts";
import { connectTcp, headerValue, type RawResponse } from "./testkit/tcp.ts";

interface ListenerProcess extends AsyncDisposable {
  readonly process: ChildProcess;
  readonly port: number;
}

async function startListener(name: string, env: Readonly<Record<string, string>> = {}): Promise<ListenerProcess> {
  const permissions = ["--no-prompt", "--allow-net", "--allow-env"];
  const process = startDeno(["run", ...permissions, "tests/testkit/listener_program.ts", name], { env });
  try {
    const [, port] = await process.waitForLine(/^listening on (\d+)$/);
    return { process, port: Number(port), [Symbol.asyncDispose]: () => process[Symbol.asyncDispose]() };
  } catch (error) {
    await process.stop();
    throw error;
  }
}

async function get(port: number, target: string, lines = ""): Promise<RawResponse> {
  using client = await connectTcp(port);
  await client.send(`GET ${target} HTTP/1.1\r\nHost: h\r\n${lines}\r\n`);
  return await client.readResponse();
}

for (const name of ["native", "node"]) {
  Deno.test(`${name}: a control character in a response header is answered with 502, and the process lives on`, async () => {
    await using listener = await startListener(name);
    for (let byte = 0; byte <= 0xff; byte++) {
      const answer = await get(listener.port, `/byte/${byte}`);
      const isText = byte === 9 || (byte >= 0x20 && byte !== 0x7f);
      assert.equal(answer.status, isText ? 200 : 502, String(byte));
      if (isText) assert.equal(headerValue(answer, "x-byte"), `a${String.fromCharCode(byte)}b`);
    }
    assert.equal((await get(listener.port, "/")).status, 200);
  });

  Deno.test(`${name}: closing twice is as good as closing once, and the process ends with 0`, async () => {
    await using listener = await startListener(name);
    await get(listener.port, "/close");
    const { code } = await within(listener.process.status, { timeoutMs: 5000, what: "the end of the process" });
    assert.equal(code, 0, listener.process.output);
  });

  Deno.test(`${name}: a client's handshake that breaks off in every place harms nobody`, async () => {
    await using listener = await startListener(name);
    const lines = [
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Protocol: b",
    ];
    const requests = [
      [...lines, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="],
      [...lines, "Sec-WebSocket-Key: short"],
      lines,
      [...lines.slice(1), "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="],
    ];
    for (const request of requests) {
      for (const frame of ["", "\x82", "\x82\x85\0\0\0\0ab", "\xff\xff\xff"]) {
        const client = await connectTcp(listener.port);
        await client.send(`GET /socket HTTP/1.1\r\nHost: h\r\n${request.join("\r\n")}\r\n\r\n${frame}`);
        if (request === requests[0]) await client.readHead();
        client.close();
      }
    }
    assert.equal((await get(listener.port, "/")).status, 200);
  });
}

Deno.test("Deno.serve compresses nothing, even where the environment asks for it", async () => {
  await using listener = await startListener("native", { DENO_SERVE_AUTOMATIC_COMPRESSION: "1" });
  const answer = await get(listener.port, "/compressible", "Accept-Encoding: gzip, br\r\n");
  assert.equal(headerValue(answer, "content-encoding"), undefined);
  assert.equal(headerValue(answer, "content-length"), "40000");
  assert.equal(answer.body.length, 40_000);
});

for (const listener of ["native", "node"] as const) {
  Deno.test(`${listener}: a connector's message in fragments is not above the limit just because no fragment is`, async () => {
    await using server = await startServer({ listener });
    const tenant = await server.database.createTenant();
    const token = await fetchToken(server.url, { clientId: tenant.name, clientSecret: tenant.connectorSecret });
    const socket = new WebSocket(`${server.url.replace("http", "ws")}/connector`, "relayserver.v1", {
      headers: { authorization: `Bearer ${token}` },
      perMessageDeflate: false,
    });
    const closed = new Promise<number>((resolve) => socket.on("close", resolve));
    socket.on("error", () => {});
    await new Promise((resolve) => socket.once("open", resolve));
    const piece = new Uint8Array(64 * 1024);
    for (let index = 0; index < 40; index++) socket.send(piece, { binary: true, fin: index === 39 });
    const code = await within(closed, { timeoutMs: 5000, what: "the end of the WebSocket" });
    assert.ok([1006, 1009, 4000].includes(code), String(code));
  });
}

Deno.test("WsPipe ends at once when a message is too large, and does not wait for the other side", async () => {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
  try {
    await new Promise((resolve) => server.once("listening", resolve));
    // It never answers a close, as a server that hangs.
    server.on("connection", (peer) => {
      peer.on("error", () => {});
      peer.send(new Uint8Array(2000));
      peer.pause();
    });
    const { port } = server.address() as AddressInfo;
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, { maxPayload: 1000, perMessageDeflate: false });
    const recorder = new Recorder(new WsPipe(socket));
    const [code] = await within(recorder.end, { timeoutMs: 5000, what: "the end of the pipe" });
    assert.equal(code, 1006);
    assert.equal(recorder.messages.length, 0);
  } finally {
    for (const peer of server.clients) peer.terminate();
    await new Promise((resolve) => server.close(resolve));
  }
});
