import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { EchoTarget } from "./echo.ts";
import { loadFetchHandler } from "./module.ts";
import { PingTarget } from "./ping.ts";
import { TargetRegistry } from "./registry.ts";
import { answering, bytes, relayRequest, targetContext, textOf } from "./testkit.ts";

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
