import assert from "node:assert/strict";
import { join } from "node:path";
import { runCli } from "../../shared/cli/mod.ts";
import { testIo } from "../../shared/cli/testing.ts";
import { VERSION } from "../../shared/version.ts";
import type { ServerConfig } from "../config/server_config.ts";
import { serverProgram } from "./program.ts";
import type { ServedServer } from "./serve.ts";

/** A server that does nothing until it is drained. */
class IdleServer implements ServedServer {
  readonly #finished = Promise.withResolvers<void>();
  isStarted = false;
  readonly finished = this.#finished.promise;
  readonly publicAddress = { hostname: "0.0.0.0", port: 8080 };
  readonly managementAddress = { hostname: "::1", port: 8081 };
  config: ServerConfig | undefined;
  isDisposed = false;

  start(): Promise<void> {
    this.isStarted = true;
    return Promise.resolve();
  }

  drain(): Promise<void> {
    this.#finished.resolve();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.isDisposed = true;
    return Promise.resolve();
  }
}

function programWith(server: IdleServer) {
  return serverProgram({
    createServer(config) {
      server.config = config;
      return Promise.resolve(server);
    },
  });
}

async function run(args: readonly string[], env: Record<string, string> = {}) {
  const io = testIo(env);
  const code = await runCli(programWith(new IdleServer()), args, io);
  return { code, out: io.out(), err: io.err() };
}

Deno.test("serve starts the server, says where it is, and ends with 0 after a signal", async () => {
  const server = new IdleServer();
  const io = testIo({ RELAY_SERVER__PORT: "1", DENO_SERVE_ADDRESS: "tcp:0.0.0.0:9" });
  const code = runCli(programWith(server), ["--port=2"], io);
  await io.waitsForSignal;
  io.terminate();
  assert.equal(await code, 0);
  assert.equal(server.config?.port, 2);
  assert.equal(server.isStarted, true);
  assert.equal(server.isDisposed, true);
  assert.equal(io.out() + io.err(), "");
  const records = io.log().trimEnd().split("\n").map((line) => JSON.parse(line));
  const messages = records.map(({ message }) => message);
  assert.ok(messages.some((message) => message.startsWith("publicUrl is not set")));
  assert.ok(messages.some((message) => message.startsWith("auth.encryptionKey is not set")));
  assert.ok(messages.some((message) => message.startsWith("DENO_SERVE_ADDRESS is set")));
  const ready = records.find(({ message }) => message.includes("is ready"));
  assert.equal(ready.publicAddress, "http://0.0.0.0:8080");
  assert.equal(ready.managementAddress, "http://[::1]:8081");
  assert.equal(ready.version, VERSION);
  assert.equal(messages.at(-1), "Stopped");
});

Deno.test("serve warns of nothing when nothing is strange", async () => {
  const server = new IdleServer();
  const io = testIo({
    RELAY_SERVER__PUBLIC_URL: "https://relay.example.com",
    RELAY_SERVER__AUTH__ENCRYPTION_KEY: "k".repeat(32),
  });
  const code = runCli(programWith(server), ["serve"], io);
  await io.waitsForSignal;
  io.terminate();
  assert.equal(await code, 0);
  assert.doesNotMatch(io.log(), /"warning"/);
});

Deno.test("serve ends with 1 and disposes the server when it cannot start", async () => {
  const server = new IdleServer();
  server.start = () => Promise.reject(new Error("Cannot listen: port 8080 is taken"));
  const io = testIo();
  assert.equal(await runCli(programWith(server), [], io), 1);
  assert.equal(io.err(), "Cannot listen: port 8080 is taken\n");
  assert.equal(server.isDisposed, true);
});

Deno.test("serve ends with 2 before anything is started when the configuration is wrong", async () => {
  const { code, err } = await run(["serve"], { RELAY_SERVER__PORT: "http", RELAY_SERVER__PROT: "1" });
  assert.equal(code, 2);
  assert.equal(err.trimEnd().split("\n").length, 2);
});

Deno.test("config show prints the effective configuration", async () => {
  const { code, out } = await run(["config", "show", "--requestExpiration=90s"]);
  assert.equal(code, 0);
  const shown = JSON.parse(out);
  assert.equal(shown.requestExpiration, "00:01:30");
  assert.equal(shown.limits.connectorMessage, "1MiB");
});

Deno.test("migrate creates the database, and says when it is up to date", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const env = { RELAY_SERVER__DATA_DIRECTORY: join(folder, "data") };
    const first = await run(["migrate"], env);
    assert.equal(first.code, 0, first.err);
    assert.match(first.out, /^0001/);
    assert.ok((await Deno.stat(join(folder, "data", "relay.db"))).isFile);
    assert.equal((await run(["migrate"], env)).out, "The database is up to date.\n");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
