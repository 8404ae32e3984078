import assert from "node:assert/strict";
import { join } from "node:path";
import type { InterceptedRequest, Interceptor, RequestChanges, ResponseChanges } from "../server/mod.ts";
import { assertAnswer, assertProblem } from "./testkit/http.ts";
import { LISTENERS } from "./testkit/listeners.ts";
import { testLog } from "./testkit/log.ts";
import { mirrored, startMirror, valuesOf } from "./testkit/mirror.ts";
import { type Site, startSite } from "./testkit/site.ts";
import { PROJECT_ROOT } from "./testkit/process.ts";
import { DataFolder, startServerProcess } from "./testkit/programs.ts";
import { serverConfig } from "./testkit/server.ts";
import { connectTcp, headerValue } from "./testkit/tcp.ts";
import { Gate } from "./testkit/target.ts";
import type { TestTargets } from "./testkit/connector.ts";

const encoder = new TextEncoder();

function startIntercepted(
  interceptors: readonly Interceptor[],
  targets: TestTargets = {},
  overrides = {},
): Promise<Site> {
  const echo = async (request: Request) => new Response(await request.text(), { headers: { "X-Target": "yes" } });
  return startSite({ app: echo, ...targets }, overrides, { interceptors });
}

const onRequest = (interceptRequest: NonNullable<Interceptor["interceptRequest"]>, name = "test"): Interceptor => ({
  name,
  interceptRequest,
});
const onResponse = (interceptResponse: NonNullable<Interceptor["interceptResponse"]>, name = "test"): Interceptor => ({
  name,
  interceptResponse,
});

/** A body that comes in parts. */
function parts(...texts: readonly string[]): ReadableStream<Uint8Array<ArrayBuffer>> {
  return ReadableStream.from(texts.map((text) => encoder.encode(text)));
}

const upperCase = () =>
  new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) =>
      controller.enqueue(chunk.map((byte) => byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte)),
  });

for (const listener of LISTENERS) {
  Deno.test(`${listener}: interceptors see requests in their order and responses in the opposite order`, async () => {
    const seen: string[] = [];
    const named = (name: string): Interceptor => ({
      name,
      interceptRequest({ headers }) {
        seen.push(`request ${name}`);
        return { headers: [...headers, ["X-Order", name]] };
      },
      interceptResponse({ headers }) {
        seen.push(`response ${name}`);
        return Promise.resolve({ headers: [...headers, ["X-Order", name]] });
      },
    });
    await using target = await startMirror();
    await using site = await startIntercepted([named("a"), named("b")], { mirror: target.url }, { listener });
    using client = await connectTcp(site.server.port);
    await client.send(`GET /relay/${site.tenant.name}/mirror HTTP/1.1\r\nHost: x\r\n\r\n`);
    const response = await client.readResponse();
    assert.equal(valuesOf(mirrored(response), "x-order"), "a | b");
    assert.equal(headerValue(response, "x-order"), "b, a");
    assert.deepEqual(seen, ["request a", "request b", "response b", "response a"]);
  });

  Deno.test(`${listener}: a request interceptor changes method, target, path, headers, body and tracing`, async () => {
    await using target = await startMirror();
    const changes: RequestChanges = {
      method: "REPORT",
      target: "mirror",
      path: "/new%2Fpath?q=1",
      headers: [["X-A", "1"], ["X-A", "2"], ["Content-Length", "99"]],
      body: "changed",
      isTraced: true,
    };
    await using site = await startIntercepted([onRequest(() => changes)], { mirror: target.url }, { listener });
    using client = await connectTcp(site.server.port);
    const body = "original";
    await client.send(
      `POST /relay/${site.tenant.name}/app/old HTTP/1.1\r\nHost: x\r\nX-B: 1\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    const response = await client.readResponse();
    const got = mirrored(response);
    assert.equal(got.requestLine, "REPORT /new%2Fpath?q=1 HTTP/1.1");
    assert.deepEqual(["x-a", "x-b", "content-length"].map((name) => valuesOf(got, name)), ["1 | 2", "", "7"]);
    assert.match(valuesOf(got, "relayserver-requestoriginid"), /^[0-9a-f-]{36}$/);
    assert.ok(headerValue(response, "relayserver-targetduration") !== undefined);
  });

  Deno.test(`${listener}: bodies flow through interceptors, in both directions`, async () => {
    const interceptor: Interceptor = {
      name: "stream",
      interceptRequest({ body }) {
        assert.ok(body !== null && "stream" in body);
        return { body: body.stream.pipeThrough(upperCase()) };
      },
      interceptResponse({ body, headers }) {
        assert.ok(body !== null && "stream" in body);
        const tail = new TransformStream<Uint8Array, Uint8Array>({ flush: (end) => end.enqueue(encoder.encode("!")) });
        return { body: body.stream.pipeThrough(tail), headers: headers.filter(([name]) => name !== "x-none") };
      },
    };
    const gate = new Gate();
    await using site = await startIntercepted([interceptor], {
      app: (request) => {
        const reader = request.body!.getReader();
        return new Response(
          new ReadableStream({
            async pull(controller) {
              const { done, value } = await reader.read();
              if (done) return controller.close();
              controller.enqueue(value);
              await gate.pass();
            },
          }),
        );
      },
    }, { listener });
    const { server, tenant } = site;
    const body = parts("abc", "x".repeat(100_000));
    const response = await server.relay(tenant, "app", { method: "POST", body, duplex: "half" } as RequestInit);
    // The first part is here while the target still holds the rest back.
    const reader = response.body!.getReader();
    const decoder = new TextDecoder();
    let text = decoder.decode((await reader.read()).value, { stream: true });
    assert.match(text, /^ABC/);
    await gate.reached;
    gate.open();
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
      text += decoder.decode(value, { stream: true });
    }
    assert.equal(text, `ABC${"X".repeat(100_000)}!`);
    await testLog.waitFor({
      message: /^\{method\}/,
      properties: {
        tenant: tenant.name,
        ...{
          requestBytes: 100_003,
          relayedRequestBytes: 100_003,
          responseBytes: 100_003,
          relayedResponseBytes: 100_004,
        },
      },
    });
  });

  Deno.test(`${listener}: an answer without delivery leaves the upload unread, and the connection of the next usable`, async () => {
    await using site = await startIntercepted(
      [
        onRequest(({ path }) => path === "/no" ? { answer: { status: 409, body: "no" } } : undefined),
      ],
      {},
      { listener },
    );
    const { server, tenant } = site;
    for (const size of [10, 100_000, 5_000_000]) {
      const refused = await server.relay(tenant, "app/no", { method: "POST", body: "x".repeat(size) });
      await assertAnswer(refused, { status: 409, text: "no" });
      await assertAnswer(await server.relay(tenant, "app", { method: "POST", body: "yes" }), { text: "yes" });
    }
    await testLog.waitFor({
      message: /^\{method\}/,
      properties: { tenant: tenant.name, status: 409, outcome: "succeeded", relayedRequestBytes: 0 },
    }, { count: 3 });
  });

  Deno.test(`${listener}: an answer with delivery waits for the rest of a large upload`, async () => {
    const { promise, resolve } = Promise.withResolvers<number>();
    await using site = await startIntercepted([onRequest(() => ({ answer: { status: 202 }, deliver: true }))], {
      app: async (request) => {
        resolve((await request.arrayBuffer()).byteLength);
        return new Response("x".repeat(1_000_000));
      },
    }, { listener });
    const response = await site.server.relay(site.tenant, "app", { method: "POST", body: "x".repeat(3_000_000) });
    await assertAnswer(response, { status: 202, text: "" });
    assert.equal(await promise, 3_000_000);
  });

  Deno.test(`${listener}: a client that leaves ends what interceptors wait for`, async () => {
    const { promise: started, resolve: start } = Promise.withResolvers<void>();
    const { promise: aborted, resolve: abort } = Promise.withResolvers<void>();
    await using site = await startIntercepted(
      [
        onRequest((_request, { signal }) => {
          start();
          signal.addEventListener("abort", () => abort());
          return new Promise<void>(() => {});
        }),
      ],
      {},
      { listener },
    );
    {
      using client = await connectTcp(site.server.port);
      await client.send(`GET /relay/${site.tenant.name}/app HTTP/1.1\r\nHost: x\r\n\r\n`);
      await started;
    }
    await aborted;
    const properties = { tenant: site.tenant.name, errorCode: "client_gone", outcome: "aborted" };
    await testLog.waitFor({ message: /^\{method\}/, properties });
  });

  Deno.test(`${listener}: HEAD stays HEAD for the client, whatever the target was asked`, async () => {
    await using site = await startIntercepted(
      [
        onRequest(({ method }) => ({ method: method === "HEAD" ? "GET" : "HEAD" })),
      ],
      { app: ({ method }) => new Response(method === "GET" ? "body" : null, { headers: { "Content-Length": "4" } }) },
      {
        listener,
      },
    );
    for (const method of ["HEAD", "GET"]) {
      using client = await connectTcp(site.server.port);
      await client.send(`${method} /relay/${site.tenant.name}/app HTTP/1.1\r\nHost: x\r\n\r\n`);
      const { status, body } = await client.readResponse({ method });
      assert.equal(`${status} ${body.length}`, "200 0");
    }
  });
}

Deno.test("a response interceptor changes status, headers and body, and knows the request", async () => {
  await using site = await startIntercepted([
    onRequest(({ headers }) => ({ headers: [...headers, ["X-Mark", "1"]], path: "/new" })),
    onResponse(({ status, header, request }) => ({
      status: 418,
      headers: [["X-Seen", `${status} ${request.method} ${request.path} ${request.header("X-MARK")}`]],
      body: typeof header,
    })),
  ]);
  const { server, tenant } = site;
  const response = await server.relay(tenant, "app/old", { method: "POST", body: "x" });
  assert.equal(response.headers.get("x-seen"), "200 POST /new 1");
  assert.equal(response.headers.get("x-target"), null);
  await assertAnswer(response, { status: 418, text: "function" });
});

Deno.test("response interceptors see direct answers, but not the relay's own", async () => {
  await using site = await startIntercepted([
    onRequest(({ path }) =>
      path === "/direct" ? { answer: { status: 200, headers: [["X-A", "1"]], body: parts("a", "b") } } : undefined
    ),
    onResponse(({ headers }) => ({ headers: [...headers, ["X-B", "2"]] })),
  ]);
  const { server, tenant } = site;
  const direct = await server.relay(tenant, "app/direct");
  assert.deepEqual([direct.headers.get("x-a"), direct.headers.get("x-b")], ["1", "2"]);
  await assertAnswer(direct, { text: "ab" });
  const unknown = await server.relay(tenant, "nowhere");
  assert.equal(unknown.headers.get("x-b"), null);
  await assertProblem(unknown, { status: 404, code: "target_unknown" });
});

Deno.test("an answer ends the interceptors that follow, unless the request is delivered", async () => {
  const seen: string[] = [];
  const deliver = onRequest(({ path }) => ({ answer: { status: 202 }, deliver: path === "/deliver" }));
  const { promise, resolve } = Promise.withResolvers<string | null>();
  await using site = await startIntercepted([
    deliver,
    onRequest(({ path, headers }) => {
      seen.push(path);
      return { headers: [...headers, ["X-Later", "1"]] };
    }),
  ], {
    app: ({ headers }) => {
      resolve(headers.get("x-later"));
      return new Response();
    },
  });
  const { server, tenant } = site;
  await assertAnswer(await server.relay(tenant, "app/answer"), { status: 202, text: "" });
  await assertAnswer(await server.relay(tenant, "app/deliver"), { status: 202, text: "" });
  assert.deepEqual(seen, ["/deliver"]);
  assert.equal(await promise, "1");
});

Deno.test("a delivery that fails after its client was answered is in the log", async () => {
  await using site = await startIntercepted([
    onRequest(() => ({ answer: { status: 202 }, deliver: true, target: "nowhere" })),
  ]);
  await assertAnswer(await site.server.relay(site.tenant, "app"), { status: 202, text: "" });
  await testLog.waitFor({ message: /^Cannot deliver request \{requestId\}/ });
});

Deno.test("interceptors know tenant, request, client and log, and see the forwarding headers", async () => {
  const seen: Record<string, unknown>[] = [];
  await using site = await startIntercepted(
    [
      onRequest((request, { tenant, requestId, clientAddress, hop, logger, signal }) => {
        seen.push({
          tenant,
          requestId,
          clientAddress,
          scheme: hop.scheme,
          for: request.header("x-forwarded-for"),
          signal,
        });
        logger.info("Hello from an interceptor");
      }, "greeter"),
    ],
    {},
    { trustedProxies: ["127.0.0.1"] },
  );
  const { server, tenant } = site;
  await assertAnswer(await server.relay(tenant, "app", { headers: { "X-Forwarded-For": "192.0.2.7" } }), { text: "" });
  const [{ requestId, signal, ...facts } = {}] = seen;
  assert.ok(signal instanceof AbortSignal);
  assert.deepEqual(facts, {
    tenant: { id: tenant.id, name: tenant.name },
    clientAddress: "192.0.2.7",
    scheme: "http",
    for: "192.0.2.7, 127.0.0.1",
  });
  const properties = { interceptor: "greeter", tenant: tenant.name, requestId };
  await testLog.waitFor({ message: /^Hello from an interceptor/, properties });
});

Deno.test("what an interceptor throws is 500 for that request, with its name in the log and nothing of it in the answer", async () => {
  const failing: Record<string, Interceptor> = {
    "throws at once": onRequest(() => {
      throw new Error("secret-detail");
    }),
    "rejects": onRequest(() => Promise.reject(new TypeError("secret-detail"))),
    "throws no error": onRequest(() => Promise.reject("secret-detail")),
    "throws for the response": onResponse(() => Promise.reject(new Error("secret-detail"))),
    "reads too much": onResponse(async (response) => void await response.readBody({ maxBytes: 3 })),
    "forgets the stream": onRequest(({ body }) => void (body !== null && "stream" in body && body.stream.getReader())),
  };
  for (const [name, interceptor] of Object.entries(failing)) {
    await using site = await startIntercepted([{ ...interceptor, name }]);
    const { server, tenant } = site;
    for (let count = 0; count < 2; count++) {
      const init = { method: "POST", body: parts("a".repeat(10)), duplex: "half" } as RequestInit;
      const response = await server.relay(tenant, "app", init);
      await assertProblem(response, { status: 500, code: "internal_error", notEchoed: ["secret-detail", name] })
        .catch((error) => assert.fail(`${name}: ${error.message}`));
    }
    const properties = { interceptor: name, tenant: tenant.name };
    await testLog.waitFor({ message: /^Interceptor \{interceptor\} failed/, properties }, { count: 2 });
    await testLog.waitFor({ message: /^\{method\}/, properties: { tenant: tenant.name, outcome: "errored" } }, {
      count: 2,
    });
  }
});

Deno.test("an interceptor that takes too long is 500 after its time, and its signal says so", async () => {
  const reasons: unknown[] = [];
  const forever = (signal: AbortSignal) => {
    signal.addEventListener("abort", () => reasons.push(signal.reason.name));
    return new Promise<never>(() => {});
  };
  const slow: readonly (readonly [Interceptor, object])[] = [
    [{ name: "slow", timeoutMs: 20, interceptRequest: (_request, { signal }) => forever(signal) }, {}],
    [{ name: "slow", timeoutMs: 20, interceptResponse: (_response, { signal }) => forever(signal) }, {}],
    [{ name: "slow", interceptRequest: (_request, { signal }) => forever(signal) }, { requestExpiration: "20ms" }],
  ];
  for (const [interceptor, overrides] of slow) {
    await using site = await startIntercepted([interceptor], {}, overrides);
    await assertProblem(await site.server.relay(site.tenant, "app"), { status: 500, code: "internal_error" });
  }
  assert.deepEqual(reasons, ["TimeoutError", "TimeoutError", "TimeoutError"]);
});

Deno.test("what makes no sense is refused, and the log says what is wrong with it", async () => {
  const request: readonly (readonly [changes: unknown, problem: RegExp])[] = [
    [{ method: "GET\r\nX: y" }, /^method/],
    [{ method: "CONNECT" }, /^method/],
    [{ method: "get" }, /^method/],
    [{ target: "a/b" }, /^target/],
    [{ target: ".." }, /^target/],
    [{ path: "x" }, /^path/],
    [{ path: "/../admin" }, /^path/],
    [{ path: "/%2e%2e/admin" }, /^path/],
    [{ path: "/a b" }, /^path/],
    [{ path: "/a#b" }, /^path/],
    [{ path: "/a\r\nX: y" }, /^path/],
    [{ path: "/ü€" }, /^path/],
    [{ path: 1 }, /^path/],
    [{ headers: { "X-A": "b" } }, /^headers/],
    [{ headers: [["X-A"]] }, /^headers/],
    [{ headers: [["X-A", 1]] }, /^headers/],
    [{ headers: [["X A", "b"]] }, /name of a header/],
    [{ headers: [["X-A", "b\r\nX-B: c"]] }, /X-A/],
    [{ headers: [["X-A", "€"]] }, /X-A/],
    [{ headers: [["Transfer-Encoding", "chunked"]] }, /Transfer-Encoding/],
    [{ headers: [["connection", "X-A"]] }, /connection/],
    [{ headers: [["RelayServer-RequestId", "x"]] }, /RelayServer-RequestId/],
    [{ body: 1 }, /^body/],
    [{ body: { length: 1 } }, /^body/],
    [{ body: { stream: parts("x"), length: -1 } }, /^length/],
    [{ isTraced: 1 }, /^isTraced/],
    [{ deliver: true }, /^deliver/],
    [{ header: [] }, /"header" is not one of/],
    [[], /^ok$/],
    ["text", /object/],
    [{ answer: null }, /^answer/],
    [{ answer: { status: 99 } }, /^status/],
    [{ answer: { status: 600 } }, /^status/],
    [{ answer: { status: 200, headers: [["X-A", "\0"]] } }, /X-A/],
    [{ answer: { status: 204, body: "x" } }, /204/],
    [{ answer: { status: 200, text: "x" } }, /"text"/],
  ];
  const response: readonly (readonly [changes: unknown, problem: RegExp])[] = [
    [{ status: "200" }, /^status/],
    [{ status: 101 }, /^status/],
    [{ status: 304 }, /304/],
    [{ headers: [["X-A", "b\n"]] }, /X-A/],
    [{ headers: [["Upgrade", "x"]] }, /Upgrade/],
    [{ body: [] }, /^body/],
    [{ target: "x" }, /"target"/],
  ];
  let next: unknown;
  await using forRequests = await startIntercepted([onRequest(() => next as RequestChanges, "wrong")]);
  await using forResponses = await startIntercepted([onResponse(() => next as ResponseChanges, "wrong")]);
  for (const [site, cases] of [[forRequests, request], [forResponses, response]] as const) {
    const { server, tenant } = site;
    const failures = () =>
      testLog.find({
        message: /^Interceptor \{interceptor\} failed/,
        properties: { interceptor: "wrong", tenant: tenant.name },
      });
    for (const [changes, problem] of cases) {
      next = changes;
      const before = failures().length;
      const answer = await server.relay(tenant, "app", { method: "POST", body: "text" });
      if (problem.source === "^ok$") {
        await assertAnswer(answer, { text: "text" });
        continue;
      }
      await assertProblem(answer, { status: 500, code: "internal_error" })
        .catch((error) => assert.fail(`${JSON.stringify(changes)}: ${error.message}`));
      const [failure] = failures().slice(before);
      assert.match((failure?.properties.error as Error).message, problem, JSON.stringify(changes));
    }
    next = undefined;
    await assertAnswer(await server.relay(tenant, "app", { method: "POST", body: "text" }), { text: "text" });
  }
});

Deno.test("readBody() gives small and large bodies, once or again, and the target gets them too", async () => {
  const sizes: number[] = [];
  const read = async (request: InterceptedRequest) => {
    sizes.push(
      (await request.readBody({ maxBytes: 200_000 })).length,
      (await request.readBody({ maxBytes: 200_000 })).length,
    );
  };
  await using site = await startIntercepted([onRequest(read), onRequest(read)]);
  const { server, tenant } = site;
  for (const size of [0, 10, 150_000]) {
    sizes.length = 0;
    await assertAnswer(await server.relay(tenant, "app", { method: "POST", body: "x".repeat(size) }), {
      text: "x".repeat(size),
    });
    assert.deepEqual(sizes, [size, size, size, size]);
  }
  const large = {
    method: "POST",
    body: parts("x".repeat(100_000), "x".repeat(100_001)),
    duplex: "half",
  } as RequestInit;
  await assertProblem(await server.relay(tenant, "app", large), { status: 413, code: "body_too_large" });
});

Deno.test("an access policy judges what the client sent, not what interceptors make of it", async () => {
  await using site = await startSite({ app: ({ url }) => new Response(new URL(url).pathname) }, {}, {
    interceptors: [onRequest(() => ({ path: "/internal" }))],
    tenant: { accessPolicy: { default: "deny", rules: [{ name: "x", effect: "allow", pathPrefixes: ["/public"] }] } },
  });
  const { server, tenant } = site;
  await assertAnswer(await server.relay(tenant, "app/public"), { text: "/internal" });
  await assertProblem(await server.relay(tenant, "app/internal"), { status: 403, code: "access_denied" });
});

Deno.test("the server ends with 2 for a module that cannot be loaded, and takes one that imports a package of its own", async () => {
  await using folder = await DataFolder.create();
  const broken = join(folder.path, "broken.ts");
  await Deno.writeTextFile(broken, `import "./gone.ts"; export default {};`);
  const file = join(folder.path, "broken.json");
  await Deno.writeTextFile(file, JSON.stringify(serverConfig(folder.path, { interceptors: [broken] })));
  const command = new Deno.Command(Deno.execPath(), { args: ["task", "server", "--config", file], cwd: PROJECT_ROOT });
  const { code, stderr } = await command.output();
  const text = new TextDecoder().decode(stderr);
  assert.equal(code, 2, text);
  assert.match(text, /interceptors\.0: .*broken\.ts: Module not found .*gone\.ts/);

  const good = join(folder.path, "good.ts");
  await Deno.writeTextFile(
    good,
    `import { z } from "zod"; const status: number = z.number().parse(418);
    export default { name: "teapot", interceptRequest: () => ({ answer: { status } }) };`,
  );
  const tenant = await folder.database.createTenant();
  await using server = await startServerProcess(folder, { interceptors: [good] });
  await assertAnswer(await server.relay(tenant, "app"), { status: 418, text: "" });
});
