import assert from "node:assert/strict";
import type { RelayErrorCode } from "../../shared/errors/relay_error.ts";
import { RelayError } from "../../shared/errors/relay_error.ts";
import {
  bytes,
  type NewTarget,
  type RawConnection,
  RawServer,
  relayRequest,
  streamOf,
  targetContext,
  testClients,
  textOf,
} from "./testkit.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/** What a call fails with when the target behaves in a given way after the request's head. */
async function failureOf(
  newTarget: NewTarget,
  behave: (connection: RawConnection) => unknown,
  options: { timeoutMs?: number; inlineBodyLimitBytes?: number } = {},
): Promise<unknown> {
  await using server = await RawServer.start(async (connection) => {
    await connection.head();
    await behave(connection);
  });
  await using target = newTarget({ url: server.url, timeoutMs: options.timeoutMs });
  const { inlineBodyLimitBytes = 65_536 } = options;
  try {
    return await textOf(await target.handle(relayRequest(), targetContext({ inlineBodyLimitBytes })));
  } catch (error) {
    await server.connections[0]?.closed;
    return error;
  }
}

function assertCode(error: unknown, code: RelayErrorCode, message?: string): void {
  assert.ok(error instanceof RelayError, `${message}: ${error}`);
  assert.equal(error.code, code, message);
}

testClients("handle() fails with target_unreachable when nobody listens or the name is unknown", async (newTarget) => {
  const server = await RawServer.start(() => {});
  const { url } = server;
  await server[Symbol.asyncDispose]();
  for (const unreachable of [url, "http://does-not-exist.invalid/"]) {
    await using target = newTarget({ url: unreachable });
    await assert.rejects(target.handle(relayRequest(), targetContext()), (error) => {
      assertCode(error, "target_unreachable");
      return (error as Error).cause instanceof Error;
    });
  }
});

testClients(
  "handle() fails with target_unreachable when the target closes or resets before the head is complete",
  async (newTarget) => {
    for (const partial of ["", "HTTP/1.1 200 OK\r\nX: "]) {
      assertCode(await failureOf(newTarget, ({ socket }) => socket.end(partial)), "target_unreachable");
      const reset = await failureOf(newTarget, (connection) => {
        connection.send(partial);
        connection.socket.resetAndDestroy();
      });
      assertCode(reset, "target_unreachable");
    }
  },
);

testClients(
  "handle() fails with target_invalid_response when the answer is not HTTP, or not relayable",
  async (newTarget) => {
    const garbage = [
      "SSH-2.0-OpenSSH_9.2p1\r\n",
      "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
      "HTTP/1.1 200 OK\r\nA: \x01\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
      `HTTP/1.1 200 OK\r\nX: ${"x".repeat(70_000)}\r\n\r\n`,
      "HTTP/1.1 600 X\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
    ];
    for (const response of garbage) {
      assertCode(
        await failureOf(newTarget, (connection) => connection.send(response)),
        "target_invalid_response",
        response.slice(0, 60),
      );
    }
  },
);

testClients("handle() takes response heads of up to 60 KiB", async (newTarget) => {
  const text = await failureOf(newTarget, (connection) => {
    connection.send(`HTTP/1.1 200 OK\r\nX: ${"x".repeat(60_000)}\r\nContent-Length: 2\r\n\r\nok`);
  });
  assert.equal(text, "ok");
});

testClients("handle() never returns a body that broke off as complete", async (newTarget) => {
  const cases = [
    ["short of its length", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "target_unreachable"],
    ["without last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n", "target_unreachable"],
    ["in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nshort", "target_unreachable"],
    [
      "bad chunk",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\nzz\r\n",
      "target_invalid_response",
    ],
  ] as const;
  for (const [name, response, code] of cases) {
    for (const inlineBodyLimitBytes of [0, 65_536]) {
      const closed = await failureOf(newTarget, ({ socket }) => socket.end(response), { inlineBodyLimitBytes });
      assertCode(closed, code, name);
    }
  }
});

testClients("handle() errors a streamed body when the target resets", async (newTarget) => {
  for (const head of ["Content-Length: 100000", "Transfer-Encoding: chunked", "X: until-close"]) {
    const resets = Promise.withResolvers<void>();
    await using server = await RawServer.start(async (connection) => {
      await connection.head();
      connection.send(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n5\r\nshort\r\n`);
      await resets.promise;
      connection.socket.resetAndDestroy();
    });
    await using target = newTarget({ url: server.url });
    const reader = streamOf(await target.handle(relayRequest(), targetContext())).getReader();
    await reader.read();
    resets.resolve();
    await assert.rejects(async () => {
      for (let done = false; !done;) ({ done } = await reader.read());
    }, { name: "RelayError", code: "target_unreachable" });
  }
});

testClients("handle() returns a complete body whatever follows it", async (newTarget) => {
  for (const inlineBodyLimitBytes of [0, 65_536]) {
    const text = await failureOf(newTarget, (connection) => connection.send(`${OK}garbage\r\n\r\n`), {
      inlineBodyLimitBytes,
    });
    assert.equal(text, "ok");
  }
});

testClients("handle() fails with target_timeout when no head comes, and closes the socket", async (newTarget) => {
  for (const partial of ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n"]) {
    assertCode(
      await failureOf(newTarget, (connection) => connection.send(partial), { timeoutMs: 50 }),
      "target_timeout",
    );
  }
});

testClients("handle() passes on what is there of a small body that takes its time", async (newTarget) => {
  const release = Promise.withResolvers<void>();
  await using server = await RawServer.start(async (connection) => {
    await connection.head();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst");
    await release.promise;
    connection.send(" last");
  });
  await using target = newTarget({ url: server.url });
  const response = await target.handle(relayRequest(), targetContext());
  release.resolve();
  assert.equal(await textOf(response), "first last");
});

testClients("handle() lets a streamed body take longer than the timeout", async (newTarget) => {
  const release = Promise.withResolvers<void>();
  await using server = await RawServer.start(async (connection, index) => {
    await connection.head();
    // The second call has no answer at all: when it has timed out, the first one's time is over as well.
    if (index === 1) return;
    connection.send("HTTP/1.1 200 OK\r\n\r\nfirst");
    await release.promise;
    connection.socket.end(" last");
  });
  await using target = newTarget({ url: server.url, timeoutMs: 500 });
  const response = await target.handle(relayRequest(), targetContext());
  await assert.rejects(target.handle(relayRequest(), targetContext()), { code: "target_timeout" });
  release.resolve();
  assert.equal(await textOf(response), "first last");
});

testClients("handle() fails with request_timeout when the request's body stops coming", async (newTarget) => {
  await using server = await RawServer.start(() => {});
  await using target = newTarget({ url: server.url, timeoutMs: 50 });
  const stream = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(bytes("x")) });
  const call = target.handle(relayRequest({ method: "POST", body: { stream } }), targetContext());
  await assert.rejects(call, { name: "RelayError", code: "request_timeout" });
  await server.connections[0]?.closed;
});

testClients("dispose ends the calls that run", async (newTarget) => {
  await using server = await RawServer.start(() => {});
  const target = newTarget({ url: server.url });
  const call = target.handle(relayRequest(), targetContext());
  const failed = assert.rejects(call, { name: "RelayError", code: "target_unreachable" });
  await target[Symbol.asyncDispose]();
  await failed;
});
