import assert from "node:assert/strict";
import { connectorConfigSchema } from "./config.ts";
import { keysOf, load, problems, REQUIRED } from "../tests/testkit/connector_config.ts";

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

Deno.test("every key of a target is tried with a wrong value here", () => {
  const tried = WRONG_KEYS.flatMap(([, ...paths]) => paths.map((path) => path.replace(/(?<=^headers\.).*/, "*")));
  const keys = keysOf(connectorConfigSchema).filter((key) => key.startsWith("targets.*.")).map((key) => key.slice(10));
  assert.ok(keys.length > 0);
  assert.deepEqual(keys.filter((key) => !tried.some((path) => path === key || path.startsWith(`${key}.`))), []);
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
