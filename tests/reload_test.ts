/**
 * A connector that is given another configuration while it works.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { connectorConfig, type ConnectorOverrides, type TestTargets } from "./testkit/connector.ts";
import { assertAnswer, assertProblem } from "./testkit/http.ts";
import type { ChildProcess } from "./testkit/process.ts";
import { DataFolder, type ServerProcess, startConnectorProcess, startServerProcess } from "./testkit/programs.ts";
import { Gate, startTarget } from "./testkit/target.ts";
import type { TestTenant } from "./testkit/tenants.ts";

type Options = ConnectorOverrides & { readonly targets: TestTargets };

/** A server and a connector as processes, and the connector's file. */
async function startProgram(options: Options) {
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await DataFolder.create());
  const server = resources.use(await startServerProcess(folder));
  const tenant = await folder.database.createTenant();
  const known = new Set([...Deno.readDirSync(folder.path)].map(({ name }) => name));
  const connector = resources.use(await startConnectorProcess(server, tenant, { folder, ...options }));
  const file = [...Deno.readDirSync(folder.path)].map(({ name }) => name)
    .find((name) => name.startsWith("connector-") && !known.has(name))!;
  const kept = resources.move();
  return new Program({ folder, server, tenant, connector, file: join(folder.path, file) }, kept);
}

interface Parts {
  readonly folder: DataFolder;
  readonly server: ServerProcess;
  readonly tenant: TestTenant;
  readonly connector: ChildProcess;
  readonly file: string;
}

class Program implements AsyncDisposable {
  readonly parts: Parts;
  readonly #resources: AsyncDisposableStack;
  #reloads = 0;

  constructor(parts: Parts, resources: AsyncDisposableStack) {
    this.parts = parts;
    this.#resources = resources;
  }

  relay(path: string, init?: RequestInit): Promise<Response> {
    return this.parts.server.relay(this.parts.tenant, path, init);
  }

  /** Writes another configuration, as an editor does: beside the file, then over it. */
  async configure(options: Options): Promise<void> {
    const { server, tenant } = this.parts;
    await this.write(JSON.stringify(connectorConfig(server, tenant, { log: { format: "text" }, ...options })));
  }

  async write(text: string): Promise<void> {
    await Deno.writeTextFile(`${this.parts.file}.new`, text);
    await Deno.rename(`${this.parts.file}.new`, this.parts.file);
  }

  /** Waits until the configuration was read again. */
  async reloaded(): Promise<string> {
    const [line] = await this.parts.connector.waitForLine(/.*Configuration read again.*/, { count: ++this.#reloads });
    return line;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

/** Does something again and again, eight times at once. */
function startLoad(work: () => Promise<void>) {
  let isOver = false;
  const workers = Promise.all(Array.from({ length: 8 }, async () => {
    while (!isOver) await work();
  }));
  const stop = async () => {
    isOver = true;
    await workers;
  };
  return { stop, [Symbol.asyncDispose]: stop };
}

Deno.test("a changed file counts at once, under load, without a lost request or connection", async () => {
  await using first = startTarget(() => new Response("first"));
  await using second = startTarget(() => new Response("second"));
  const gate = new Gate();
  await using held = startTarget(async () => {
    await gate.pass();
    return new Response("held to its end");
  });
  await using program = await startProgram({ targets: { app: first.url, held: held.url, gone: first.url } });
  const running = program.relay("held");
  // Its failure is seen below, or is not what failed.
  running.catch(() => {});
  await gate.reached;
  const answers: string[] = [];
  await using load = startLoad(async () => {
    const response = await program.relay("app");
    answers.push(`${response.status} ${await response.text()}`);
  });
  await program.configure({ targets: { app: second.url, held: second.url, fresh: second.url } });
  assert.match(await program.reloaded(), /targets added fresh, removed gone, changed "app, held"/);
  await assertAnswer(await program.relay("fresh"), { text: "second" });
  await assertAnswer(await program.relay("held"), { text: "second" });
  await assertProblem(await program.relay("gone"), { status: 404, code: "target_unknown" });
  // Back and forth while requests are under way.
  for (const target of [first, second, first]) {
    await program.configure({ targets: { app: target.url, held: second.url } });
    await program.reloaded();
  }
  gate.open();
  await assertAnswer(await running, { text: "held to its end" });
  await load.stop();
  assert.deepEqual(new Set(answers), new Set(["200 first", "200 second"]));
  const { connector, server } = program.parts;
  assert.equal(connector.output.match(/Connected to /g)?.length, 1);
  await server.process.waitForLine(/serves the targets .*app.*held.*unhealthy/, { count: 2 });
  assert.doesNotMatch(server.process.output, / disconnected: /);
});

Deno.test("a bad file keeps the old configuration and says all that is wrong, and a mended one counts", async () => {
  await using target = startTarget(() => new Response("works"));
  await using program = await startProgram({ targets: { app: target.url } });
  const { connector } = program.parts;
  await program.configure({
    targets: { app: { url: "ftp://x" }, other: { url: "http://x", tls: { caFile: "/missing" }, timeout: "soon" } },
    connections: 1000,
  });
  await connector.waitForLine(
    /not taken, the old one stays.*targets\.app\.url: .*; targets\.other\.timeout: .*; connections: .*/,
  );
  await program.configure({
    targets: { app: { url: "https://x", tls: { caFile: "/missing" } }, b: { type: "./missing.ts" } },
  });
  await connector.waitForLine(/not taken, .*targets\.app\.tls\.caFile: Cannot read the file: .*; targets\.b: /);
  await program.write('{ "targets": ');
  await connector.waitForLine(/not taken, .*Cannot parse the file/);
  await Deno.remove(program.parts.file);
  await connector.waitForLine(/not taken, .*it does not exist/);
  await assertAnswer(await program.relay("app"), { text: "works" });
  await program.configure({ targets: { app: target.url, ping: { type: "ping" } } });
  assert.match(await program.reloaded(), /added ping, removed \(none\), changed \(none\)/);
});

Deno.test("SIGHUP reads again what the file only names, and what cannot change is said", async () => {
  await using target = startTarget((request) => new Response(request.headers.get("authorization")));
  const secretFile = await Deno.makeTempFile();
  await using _file = { [Symbol.asyncDispose]: () => Deno.remove(secretFile) };
  await Deno.writeTextFile(secretFile, "old-token\n");
  const targets = { app: { url: target.url, credentials: { bearerFile: secretFile } } };
  await using program = await startProgram({ targets });
  await assertAnswer(await program.relay("app"), { text: "Bearer old-token" });
  await Deno.writeTextFile(secretFile, "new-token\n");
  Deno.kill(program.parts.connector.pid, "SIGHUP");
  assert.match(await program.reloaded(), /\(SIGHUP\).*changed app/);
  await assertAnswer(await program.relay("app"), { text: "Bearer new-token" });
  await program.configure({
    targets,
    tenantName: "other",
    connections: 2,
    relayServerBaseUri: "https://other.example",
  });
  await program.parts.connector.waitForLine(
    /count only after a restart: "relayServerBaseUri, tenantName, connections"/,
  );
  await assertAnswer(await program.relay("app"), { text: "Bearer new-token" });
  assert.doesNotMatch(program.parts.connector.output, /(?:old|new)-token/);
});

Deno.test("a connector with a wrong secret says what to do, and connects as soon as the file has the right one", async () => {
  await using folder = await DataFolder.create();
  await using server = await startServerProcess(folder);
  const tenant = await folder.database.createTenant();
  await using connector = await startConnectorProcess(server, { ...tenant, connectorSecret: "wrong-secret" }, {
    folder,
    targets: { ping: { type: "ping" } },
    awaited: /refused the tenant's credentials.*; check tenantName and tenantSecret/,
  });
  const name = [...Deno.readDirSync(folder.path)].map(({ name }) => name).find((each) =>
    each.startsWith("connector-")
  )!;
  const config = connectorConfig(server, tenant, { log: { format: "text" }, targets: { ping: { type: "ping" } } });
  await Deno.writeTextFile(join(folder.path, name), JSON.stringify(config));
  await connector.waitForLine(/Connected to /);
  assert.doesNotMatch(connector.output, /wrong-secret/);
});
