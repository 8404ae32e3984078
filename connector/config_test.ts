import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ConfigError } from "../shared/config/config_error.ts";
import { loadConfig } from "../shared/config/load.ts";
import { nodeOf, type Schema } from "../shared/config/schema.ts";
import { maskedConfig } from "../shared/config/masked_config.ts";
import { connectorConfigSchema, fixedKeysThatDiffer } from "./config.ts";

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

/** A target with these keys beside its URL, and where the problem is. */
const WRONG_KEYS: readonly (readonly [keys: unknown, ...paths: readonly string[]])[] = [
  [{ type: 1 }, "type"],
  [{ type: " " }, "type"],
  [{ url: 1 }, "url"],
  [{ url: "" }, "url"],
  [{ timeout: "soon" }, "timeout"],
  [{ timeout: 100 }, "timeout"],
  [{ timeout: "0s" }, "timeout"],
  [{ timeout: "30d" }, "timeout"],
  [{ maximumConcurrentRequests: 0 }, "maximumConcurrentRequests"],
  [{ maximumConcurrentRequests: 10_001 }, "maximumConcurrentRequests"],
  [{ maximumConcurrentRequests: "many" }, "maximumConcurrentRequests"],
  [{ maximumConcurrentRequests: 1.5 }, "maximumConcurrentRequests"],
  [{ followRedirects: "yes" }, "followRedirects"],
  [{ preserveHost: 1 }, "preserveHost"],
  [{ rewrite: "on" }, "rewrite"],
  [{ headers: [] }, "headers"],
  [{ headers: { "X-A": 1 } }, "headers.X-A"],
  [{ credentials: {} }, "credentials"],
  [{ credentials: "user:hunter5" }, "credentials"],
  [{ credentials: { bearer: "hunter5", basic: { username: "u", password: "hunter5" } } }, "credentials"],
  [{ credentials: { basic: { username: "u:v", password: "hunter5" } } }, "credentials.basic.username"],
  [{ credentials: { basic: { username: "u" } } }, "credentials.basic.password"],
  [{ credentials: { basic: { password: "hunter5" } } }, "credentials.basic.username"],
  [{ credentials: { bearer: 5 } }, "credentials.bearer"],
  [{ credentials: { bearer: "hunter5" }, headers: { authorization: "x" } }, "credentials"],
  [{ credentials: { token: "hunter5" } }, "credentials", "credentials.token"],
  [{ proxy: "socks5://u:hunter5@proxy" }, "proxy"],
  [{ proxy: "http://proxy/path" }, "proxy"],
  [{ proxy: "http://u:%zz@proxy" }, "proxy"],
  [{ proxy: true }, "proxy"],
  [{ tls: true }, "tls"],
  [{ tls: { caFile: 1 } }, "tls.caFile"],
  [{ tls: { certFile: 1, keyFile: "k.pem" } }, "tls.certFile"],
  [{ tls: { certFile: "c.pem" } }, "tls.keyFile"],
  [{ tls: { keyFile: "k.pem" } }, "tls.keyFile"],
  [{ tls: { insecureSkipVerify: "maybe" } }, "tls.insecureSkipVerify"],
  [{ healthCheck: true }, "healthCheck"],
  [{ healthCheck: { path: "health" } }, "healthCheck.path"],
  [{ healthCheck: { path: "/a b" } }, "healthCheck.path"],
  [{ healthCheck: { path: "/a\r\nX: y" } }, "healthCheck.path"],
  [{ healthCheck: { interval: "1ms" } }, "healthCheck.interval"],
  [{ healthCheck: { timeout: 5 } }, "healthCheck.timeout"],
  [{ healthCheck: { expectedStatus: "2xx" } }, "healthCheck.expectedStatus.0"],
  [{ healthCheck: { expectedStatus: [200, "99"] } }, "healthCheck.expectedStatus.1"],
  [{ healthCheck: { expectedStatus: {} } }, "healthCheck.expectedStatus"],
  [{ healthCheck: { healthyAfter: 0 } }, "healthCheck.healthyAfter"],
  [{ healthCheck: { unhealthyAfter: "x" } }, "healthCheck.unhealthyAfter"],
  [{ healthcheck: {} }, "healthcheck"],
];
for (const [keys, ...paths] of WRONG_KEYS) {
  Deno.test(`connectorConfigSchema refuses a target with ${JSON.stringify(keys)}`, () => {
    const targets = { erp: { url: "http://erp.local", ...(keys as object) } };
    const found = problems({ ...REQUIRED, RELAY_CONNECTOR__TARGETS: JSON.stringify(targets) });
    assert.deepEqual(
      found.map((line) => line.split(": ")[0]).sort(),
      paths.map((path) => `targets.erp.${path}`).sort(),
    );
    assert.doesNotMatch(found.join(), /hunter/);
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

/** The paths of all keys; what a map holds stands below `*`. */
function keysOf(schema: Schema, path = ""): readonly string[] {
  const node = nodeOf(schema);
  if (node.type === "value") return [path];
  const children: readonly (readonly [string, Schema])[] = node.type === "map"
    ? [["*", node.value]]
    : Object.entries(node.children);
  return children.flatMap(([key, child]) => keysOf(child, path === "" ? key : `${path}.${key}`));
}

Deno.test("every key of the connector is tried with a wrong value here", () => {
  const tried = new Set([
    // Both are required, and tried above.
    "tenantSecret",
    ...WRONG_TOP_KEYS.map(([name]) => name),
    ...WRONG_KEYS.flatMap(([, ...paths]) => paths.map((path) => `targets.*.${path.replace(/(?<=^headers\.).*/, "*")}`)),
  ]);
  const isTried = (key: string) => tried.has(key) || [...tried].some((path) => path.startsWith(`${key}.`));
  assert.deepEqual(keysOf(connectorConfigSchema).filter((key) => !isTried(key)), []);
});

Deno.test("connectorConfigSchema takes the keys of a target from the environment, secrets from files", async () => {
  const file = await Deno.makeTempFile();
  await using _file = { [Symbol.asyncDispose]: () => Deno.remove(file) };
  await Deno.writeTextFile(file, "hunter6\n");
  const start = "RELAY_CONNECTOR__TARGETS__ERP__";
  const { targets } = load({
    ...REQUIRED,
    [`${start}URL`]: "https://erp.local",
    [`${start}CREDENTIALS__BASIC__USERNAME`]: "relay",
    [`${start}CREDENTIALS__BASIC__PASSWORD_FILE`]: file,
    [`${start}HEADERS__X-KEY_FILE`]: file,
    [`${start}HEALTH_CHECK__PATH`]: "/health",
    [`${start}HEALTH_CHECK__EXPECTED_STATUS`]: "200, 204",
    [`${start}MAXIMUM_CONCURRENT_REQUESTS`]: "4",
    [`${start}PROXY`]: "http://proxy:3128",
  });
  const { credentials, headers, healthCheck, maximumConcurrentRequests, proxy } = targets.erp!;
  assert.deepEqual(credentials, { basic: { username: "relay", password: "hunter6" } });
  assert.deepEqual(headers, { "x-key": "hunter6" });
  assert.deepEqual([healthCheck?.path, healthCheck?.expectedStatus], ["/health", ["200", "204"]]);
  assert.deepEqual([maximumConcurrentRequests, proxy], [4, "http://proxy:3128"]);
  const json = JSON.stringify({ crm: { url: "http://crm", credentials: { bearerFile: file } } });
  const fromFile = load({ ...REQUIRED, RELAY_CONNECTOR__TARGETS: json }).targets.crm;
  assert.deepEqual(fromFile?.credentials, { bearer: "hunter6" });
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

Deno.test("connectorConfigSchema holds targets to allowedTargets", () => {
  const targets = JSON.stringify({
    in: { url: "http://10.1.2.3:81/x" },
    out: { url: "http://erp" },
    echo: { type: "echo" },
  });
  const env = { ...REQUIRED, RELAY_CONNECTOR__TARGETS: targets };
  assert.deepEqual(problems({ ...env, RELAY_CONNECTOR__ALLOWED_TARGETS: "10.0.0.0/8,*.erp" }), [
    "targets.out.url: Is not in allowedTargets",
  ]);
  assert.deepEqual(problems({ ...env, RELAY_CONNECTOR__ALLOWED_TARGETS: "10.0.0.0/8,erp:80" }), []);
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
