import assert from "node:assert/strict";
import { runCli, type Service } from "../../shared/cli/mod.ts";
import { testIo } from "../../shared/cli/testing.ts";
import type { ConnectorConfig } from "../config.ts";
import type { Reconfiguration } from "../connector.ts";
import { connectorProgram } from "./program.ts";

const ENV = {
  RELAY_CONNECTOR__RELAY_SERVER_BASE_URI: "http://localhost:8080",
  RELAY_CONNECTOR__TENANT_NAME: "acme",
  RELAY_CONNECTOR__TENANT_SECRET: "hunter2",
  RELAY_CONNECTOR__TARGETS: '{"erp":{"url":"http://erp.local"},"*":{"type":"echo"}}',
};

/** A connector that does nothing until it is drained. */
class IdleConnector implements Service {
  readonly #finished = Promise.withResolvers<void>();
  isStarted = false;
  readonly finished = this.#finished.promise;
  config: ConnectorConfig | undefined;
  isDisposed = false;

  start(): void {
    this.isStarted = true;
  }

  reconfigure(config: ConnectorConfig): Promise<Reconfiguration> {
    this.config = config;
    return Promise.resolve({ added: ["crm"], removed: [], changed: [], restartNeeded: ["tenantName"] });
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

function programWith(connector: IdleConnector) {
  return connectorProgram({
    createConnector(config) {
      connector.config = config;
      return connector;
    },
  });
}

async function run(args: readonly string[], env: Record<string, string> = ENV) {
  const io = testIo(env);
  const code = await runCli(programWith(new IdleConnector()), args, io);
  return { code, out: io.out(), err: io.err() };
}

Deno.test("run starts the connector and ends with 0 after a signal, without the secret in the log", async () => {
  const connector = new IdleConnector();
  const io = testIo(ENV);
  const code = runCli(programWith(connector), [], io);
  await io.waitsForSignal;
  io.terminate();
  assert.equal(await code, 0);
  assert.equal(connector.isStarted, true);
  assert.equal(connector.config?.tenantSecret, "hunter2");
  assert.equal(connector.isDisposed, true);
  assert.match(io.log(), /serves tenant acme with the targets erp, \*/);
  assert.doesNotMatch(io.log(), /hunter2/);
});

Deno.test("run ends with 2 and every problem when the configuration is incomplete", async () => {
  const { code, err } = await run([], {});
  assert.equal(code, 2);
  assert.equal(err, "relayServerBaseUri: Is required\ntenantName: Is required\ntenantSecret: Is required\n");
});

Deno.test("targets lists name, type and URL", async () => {
  const { code, out } = await run(["targets"]);
  assert.equal(code, 0);
  assert.equal(out, "erp\tweb\thttp://erp.local\n*\techo\n");
});

Deno.test("targets says on standard error that there are none", async () => {
  const { code, out, err } = await run(["targets", "--targets={}"], { ...ENV, RELAY_CONNECTOR__TARGETS: "" });
  assert.deepEqual([code, out, err], [0, "", "No targets are configured.\n"]);
});

Deno.test("config show masks the secret", async () => {
  const { code, out } = await run(["config", "show"]);
  assert.equal(code, 0);
  assert.equal(JSON.parse(out).tenantSecret, "***");
  assert.doesNotMatch(out, /hunter2/);
});

Deno.test("every command but service gives its further permissions up first", async () => {
  for (const [args, expected] of [[["targets"], 1], [["config", "show"], 1], [["service", "status"], 0]] as const) {
    let count = 0;
    const confine = () => Promise.resolve(void count++);
    const program = connectorProgram({ createConnector: () => new IdleConnector(), confine });
    await runCli(program, args, testIo(ENV));
    assert.equal(count, expected, args.join(" "));
  }
});

Deno.test("diagnose tells of a proxy in the environment that is none, as one document with --json", async () => {
  const { code, out, err } = await run(["diagnose", "--json"], { ...ENV, HTTPS_PROXY: "socks5://user:hunter3@proxy" });
  assert.deepEqual([code, err], [1, ""]);
  const { ok, steps } = JSON.parse(out);
  assert.equal(ok, false);
  assert.match(steps[0].detail, /Cannot use HTTPS_PROXY/);
  assert.doesNotMatch(out, /hunter/);
});

Deno.test("service install wants a configuration file, checks it, and with --dry-run only shows what it would do", async () => {
  const missing = await run(["service", "install"]);
  assert.deepEqual([missing.code, missing.err.split("\n")[0]], [
    2,
    "Missing --config FILE: a service needs its configuration in a file",
  ]);
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/connector.json`;
    await Deno.writeTextFile(file, JSON.stringify({ tenantName: "acme" }));
    const wrong = await run(["service", "install", "--dry-run", "--config", file], {});
    assert.equal(wrong.code, 2);
    assert.match(wrong.err, /relayServerBaseUri: Is required/);
    const right = await run(["service", "install", "--dry-run", "--config", file]);
    assert.match(right.out + right.err, /connector\.json|cannot see/);
    assert.doesNotMatch(right.out, /hunter2/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("service install reads a configuration as the service will: from the folder of its file, and without flags", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/connector.json`;
    const { RELAY_CONNECTOR__TENANT_SECRET: secret = "", ...env } = ENV as Record<string, string>;
    await Deno.writeTextFile(`${folder}/secret`, secret);
    await Deno.writeTextFile(file, JSON.stringify({ tenantSecretFile: "./secret" }));
    const before = Deno.cwd();
    const { err } = await run(["service", "install", "--dry-run", "--config", file], env);
    assert.match(err, /^(?:$|Cannot install the service: )/);
    assert.equal(Deno.cwd(), before);
    const flags = await run(["service", "install", "--dry-run", "--config", file, "--tenant-name", "other"]);
    assert.deepEqual([flags.code, flags.err.split("\n")[0]], [2, "Unknown option --tenant-name"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("service uninstall and status say that it is not installed", async () => {
  const uninstall = await run(["service", "uninstall"]);
  assert.deepEqual([uninstall.code, uninstall.err], [1, "Cannot uninstall the service: it is not installed\n"]);
  const status = await run(["service", "status"]);
  assert.deepEqual([status.code, status.err], [1, "The service is not installed\n"]);
  assert.match((await run(["service", "uninstall", "--dry-run"])).out, /disable --now|bootout|Delete/);
});

const V3_SETTINGS = JSON.stringify({
  RelayConnector: { RelayServerBaseUri: "https://relay", TenantName: "acme", TenantSecret: "hunter2", Targets: {} },
  Serilog: {},
});

Deno.test("config import prints the configuration, warns of the secret, and names what it left out", async () => {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, V3_SETTINGS);
    const { code, out, err } = await run(["config", "import", file], {});
    assert.equal(code, 0, err);
    assert.equal(JSON.parse(out).tenantSecret, "hunter2");
    assert.match(err, /^The output holds the tenant's secret.*\nNot taken over: Serilog: /);
    assert.doesNotMatch(err, /hunter2/);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("config import --output writes a file for its owner only, and overwrites none", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const [file, output] = [`${folder}/appsettings.json`, `${folder}/connector.json`];
    await Deno.writeTextFile(file, V3_SETTINGS);
    const first = await run(["config", "import", file, "--output", output], {});
    assert.deepEqual([first.code, first.out], [0, ""]);
    assert.equal((await Deno.stat(output)).mode! & 0o777, 0o600);
    assert.equal((await run(["config", "show", "--config", output], {})).code, 0);
    const second = await run(["config", "import", file, "--output", output], {});
    assert.equal(second.code, 1);
    assert.match(second.err, /^Cannot write \S+: it exists already/);
    const missing = await run(["config", "import", `${folder}/none`], {});
    assert.match(missing.err, /^Cannot import .*: it does not exist\n$/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("run reads the configuration again on SIGHUP and says what changed", async () => {
  const connector = new IdleConnector();
  const io = testIo(ENV);
  const code = runCli(programWith(connector), [], io);
  await io.waitsForSignal;
  connector.config = undefined;
  io.hangUp();
  await Promise.resolve();
  io.terminate();
  assert.equal(await code, 0);
  assert.equal((connector.config as ConnectorConfig | undefined)?.tenantName, "acme");
  assert.match(io.log(), /targets added crm, removed \(none\), changed \(none\)/);
  assert.match(io.log(), /only after a restart: tenantName/);
});
