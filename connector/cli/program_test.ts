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
