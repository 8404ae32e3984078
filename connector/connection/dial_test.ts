import assert from "node:assert/strict";
import { Recorder } from "../../shared/protocol/pipe_recorder.ts";
import { ConnectError, type ConnectErrorCode } from "./connect_error.ts";
import { dial, type DialOptions } from "./dial.ts";

/** A server that answers every connection with these bytes; without them it says nothing, and tells when the other side has left. */
function listen(answer?: string): { endpoint: string; left: Promise<void> } & AsyncDisposable {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections: Deno.TcpConn[] = [];
  const left = Promise.withResolvers<void>();
  const finished = (async () => {
    for await (const connection of listener) {
      connections.push(connection);
      if (answer === undefined) {
        readToEnd(connection).then(left.resolve);
        continue;
      }
      await connection.read(new Uint8Array(4096));
      await connection.write(new TextEncoder().encode(answer));
    }
  })();
  return {
    endpoint: `http://127.0.0.1:${listener.addr.port}/connector`,
    left: left.promise,
    async [Symbol.asyncDispose]() {
      listener.close();
      await finished;
      for (const connection of connections) connection.close();
    },
  };
}

/** Reads until the other side closes or resets. */
async function readToEnd(connection: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(4096);
  try {
    while (await connection.read(buffer) !== null);
  } catch {
    // A reset is an end too.
  }
}

function dialWith(endpoint: string, options: Partial<DialOptions> = {}) {
  const signal = new AbortController().signal;
  return dial(endpoint, { token: "a-token", maxMessageBytes: 1000, timeoutMs: 10_000, signal, ...options });
}

async function assertFails(dialled: Promise<unknown>, code: ConnectErrorCode, message: RegExp): Promise<void> {
  await assert.rejects(dialled, (error) => {
    assert.ok(error instanceof ConnectError);
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /a-token/);
    return true;
  });
}

Deno.test("dial() opens a WebSocket with the token and the sub-protocol", async () => {
  const asked: (string | null)[] = [];
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    for (const name of ["authorization", "sec-websocket-protocol", "sec-websocket-extensions"]) {
      asked.push(request.headers.get(name));
    }
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "relayserver.v1" });
    socket.onmessage = ({ data }) => socket.send(data);
    return response;
  });
  const pipe = await dialWith(`http://127.0.0.1:${server.addr.port}/connector`);
  const recorder = new Recorder(pipe);
  pipe.send(Uint8Array.of(1, 2));
  await recorder.received(1);
  assert.deepEqual([...recorder.messages[0]!], [1, 2]);
  assert.deepEqual(asked, ["Bearer a-token", "relayserver.v1", null]);
  pipe.close(1000, "done");
  await recorder.end;
});

const REFUSALS: readonly [status: string, code: ConnectErrorCode][] = [
  ["401 Unauthorized", "authentication_failed"],
  ["403 Forbidden", "access_denied"],
  ["500 Internal Server Error", "server_unavailable"],
  ["503 Service Unavailable", "server_unavailable"],
  ["200 OK", "not_a_relayserver"],
  ["301 Moved Permanently\r\nLocation: http://127.0.0.1:1/", "not_a_relayserver"],
  ["404 Not Found", "not_a_relayserver"],
];
for (const [status, code] of REFUSALS) {
  const number = status.slice(0, 3);
  Deno.test(`dial() fails with ${code} when the server answers ${number}`, async () => {
    await using server = listen(`HTTP/1.1 ${status}\r\nContent-Length: 2\r\n\r\nno`);
    await assertFails(dialWith(server.endpoint), code, new RegExp(`/connector answered ${number}`));
  });
}

Deno.test("dial() fails with server_unreachable when the answer is no HTTP, or no proper handshake", async () => {
  const handshake = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
  for (const answer of ["SSH-2.0-OpenSSH_9.2\r\n", `${handshake}Sec-WebSocket-Accept: wrong\r\n\r\n`]) {
    await using server = listen(answer);
    await assertFails(dialWith(server.endpoint), "server_unreachable", /^Cannot open a WebSocket to http:.*: ./);
  }
});

Deno.test("dial() fails with server_unreachable when nobody listens", async () => {
  const { endpoint, ...server } = listen();
  await server[Symbol.asyncDispose]();
  await assertFails(dialWith(endpoint), "server_unreachable", /ECONNREFUSED|refused/);
});

Deno.test("dial() gives a silent server up when its time is over", async () => {
  await using server = listen();
  await assertFails(dialWith(server.endpoint, { timeoutMs: 50 }), "server_unreachable", /no answer within 50 ms/);
  await server.left;
});

Deno.test("dial() gives up when it is aborted, at once or while it waits", async () => {
  const why = new Error("The connector stops");
  await using server = listen();
  const stopping = new AbortController();
  const dialled = dialWith(server.endpoint, { signal: stopping.signal });
  stopping.abort(why);
  await assertFails(dialled, "server_unreachable", /The connector stops/);
  await assertFails(dialWith(server.endpoint, { signal: AbortSignal.abort(why) }), "server_unreachable", /stops/);
});
