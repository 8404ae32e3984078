import assert from "node:assert/strict";
import { join } from "node:path";
import { TEST_CERTIFICATE } from "../../shared/net/testing.ts";
import { pathToFileURL } from "node:url";
import { EchoTarget } from "./echo.ts";
import { loadFetchHandler } from "./module.ts";
import { PingTarget } from "./ping.ts";
import { TargetRegistry } from "./registry.ts";
import { answering, bytes, RawServer, relayRequest, targetContext, textOf } from "./testkit.ts";

Deno.test("find() matches names without regard to case, then the catch-all", async () => {
  await using registry = await TargetRegistry.create({ Erp: { type: "echo" }, "*": { type: "ping" } }, {
    handlers: { App: () => new Response() },
  });
  assert.deepEqual(registry.names(), ["App", "Erp", "*"]);
  assert.ok(registry.find("eRP") instanceof EchoTarget);
  assert.ok(registry.find("other") instanceof PingTarget);
  assert.ok(registry.find("__proto__") instanceof PingTarget);
  await using without = await TargetRegistry.create({ erp: { type: "echo" } });
  assert.equal(without.find("other"), undefined);
  assert.equal(without.find("toString"), undefined);
});

Deno.test("create() builds a web target from its configuration, and disposal ends its calls", async () => {
  await using server = await answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  const registry = await TargetRegistry.create({ web: { type: "web", url: server.url, timeout: 1_000 } });
  const target = registry.find("web");
  assert.equal(await textOf(await target!.handle(relayRequest(), targetContext())), "ok");
  await registry[Symbol.asyncDispose]();
  await server.connections[0]!.closed;
});

Deno.test("create() names the target that cannot be used", async () => {
  const unusable = [
    { type: "web" },
    { type: "web", url: "ftp://h" },
    { type: "./missing.ts" },
    { type: "web", url: "https://h", tls: { caFile: "./missing.pem" } },
  ];
  for (const options of unusable) {
    await assert.rejects(TargetRegistry.create({ Erp: options }), /ConfigError: targets\.Erp[.a-zA-Z]*: ./);
  }
  await assert.rejects(TargetRegistry.create({ a: { type: "echo" }, A: { type: "echo" } }), /targets\.A: There is/);
});

Deno.test("EchoTarget sends the body back with its type", async () => {
  const echo = new EchoTarget();
  const headers = [["X-A", "1"], ["content-type", "text/x"]] as const;
  const response = await echo.handle(relayRequest({ method: "POST", headers, body: bytes("hello") }));
  assert.deepEqual(response, { status: 200, headers: [["content-type", "text/x"]], body: bytes("hello") });
  const stream = ReadableStream.from([bytes("a"), bytes("b")]);
  assert.equal(await textOf(await echo.handle(relayRequest({ method: "POST", body: { stream } }))), "ab");
});

Deno.test("PingTarget answers with the call's facts", async () => {
  const response = await new PingTarget().handle(relayRequest({ target: "p", requestId: "id" }));
  const { time, ...rest } = JSON.parse(await textOf(response));
  assert.deepEqual(rest, { status: "ok", target: "p", requestId: "id" });
  assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
});

Deno.test("loadFetchHandler() says why a module cannot be loaded, on one line", async () => {
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "relayserver-" }));
  await using files = new AsyncDisposableStack();
  files.defer(() => Deno.remove(folder, { recursive: true }));
  const path = `${folder}/target.ts`;
  await Deno.writeTextFile(path, `import "./gone.ts"; export default () => new Response();`);
  await assert.rejects(loadFetchHandler(path), {
    message: /^Cannot load target module: [^\n]*: [^\n]*gone\.ts[^\n]*$/,
  });
});

Deno.test("loadFetchHandler() takes a function or an object with fetch, by path or URL", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const handler = join(directory, "handler.ts");
    const app = join(directory, "app.ts");
    const other = join(directory, "other.ts");
    await Deno.writeTextFile(handler, `export default (request: Request) => new Response("handler " + request.url);`);
    await Deno.writeTextFile(
      app,
      `export default { greeting: "app", fetch() { return new Response(this.greeting); } };`,
    );
    await Deno.writeTextFile(other, `export default 1;`);
    await using registry = await TargetRegistry.create({
      handler: { type: handler },
      app: { type: pathToFileURL(app).href },
    });
    const ask = async (name: string) =>
      await textOf(await registry.find(name)!.handle(relayRequest(), targetContext()));
    assert.equal(await ask("handler"), "handler http://target.invalid/");
    assert.equal(await ask("app"), "app");
    await assert.rejects(loadFetchHandler(other), TypeError);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

/** An HTTP server that answers with its name, or waits for a gate on `/wait`. */
async function startNamed(name: string) {
  const gate = Promise.withResolvers<void>();
  const server = await RawServer.start(async (connection) => {
    for (;;) {
      const head = await Promise.race([connection.head(), connection.closed]);
      if (head === undefined) return;
      connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${name.length + 1}\r\n\r\n${name}`);
      if (head.startsWith("GET /wait")) await gate.promise;
      connection.send(".");
    }
  });
  return { server, open: () => gate.resolve(), [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

async function askFor(registry: TargetRegistry, name: string, path = "/"): Promise<string> {
  const response = await registry.find(name)!.handle(
    relayRequest({ path }),
    targetContext({ inlineBodyLimitBytes: 0 }),
  );
  return await textOf(response);
}

Deno.test("replace() adds, removes and changes targets, keeps the sockets of those that stay, and ends no call", async () => {
  await using old = await startNamed("old");
  await using other = await startNamed("new");
  const web = (url: string) => ({ type: "web", url });
  await using registry = await TargetRegistry.create({
    same: web(old.server.url),
    moved: web(old.server.url),
    gone: web(old.server.url),
  }, { handlers: { app: () => new Response("app") } });
  assert.equal(await askFor(registry, "same"), "old.");
  const running = registry.find("moved")!.handle(
    relayRequest({ path: "/wait" }),
    targetContext({ inlineBodyLimitBytes: 0 }),
  );
  const response = await running;
  const changes = await registry.replace({
    Same: web(old.server.url),
    moved: web(other.server.url),
    fresh: web(other.server.url),
  });
  assert.deepEqual(changes, { added: ["fresh"], removed: ["gone"], changed: ["moved"] });
  assert.deepEqual(registry.names(), ["app", "Same", "moved", "fresh"]);
  assert.equal(registry.find("gone"), undefined);
  assert.deepEqual([await askFor(registry, "same"), await askFor(registry, "moved")], ["old.", "new."]);
  assert.equal(await askFor(registry, "app"), "app");
  // The call that began before goes on to its end; its socket is closed after it.
  old.open();
  assert.equal(await textOf(response), "old.");
  await old.server.connections[1]!.closed;
  assert.equal(old.server.connections.length, 2);
});

Deno.test("replace() with the same configuration changes nothing", async () => {
  const configured = { erp: { type: "web", url: "http://erp", headers: { a: "b" } }, "*": { type: "echo" } };
  await using registry = await TargetRegistry.create(configured);
  const before = registry.find("erp");
  assert.deepEqual(await registry.replace(structuredClone(configured)), { added: [], removed: [], changed: [] });
  assert.equal(registry.find("erp"), before);
});

Deno.test("replace() names everything that cannot be used, and changes nothing then", async () => {
  await using registry = await TargetRegistry.create({ erp: { type: "echo" } });
  const before = registry.find("erp");
  const problems = await registry.replace({
    erp: { type: "web", url: "http://erp" },
    a: { type: "web", url: "https://h", tls: { caFile: "./missing.pem", certFile: "./missing.pem", keyFile: "." } },
    b: { type: "./missing.ts" },
    c: { type: "web", url: "http://h", headers: { "Content-Length": "1" } },
  }).then(() => [], (error) => error.problems);
  assert.deepEqual(problems.map(({ path }: { path: string }) => path), [
    "targets.a.tls.caFile",
    "targets.a.tls.certFile",
    "targets.a.tls.keyFile",
    "targets.b",
    "targets.c",
  ]);
  assert.equal(registry.find("erp"), before);
  assert.deepEqual(registry.names(), ["erp"]);
});

Deno.test("replace() takes a certificate that was renewed in its file", async () => {
  const directory = await Deno.makeTempDir();
  await using _directory = { [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }) };
  const caFile = join(directory, "ca.pem");
  await Deno.writeTextFile(caFile, `old\n${TEST_CERTIFICATE}`);
  const configured = { erp: { type: "web", url: "https://erp", tls: { caFile } } };
  await using registry = await TargetRegistry.create(configured);
  assert.deepEqual((await registry.replace(configured)).changed, []);
  await Deno.writeTextFile(caFile, `new\n${TEST_CERTIFICATE}`);
  assert.deepEqual((await registry.replace(configured)).changed, ["erp"]);
});

Deno.test("a file in place of a target's authority that holds no certificate is refused, and named", async () => {
  const targets = { erp: { type: "web", url: "https://erp", tls: { caFile: import.meta.filename! } } };
  await assert.rejects(
    TargetRegistry.create(targets),
    /targets\.erp\.tls\.caFile: Cannot use the file: .*no certificate/,
  );
});

Deno.test("a registry checks the health of its targets, tells, and starts anew where the check has changed", async () => {
  await using well = await answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  await using ill = await answering("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
  let changed = Promise.withResolvers<void>();
  const healthCheck = {
    path: "/",
    interval: 100,
    timeout: 1000,
    expectedStatus: ["200"],
    healthyAfter: 1,
    unhealthyAfter: 1,
  };
  const targets = {
    well: { type: "web", url: well.url, healthCheck },
    ill: { type: "web", url: ill.url, healthCheck, maximumConcurrentRequests: 1 },
    unchecked: { type: "echo" },
  };
  await using registry = await TargetRegistry.create(targets, { onHealthChange: () => changed.resolve() });
  assert.deepEqual(registry.served(), { targets: ["well", "ill", "unchecked"], unhealthy: [] });
  while (registry.status().some(({ health }) => health?.health === "unknown")) {
    await changed.promise;
    changed = Promise.withResolvers();
  }
  assert.deepEqual(registry.served().unhealthy, ["ill"]);
  const [first, second, third] = registry.status();
  assert.equal(first?.health?.health, "healthy");
  assert.deepEqual([second?.url, second?.health?.failure], [ill.url, "it answered 503"]);
  assert.deepEqual(third, { name: "unchecked", type: "echo" });
  const before = registry.find("ill");
  const expecting = { ...targets.ill, healthCheck: { ...healthCheck, expectedStatus: ["503"] } };
  assert.deepEqual((await registry.replace({ ...targets, ill: expecting })).changed, ["ill"]);
  assert.equal(registry.find("ill"), before);
  while (registry.status()[1]?.health?.health !== "healthy") {
    changed = Promise.withResolvers();
    await changed.promise;
  }
});

Deno.test("a registry holds 500 targets with checks", async () => {
  await using server = await answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  const healthCheck = {
    path: "/",
    interval: 60_000,
    timeout: 10_000,
    expectedStatus: ["200"],
    healthyAfter: 1,
    unhealthyAfter: 1,
  };
  let healthy = 0;
  const all = Promise.withResolvers<void>();
  const configured = Object.fromEntries(
    Array.from({ length: 500 }, (_, index) => [`t${index}`, { type: "web", url: server.url, healthCheck }]),
  );
  await using registry = await TargetRegistry.create(configured, {
    onHealthChange: () => ++healthy === 500 ? all.resolve() : undefined,
  });
  await all.promise;
  assert.equal(registry.names().length, 500);
  assert.equal(await textOf(await registry.find("T499")!.handle(relayRequest(), targetContext())), "ok");
  assert.deepEqual((await registry.replace(configured)).changed, []);
});
