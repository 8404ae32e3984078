/**
 * Interceptors that fail, take too long, make no sense, cannot be loaded, or whose client has left.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { Interceptor, RequestChanges, ResponseChanges } from "../server/mod.ts";
import { assertAnswer, assertProblem } from "./testkit/http.ts";
import { onRequest, onResponse, parts, startIntercepted } from "./testkit/interceptors.ts";
import { LISTENERS } from "./testkit/listeners.ts";
import { testLog } from "./testkit/log.ts";
import { PROJECT_ROOT } from "./testkit/process.ts";
import { DataFolder, startServerProcess } from "./testkit/programs.ts";
import { serverConfig } from "./testkit/server.ts";
import { connectTcp } from "./testkit/tcp.ts";

for (const listener of LISTENERS) {
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
}

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
      await assertProblem(answer, { status: 500, code: "internal_error" })
        .catch((error) => assert.fail(`${JSON.stringify(changes)}: ${error.message}`));
      const [failure] = failures().slice(before);
      assert.match((failure?.properties.error as Error).message, problem, JSON.stringify(changes));
    }
    for (const nothing of [[], undefined]) {
      next = nothing;
      await assertAnswer(await server.relay(tenant, "app", { method: "POST", body: "text" }), { text: "text" });
    }
  }
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
