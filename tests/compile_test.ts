import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { CHECKSUMS } from "../tools/compile/compile.ts";
import { VERSION } from "../shared/version.ts";
import { connectorConfig } from "./testkit/connector.ts";
import { EmptyRoot, requireEmptyRoots } from "./testkit/empty_root.ts";
import { compileExecutables, startExecutable } from "./testkit/executables.ts";
import type { ChildProcess } from "./testkit/process.ts";
import { polled } from "./testkit/polled.ts";
import { DataFolder } from "./testkit/programs.ts";
import { serverConfig, startServer } from "./testkit/server.ts";
import { startTarget } from "./testkit/target.ts";

const executables = await compileExecutables();

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: executables.label(name), ignore: executables.isSkipped, fn });
}

async function outputOf(process: ChildProcess): Promise<string> {
  const { code } = await process.status;
  assert.equal(code, 0, process.output);
  return process.stdout;
}

test("the executables tell version, commit, runtime and platform", async () => {
  for (const program of ["connector", "server"] as const) {
    const said = await outputOf(startExecutable(executables.path(program), { args: ["--version"] }));
    const pattern = /^(\S+) \(commit 0123456789ab, Deno \d+\.\d+\.\d+\S*, (\S+)\)\n$/;
    assert.deepEqual(pattern.exec(said)?.slice(1), [VERSION, Deno.build.target], said);
  }
});

test("the compiled connector and the compiled server relay, and end with 0 when they are asked to", async () => {
  await using folder = await DataFolder.create();
  await using target = startTarget(() => new Response("from the target"));
  const config = join(folder.path, "server.json");
  // The base runtime may be older than what the listener "node" needs.
  const serverSettings = serverConfig(folder.path, { listener: "native", log: { format: "text" } });
  await Deno.writeTextFile(config, JSON.stringify(serverSettings));
  await using server = startExecutable(executables.path("server"), { args: ["serve", "--config", config] });
  const [, url = ""] = await server.waitForLine(/is ready: "?(https?:[^ "]+)"? \(public\)/);
  const tenant = await folder.database.createTenant();
  const connectorFile = join(folder.path, "connector.json");
  const settings = connectorConfig({ url }, tenant, { log: { format: "text" }, targets: { app: target.url } });
  await Deno.writeTextFile(connectorFile, JSON.stringify(settings));
  await using connector = startExecutable(executables.path("connector"), { args: ["--config", connectorFile] });
  await connector.waitForLine(/Connected to /);
  const response = await fetch(`${url}/relay/${tenant.name}/app/x`);
  assert.deepEqual([response.status, await response.text()], [200, "from the target"]);
  assert.equal((await connector.stop()).code, 0, connector.output);
  assert.equal((await server.stop()).code, 0, server.output);
});

test("the compiled server has the thread that makes checkpoints of SQLite", async () => {
  await using folder = await DataFolder.create();
  const config = join(folder.path, "server.json");
  const settings = serverConfig(folder.path, { listener: "native", log: { format: "text" } });
  await Deno.writeTextFile(config, JSON.stringify(settings));
  await using server = startExecutable(executables.path("server"), { args: ["serve", "--config", config] });
  await server.waitForLine(/is ready: /);
  const file = join(folder.path, "relay.db");
  writeLog(file);
  const before = Deno.statSync(file).size;
  await polled(async () => (await Deno.stat(file)).size, {
    until: (size) => size > before + LOG_BYTES,
    what: "what was written, in the database's file",
  });
  assert.equal((await server.stop()).code, 0, server.output);
  assert.doesNotMatch(server.output, /checkpoint|worker/);
});

/** Longer than what is left alone. */
const LOG_BYTES = 8 * 1024 * 1024;

/** Makes the log of a database long, and leaves it to others to bring it into the file. */
function writeLog(file: string): void {
  using database = new DatabaseSync(file);
  database.exec("PRAGMA wal_autocheckpoint = 0; create table ballast (bytes blob)");
  database.prepare("insert into ballast values (zeroblob(?))").run(LOG_BYTES);
}

const roots = await requireEmptyRoots();

Deno.test({
  name: roots.label(
    executables.label("the compiled connector needs no other file than its configuration and the C library"),
  ),
  ignore: executables.isSkipped || roots.isSkipped,
  async fn() {
    await using server = await startServer();
    await using target = startTarget(() => new Response("from the target"));
    const tenant = await server.database.createTenant();
    await using root = await EmptyRoot.create(executables.path("connector"), roots);
    const settings = connectorConfig(server, tenant, { log: { format: "text" }, targets: { app: target.url } });
    await root.write("connector.json", JSON.stringify(settings));
    await using connector = root.start(["run", "--config", "/connector.json"]);
    await connector.waitForLine(/Connected to /);
    assert.equal(await (await server.relay(tenant, "app/x")).text(), "from the target");
    assert.equal((await connector.stop()).code, 0, connector.output);
    assert.deepEqual(root.files(), ["connector.json", "proc", "program"], "it left files behind");
  },
});

test("the compiled connector can neither write files nor start programs while it runs, and serves modules", async () => {
  await using folder = await DataFolder.create();
  await using server = await startServer();
  const tenant = await server.database.createTenant();
  const [module, config] = [join(folder.path, "target.js"), join(folder.path, "connector.json")];
  await Deno.writeTextFile(
    module,
    `const outcome = async (act) => { try { await act(); return "done"; } catch (error) { return error.name; } };
     export default async () => new Response([
       await outcome(() => Deno.writeTextFile(${JSON.stringify(join(folder.path, "written"))}, "")),
       await outcome(() => new Deno.Command("/usr/bin/systemctl").output()),
     ].join());`,
  );
  const settings = connectorConfig(server, tenant, { log: { format: "text" }, targets: { probe: { type: module } } });
  await Deno.writeTextFile(config, JSON.stringify(settings));
  await using connector = startExecutable(executables.path("connector"), { args: ["run", "--config", config] });
  await connector.waitForLine(/Connected to /);
  assert.equal(await (await server.relay(tenant, "probe/")).text(), "NotCapable,NotCapable");
});

/** Root may read and write everything. */
const NOBODY = Deno.uid() === 0 ? { uid: 65_534 } : {};

test("the compiled connector names files that it may not read or write", async () => {
  await using folder = await DataFolder.create();
  for (const path of [folder.path, executables.folder]) await Deno.chmod(path, 0o755);
  const file = (name: string) => join(folder.path, name);
  const settings = {
    relayServerBaseUri: "https://relay.example",
    tenantName: "acme",
    tenantSecretFile: file("secret"),
    targets: { erp: { url: "https://erp", tls: { caFile: file("secret") } } },
  };
  await Deno.writeTextFile(file("secret"), "hunter2", { mode: 0o000 });
  await Deno.writeTextFile(file("connector.json"), JSON.stringify(settings), { mode: 0o644 });
  await Deno.writeTextFile(file("open.json"), JSON.stringify({ ...settings, tenantSecretFile: undefined }));
  await Deno.writeTextFile(file("appsettings.json"), '{"RelayConnector":{}}');
  await Deno.chmod(folder.path, 0o555);
  const env = { RELAY_CONNECTOR__TENANT_SECRET: "hunter3" };
  const cases:
    readonly (readonly [args: readonly string[], code: number, said: RegExp, env?: Record<string, string>])[] = [
      [["run", "--config", file("secret")], 2, /secret/],
      [
        ["run", "--config", file("connector.json")],
        2,
        /tenantSecretFile: Cannot read the file that is named here: .*permission/i,
      ],
      [
        ["run", "--config", file("open.json")],
        2,
        /targets\.erp\.tls\.caFile: Cannot read the file: .*permission/i,
        env,
      ],
      [["config", "import", file("secret")], 1, /^Cannot import .*: .*permission/im],
      [
        ["config", "import", file("appsettings.json"), "--output", file("new.json")],
        1,
        /^Cannot write .*new\.json: .*permission/im,
      ],
    ];
  for (const [args, code, said, more = {}] of cases) {
    await using process = startExecutable(executables.path("connector"), { args, env: more, ...NOBODY });
    assert.equal((await process.status).code, code, process.output);
    assert.match(process.stderr, said);
    assert.doesNotMatch(process.output, /hunter/);
  }
});

test("the checksums are those of the files beside them", async () => {
  const sums = await Deno.readTextFile(join(executables.folder, CHECKSUMS));
  const lines = sums.trimEnd().split("\n").map((line) => line.split("  "));
  assert.equal(lines.length, 4);
  for (const [digest, name = ""] of lines) {
    const bytes = await Deno.readFile(join(executables.folder, name));
    assert.equal(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex(), digest, name);
  }
});
