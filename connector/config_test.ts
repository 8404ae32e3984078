import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ConfigError } from "../shared/config/config_error.ts";
import { loadConfig } from "../shared/config/load.ts";
import { maskedConfig } from "../shared/config/masked_config.ts";
import { connectorConfigSchema, fixedKeysThatDiffer } from "./config.ts";
import { keysOf, load, problems, REQUIRED } from "../tests/testkit/connector_config.ts";

Deno.test("connectorConfigSchema has the documented defaults", () => {
  assert.deepEqual(load({ ...REQUIRED, RELAY_CONNECTOR__TARGETS__ERP__URL: "http://erp.local/base" }), {
    relayServerBaseUri: ["https://relay.example.com"],
    allowInsecure: false,
    tenantName: "acme",
    tenantSecret: "hunter2",
    targets: {
      erp: {
        type: "web",
        url: "http://erp.local/base",
        timeout: 100_000,
        followRedirects: false,
        headers: {},
        preserveHost: false,
        rewrite: false,
        tls: { insecureSkipVerify: false },
      },
    },
    connections: 1,
    status: {},
    log: { level: "info" },
  });
});

Deno.test("connectorConfigSchema names what is missing", () => {
  assert.deepEqual(problems({}), [
    "relayServerBaseUri: Is required",
    "tenantName: Is required",
    "tenantSecret: Is required",
  ]);
});

Deno.test("connectorConfigSchema takes the secret from tenantSecretFile, and not from both", async () => {
  const { RELAY_CONNECTOR__TENANT_SECRET: _, ...env } = REQUIRED;
  const tenantSecretFile = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(tenantSecretFile, "hunter3\n");
    assert.equal(load(env, { tenantSecretFile }).tenantSecret, "hunter3");
    assert.equal(load({ ...env, RELAY_CONNECTOR__TENANT_SECRET_FILE: tenantSecretFile }).tenantSecret, "hunter3");
    assert.equal(problems({ ...REQUIRED, RELAY_CONNECTOR__TENANT_SECRET_FILE: tenantSecretFile }).length, 1);
  } finally {
    await Deno.remove(tenantSecretFile);
  }
});

const SERVERS: readonly (readonly [uri: string, isTaken: boolean])[] = [
  ["https://relay.example.com", true],
  ["https://a.example.com, https://b.example.com/base", true],
  ["http://localhost:8080", true],
  ["http://relay.localhost", true],
  ["http://127.0.0.1:8080", true],
  ["http://127.1:8080", true],
  ["http://[::1]:8080", true],
  ["http://relay.example.com", false],
  ["https://a.example.com,http://b.example.com", false],
  ["HTTP://relay.example.com", false],
  ["http://127.0.0.1.example.com", false],
  ["http://localhost.example.com", false],
];
for (const [uri, isTaken] of SERVERS) {
  Deno.test(`connectorConfigSchema ${isTaken ? "takes" : "refuses"} the servers ${uri}`, () => {
    const env = { ...REQUIRED, RELAY_CONNECTOR__RELAY_SERVER_BASE_URI: uri };
    assert.equal(problems(env).length, isTaken ? 0 : 1);
    assert.equal(problems({ ...env, RELAY_CONNECTOR__ALLOW_INSECURE: "true" }).length, 0);
  });
}

const WRONG_TOP_KEYS: readonly (readonly [name: string, value: string])[] = [
  ["relayServerBaseUri", "relay.example.com"],
  ["relayServerBaseUri", "[]"],
  ["allowInsecure", "yes"],
  ["tenantName", " "],
  ["connections", "0"],
  ["connections", "101"],
  ["connections", "two"],
  ["proxy", "proxy:3128"],
  ["proxy", "ftp://proxy"],
  ["caFile", " "],
  ["allowedTargets", "http://erp.local"],
  ["allowedTargets", "10.0.0.0/99"],
  ["targets", "[]"],
  ["targets", "erp"],
  ["status.port", "65536"],
  ["log.level", "loud"],
  ["log.format", "xml"],
];
for (const [name, value] of WRONG_TOP_KEYS) {
  Deno.test(`connectorConfigSchema refuses ${name}=${value}`, () => {
    const found = problems(REQUIRED, { [name]: value });
    assert.equal(found.length, 1, found.join());
    assert.ok(found[0]!.startsWith(name), found[0]);
  });
}

Deno.test("every key beside the targets is tried with a wrong value here", () => {
  // The secret is required, and tried above.
  const tried = ["tenantSecret", ...WRONG_TOP_KEYS.map(([name]) => name)];
  const keys = keysOf(connectorConfigSchema).filter((key) => !key.startsWith("targets."));
  assert.deepEqual(keys.filter((key) => !tried.some((path) => path === key || path.startsWith(`${key}.`))), []);
});

Deno.test("connectorConfigSchema takes no secret from a flag and names the alternative", () => {
  const flags = {
    tenantSecret: "hunter2",
    proxy: "http://user:hunter2@proxy:3128",
    "targets.erp.credentials.bearer": "hunter2",
    "targets.erp.proxy": "http://user:hunter2@proxy:3128",
  };
  const { RELAY_CONNECTOR__TENANT_SECRET: _, ...env } = REQUIRED;
  const found = problems({ ...env, RELAY_CONNECTOR__TARGETS__ERP__URL: "http://erp" }, flags);
  assert.deepEqual(found.map((line) => line.split(":")[0]).sort(), Object.keys(flags).sort());
  for (const line of found) assert.match(line, /Cannot be given as a flag.*use a file or an environment variable/);
  assert.deepEqual(problems(REQUIRED, { proxy: "http://proxy:3128" }), []);
});

Deno.test("fixedKeysThatDiffer() names what a running connector cannot take", () => {
  const before = load();
  const after = load({
    ...REQUIRED,
    RELAY_CONNECTOR__TENANT_NAME: "other",
    RELAY_CONNECTOR__TENANT_SECRET: "hunter3",
    RELAY_CONNECTOR__PROXY: "http://proxy",
    RELAY_CONNECTOR__LOG__LEVEL: "debug",
    RELAY_CONNECTOR__TARGETS: '{"a":{"url":"http://a"}}',
  });
  assert.deepEqual(fixedKeysThatDiffer(before, after), ["tenantName", "proxy", "log"]);
  assert.deepEqual(fixedKeysThatDiffer(before, load()), []);
});

Deno.test("connectorConfigSchema reports cross-checks together with wrong keys", () => {
  const targets = JSON.stringify({ a: {}, A: { type: "echo", url: "x", timeout: "soon" } });
  const found = problems({
    RELAY_CONNECTOR__RELAY_SERVER_BASE_URI: "http://a.example.com",
    RELAY_CONNECTOR__TARGETS: targets,
  });
  assert.deepEqual(found.map((line) => line.split(":")[0]), [
    "tenantName",
    "tenantSecret",
    "targets.a.url",
    "targets.A.url",
    "targets.A.timeout",
    "targets.A.url",
    "targets",
    "relayServerBaseUri",
  ]);
});

Deno.test("maskedConfig() of the connector shows neither the secret nor values of headers", () => {
  const config = load({
    ...REQUIRED,
    RELAY_CONNECTOR__TARGETS: '{"a":{"url":"http://a","headers":{"X-Key":"hunter4"},"proxy":"http://u:hunter4@p",' +
      '"credentials":{"basic":{"username":"u","password":"hunter4"}}}}',
    RELAY_CONNECTOR__PROXY: "http://user:hunter4@proxy:3128",
  });
  const shown = JSON.stringify(maskedConfig(connectorConfigSchema, config));
  assert.doesNotMatch(shown, /hunter/);
  assert.match(shown, /"tenantSecret":"\*\*\*"/);
});

Deno.test("the documented example is a configuration, but for its secrets, which are not here", () => {
  const file = fileURLToPath(new URL("../docs/examples/connector.yaml", import.meta.url));
  try {
    loadConfig({ schema: connectorConfigSchema, envPrefix: "RELAY_CONNECTOR", env: {}, file });
    assert.fail("its secrets cannot be read");
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    assert.deepEqual(error.problems.map(({ path }) => path), [
      "tenantSecretFile",
      "targets.crm.credentials.basic.passwordFile",
    ]);
  }
});
