import assert from "node:assert/strict";
import { type RawConnection, RawServer } from "../connector/targets/testkit.ts";
import { bodyOf, digest, digestOf, settled, upload } from "./testkit/bodies.ts";
import { within } from "./testkit/deadline.ts";
import { assertAnswer } from "./testkit/http.ts";
import { testLog } from "./testkit/log.ts";
import { startSite } from "./testkit/site.ts";
import { Gate, startTarget } from "./testkit/target.ts";
import { connectTcp } from "./testkit/tcp.ts";

const MIB = 1 << 20;
/** More than all buffers of sockets and streams on the way hold together. */
const SIZE_BYTES = 80 * MIB;
/** What they may hold: a window of the protocol, and each socket what the kernel gives it. */
const HELD_BYTES = 48 * MIB;

/** Resolves when a request is aborted. */
function aborted({ signal }: Request): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function soon<T>(promise: Promise<T>, what: string): Promise<T> {
  return within(promise, { timeoutMs: 5000, what });
}

Deno.test("server-sent events arrive one by one, each as it is sent", async () => {
  const confirmed: PromiseWithResolvers<void>[] = [0, 1, 2, 3, 4].map(() => Promise.withResolvers());
  const events = () => {
    let index = 0;
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        // The next one leaves only when the client has confirmed the last.
        if (index > 0) await confirmed[index - 1]!.promise;
        if (index === confirmed.length) return controller.close();
        controller.enqueue(new TextEncoder().encode(`data: ${index++}\n\n`));
      },
    }, { highWaterMark: 0 });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };
  await using target = startTarget(events);
  await using site = await startSite({ web: target.url, handler: events });
  for (const name of ["web", "handler"]) {
    confirmed.forEach((_, index) => confirmed[index] = Promise.withResolvers());
    const response = await soon(site.server.relay(site.tenant, name), "the head");
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    for (let index = 0; index < confirmed.length; index++) {
      const { value } = await soon(reader.read(), `event ${index}`);
      assert.equal(value, `data: ${index}\n\n`);
      confirmed[index]!.resolve();
    }
    assert.equal((await reader.read()).done, true);
  }
});

Deno.test("an answer that comes before the upload has ended reaches the client", async () => {
  await using target = startTarget(() => new Response("enough"));
  await using site = await startSite({ web: target.url, handler: () => new Response("enough") });
  for (const name of ["web", "handler"]) {
    using client = await connectTcp(site.server.port);
    await client.send(
      `POST /relay/${site.tenant.name}/${name} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n`,
    );
    const response = await client.readResponse();
    assert.equal(`${response.status} ${new TextDecoder().decode(response.body)}`, "200 enough");
  }
});

Deno.test("the target's call ends when the client leaves before the head", async () => {
  const called = Promise.withResolvers<Request>();
  await using target = startTarget(async (request) => {
    called.resolve(request);
    await aborted(request);
    return new Response("too late");
  });
  await using site = await startSite({ web: target.url });
  using client = await connectTcp(site.server.port);
  await client.send(`GET /relay/${site.tenant.name}/web HTTP/1.1\r\nHost: x\r\n\r\n`);
  const request = await called.promise;
  client.close();
  await soon(aborted(request), "the call's end");
  const { properties } = await testLog.waitFor({ message: /./, properties: { tenant: site.tenant.name, status: 499 } });
  assert.equal(properties.errorCode, "client_gone");
});

Deno.test("the target's call ends when the client leaves during the response's body", async () => {
  const cancelled = Promise.withResolvers<void>();
  const endless = () =>
    new Response(
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(10_000)),
        cancel: () => cancelled.resolve(),
      }, { highWaterMark: 0 }),
    );
  await using target = startTarget(endless);
  await using site = await startSite({ web: target.url });
  using client = await connectTcp(site.server.port);
  await client.send(`GET /relay/${site.tenant.name}/web HTTP/1.1\r\nHost: x\r\n\r\n`);
  await client.readHead();
  await client.readBytes(MIB);
  client.close();
  await soon(cancelled.promise, "the call's end");
});

Deno.test("the target's call ends when the client leaves during the upload", async () => {
  for (const framing of ["Content-Length: 1000000\r\n\r\nbegin", "Transfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n"]) {
    const begun = Promise.withResolvers<RawConnection>();
    await using target = await RawServer.start(async (connection) => {
      await connection.take("begin");
      begun.resolve(connection);
    });
    await using site = await startSite({ web: target.url });
    using client = await connectTcp(site.server.port);
    await client.send(`POST /relay/${site.tenant.name}/web HTTP/1.1\r\nHost: x\r\n${framing}`);
    const connection = await soon(begun.promise, "the call");
    client.close();
    await soon(connection.closed, "the call's end");
    assert.doesNotMatch(connection.received, /0\r\n\r\n/, "the upload looks complete");
  }
});

Deno.test("a target that breaks off its body breaks the client's, and never makes a short one look complete", async () => {
  const bodies = {
    "small fixed": "Content-Length: 100\r\n\r\nshort",
    "large fixed": "Content-Length: 1000000\r\n\r\nshort",
    "chunked": "Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
    "cut chunk": "Transfer-Encoding: chunked\r\n\r\n50\r\nshort",
  };
  for (const [name, rest] of Object.entries(bodies)) {
    for (const ending of ["close", "reset"] as const) {
      await using target = await RawServer.start(async (connection) => {
        await connection.head();
        connection.socket.write(`HTTP/1.1 200 OK\r\n${rest}`, () => {
          ending === "close" ? connection.socket.destroy() : connection.socket.resetAndDestroy();
        });
      });
      await using site = await startSite({ web: target.url });
      using client = await connectTcp(site.server.port);
      await client.send(`GET /relay/${site.tenant.name}/web HTTP/1.1\r\nHost: x\r\n\r\n`);
      const outcome = await client.readResponse().then(({ status }) => status, (error: Error) => error.message);
      // A small body is waited for, so its failure still has a status of its own.
      if (name === "small fixed") assert.equal(outcome, 502, `${name}, ${ending}`);
      else assert.match(String(outcome), /ended (after|before)|reset|^502$/i, `${name}, ${ending}`);
    }
  }
});

Deno.test("a slow client holds the target, and gets every byte in the end", async () => {
  let made = 0;
  await using target = startTarget(() => new Response(bodyOf(SIZE_BYTES, (bytes) => made = bytes)));
  await using site = await startSite({ web: target.url });
  const response = await site.server.relay(site.tenant, "web");
  const stalled = await soon(settled(() => made), "the target to stall");
  assert.ok(stalled < HELD_BYTES, `the target sent ${stalled / MIB} MiB to a client that does not read`);
  assert.equal(await digest(response.body), await digestOf(SIZE_BYTES));
});

Deno.test("a slow target holds the client's upload, and gets every byte in the end", async () => {
  for (const isLengthKnown of [true, false]) {
    const gate = new Gate();
    let made = 0;
    await using target = startTarget(async (request) => {
      await gate.pass();
      return new Response(await digest(request.body));
    });
    await using site = await startSite({ web: target.url });
    const path = `/relay/${site.tenant.name}/web`;
    const options = { sizeBytes: SIZE_BYTES, isLengthKnown, made: (bytes: number) => made = bytes };
    const response = upload(site.server, path, options);
    await gate.reached;
    const stalled = await soon(settled(() => made), "the client to stall");
    assert.ok(stalled < HELD_BYTES, `the client sent ${stalled / MIB} MiB to a target that does not read`);
    gate.open();
    const { status, body } = await response;
    assert.equal(`${status} ${new TextDecoder().decode(body)}`, `200 ${await digestOf(SIZE_BYTES)}`);
  }
});

Deno.test("small requests are hardly slower beside a stream that stands still", async () => {
  await using target = startTarget((request) =>
    request.url.endsWith("/large") ? new Response(bodyOf(256 * MIB)) : new Response("small")
  );
  await using site = await startSite({ web: target.url });
  const fifty = async () => {
    const startedAtMs = performance.now();
    for (let index = 0; index < 50; index++) {
      await assertAnswer(await site.server.relay(site.tenant, "web/small"), { text: "small" });
    }
    return performance.now() - startedAtMs;
  };
  await fifty();
  const aloneMs = await fifty();
  const large = await site.server.relay(site.tenant, "web/large");
  const reader = large.body!.getReader();
  await reader.read();
  const besideMs = await fifty();
  await reader.cancel();
  assert.ok(besideMs < aloneMs * 5 + 250, `50 requests took ${besideMs} ms instead of ${aloneMs} ms`);
});

Deno.test("large bodies arrive byte for byte, up and down, with and without a known length", async () => {
  const size = 20 * MIB + 12_345;
  const expected = await digestOf(size);
  await using target = startTarget(async (request) => {
    const isKnown = request.url.endsWith("/known");
    if (request.method === "POST") {
      assert.equal(request.headers.has("content-length"), isKnown);
      return new Response(await digest(request.body));
    }
    return new Response(bodyOf(size), { headers: isKnown ? { "content-length": String(size) } : {} });
  });
  await using site = await startSite({ web: target.url, echo: { type: "echo" } });
  const { server, tenant } = site;
  for (const kind of ["known", "unknown"]) {
    const isLengthKnown = kind === "known";
    const up = await upload(server, `/relay/${tenant.name}/web/${kind}`, { sizeBytes: size, isLengthKnown });
    assert.equal(`${up.status} ${new TextDecoder().decode(up.body)}`, `200 ${expected}`);
    const down = await server.relay(tenant, `web/${kind}`);
    assert.equal(down.headers.get("content-length"), isLengthKnown ? String(size) : null);
    assert.equal(await digest(down.body), expected);
  }
  const both = await server.relay(tenant, "echo", { method: "POST", body: bodyOf(size) });
  assert.equal(await digest(both.body), expected);
});
