import assert from "node:assert/strict";
import { ConfigError } from "../shared/config/config_error.ts";
import { loadConfig } from "../shared/config/load.ts";
import { maskedConfig } from "../shared/config/masked_config.ts";
import { connectorConfigSchema } from "./config.ts";

const REQUIRED = {
  RELAY_CONNECTOR__RELAY_SERVER_BASE_URI: "https://relay.example.com",
  RELAY_CONNECTOR__TENANT_NAME: "acme",
  RELAY_CONNECTOR__TENANT_SECRET: "hunter2",
};

function load(env: Record<string, string> = REQUIRED, flags: Record<string, string> = {}) {
  return loadConfig({ schema: connectorConfigSchema, envPrefix: "RELAY_CONNECTOR", env, flags });
}

function problems(env: Record<string, string>, flags: Record<string, string> = {}): readonly string[] {
  try {
    load(env, flags);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems.map(({ path, message }) => `${path}: ${message}`);
  }
}

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

const TARGETS: readonly (readonly [targets: unknown, problem?: string])[] = [
  [{ erp: { url: "http://erp.local" } }],
  [{ "*": { type: "echo" }, p: { type: "ping" } }],
  [{ erp: { type: "./my_target.ts" } }],
  [{ erp: { type: "npm:@acme/target" } }],
  [{ erp: { type: "wbe" } }, "targets.erp.type: Expected web, echo, ping or the path of a module"],
  [{ erp: {} }, "targets.erp.url: Is required for a web target"],
  [{ erp: { type: "echo", url: "http://a" } }, "targets.erp.url: Must not be set for an echo or ping target"],
  [{ erp: { type: "ping", url: "http://a" } }, "targets.erp.url: Must not be set for an echo or ping target"],
  ...["ftp://a", "erp.local", "http://a/?b", "http://a/#b", "http://u:p@a", "http://u@a", "http://", "http://a b"].map((
    url,
  ) =>
    [
      { erp: { url } },
      "targets.erp.url: Expected an absolute http or https URL without query, fragment and credentials",
    ] as const
  ),
  [{ erp: { url: "http://a" }, ERP: { url: "http://b" } }, "targets: Names must differ in more than case: erp, ERP"],
  [
    { "a/b": { url: "http://a" } },
    "targets.a/b: Expected a target name of letters, digits, dot, underscore and dash, or * for the catch-all",
  ],
  [
    { "..": { url: "http://a" } },
    "targets...: Expected a target name of letters, digits, dot, underscore and dash, or * for the catch-all",
  ],
  [{ erp: { url: "http://a", tls: { verify: false } } }, "targets.erp.tls.verify: Unknown key"],
];
for (const [targets, problem] of TARGETS) {
  Deno.test(`connectorConfigSchema ${problem === undefined ? "takes" : "refuses"} the targets ${JSON.stringify(targets)}`, () => {
    const found = problems({ ...REQUIRED, RELAY_CONNECTOR__TARGETS: JSON.stringify(targets) });
    assert.deepEqual(found, problem === undefined ? [] : [problem]);
  });
}

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
    RELAY_CONNECTOR__TARGETS: '{"a":{"url":"http://a","headers":{"X-Key":"hunter4"}}}',
  });
  const shown = JSON.stringify(maskedConfig(connectorConfigSchema, config));
  assert.doesNotMatch(shown, /hunter/);
  assert.match(shown, /"tenantSecret":"\*\*\*"/);
});
