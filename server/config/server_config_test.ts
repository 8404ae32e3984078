import assert from "node:assert/strict";
import { ConfigError } from "../../shared/config/config_error.ts";
import { loadConfig } from "../../shared/config/load.ts";
import { maskedConfig } from "../../shared/config/masked_config.ts";
import { serverConfigSchema } from "./server_config.ts";

function load(env: Record<string, string> = {}, flags: Record<string, string> = {}) {
  return loadConfig({ schema: serverConfigSchema, envPrefix: "RELAY_SERVER", env, flags });
}

function problems(flags: Record<string, string>): readonly string[] {
  try {
    load({}, flags);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems.map(({ path, message }) => `${path}: ${message}`);
  }
}

Deno.test("serverConfigSchema has the documented defaults", () => {
  assert.deepEqual(load(), {
    hostname: "0.0.0.0",
    port: 8080,
    management: { hostname: "127.0.0.1", port: 8081, allowedHosts: [], tls: {} },
    trustedProxies: [],
    listener: "node",
    tls: {},
    dataDirectory: "./data",
    database: { maximumConnections: 10 },
    transport: { type: "memory", amqp: { urls: [], queueType: "quorum" } },
    connectorTransportShortcut: true,
    serverTransportShortcut: true,
    inlineBodyLimit: 65_536,
    bodyStore: {
      type: "file",
      memoryLimit: 268_435_456,
      s3: { region: "us-east-1", prefix: "relayserver/" },
    },
    bodyTransfer: "auto",
    limits: {
      requests: 10_000,
      requestsPerTenant: 1_000,
      connections: 20_000,
      connectorMessage: 1_048_576,
      queuedRequestsPerTenant: 10_000,
      queuedBytesPerTenant: 1_073_741_824,
      headerTimeout: 15_000,
      bodyIdleTimeout: 60_000,
    },
    requestExpiration: 120_000,
    acknowledgeMode: "connectorReceived",
    acknowledgeTimeout: 600_000,
    redeliveryLimit: 5,
    queueExpiration: 86_400_000,
    handshakeTimeout: 15_000,
    endpointTimeout: 120_000,
    keepAliveInterval: 15_000,
    reconnectMinimumDelay: 1_000,
    reconnectMaximumDelay: 30_000,
    requireActiveConnection: true,
    connectionGrace: 5_000,
    tenantInfoCacheDuration: 10_000,
    automaticTenantCreation: false,
    traceEndpoint: true,
    shutdownDelay: 0,
    drainTimeout: 30_000,
    auth: { issuer: "builtin", audience: "relayserver", tokenLifetime: 3_600_000 },
    requestLogger: ["succeeded", "aborted", "failed", "expired", "errored"],
    maintenance: { runInterval: 900_000 },
    statistics: { entryMaxAge: 900_000, requestMaxAge: 2_592_000_000 },
    audit: { maxAge: 31_536_000_000 },
    recordings: {
      maxAge: 604_800_000,
      maxDuration: 3_600_000,
      maxRequests: 1_000,
      maxSize: 67_108_864,
      maxBodySize: 262_144,
    },
    metrics: { tenants: 100, targetsPerTenant: 5 },
    webhooks: {},
    interceptors: [],
    log: { level: "info" },
  });
});

Deno.test("serverConfigSchema reads every kind of value from the environment", () => {
  const config = load({
    RELAY_SERVER__REQUEST_EXPIRATION: "00:01:00",
    RELAY_SERVER__PUBLIC_URL: "https://relay.example.com/base/",
    RELAY_SERVER__TRUSTED_PROXIES: "10.0.0.0/8, ::1,fd00::/8",
    RELAY_SERVER__MANAGEMENT__ALLOWED_HOSTS: "relay.internal",
    RELAY_SERVER__TRACE_ENDPOINT: "false",
    RELAY_SERVER__MAX_BODY_SIZE: "1GiB",
    RELAY_SERVER__LOG__LEVEL: "warn",
    RELAY_SERVER__LISTENER: "node",
    RELAY_SERVER__TLS__CERT_FILE: "cert.pem",
    RELAY_SERVER__TLS__KEY_FILE: "key.pem",
    RELAY_SERVER__AUTH__ISSUER: "https://login.example.com/realms/sites",
    RELAY_SERVER__AUTOMATIC_TENANT_CREATION: "true",
  });
  assert.equal(config.auth.issuer, "https://login.example.com/realms/sites");
  assert.equal(config.automaticTenantCreation, true);
  assert.equal(config.listener, "node");
  assert.deepEqual(config.tls, { certFile: "cert.pem", keyFile: "key.pem" });
  assert.equal(config.requestExpiration, 60_000);
  assert.equal(config.publicUrl, "https://relay.example.com/base");
  assert.deepEqual(config.trustedProxies, ["10.0.0.0/8", "::1", "fd00::/8"]);
  assert.deepEqual(config.management.allowedHosts, ["relay.internal"]);
  assert.equal(config.traceEndpoint, false);
  assert.equal(config.maxBodySize, 2 ** 30);
  assert.equal(config.log.level, "warning");
});

const REFUSED: readonly (readonly [flags: Record<string, string>, path: string])[] = [
  [{ port: "65536" }, "port"],
  [{ port: "-1" }, "port"],
  [{ hostname: "" }, "hostname"],
  [{ publicUrl: "relay.example.com" }, "publicUrl"],
  [{ publicUrl: "https://user:pass@relay.example.com" }, "publicUrl"],
  [{ publicUrl: "https://relay.example.com/?a" }, "publicUrl"],
  [{ trustedProxies: "10.0.0.0/33" }, "trustedProxies.0"],
  [{ trustedProxies: "::1,proxy.local" }, "trustedProxies.1"],
  [{ trustedProxies: "10.0.0.0/8/8" }, "trustedProxies.0"],
  [{ listener: "nginx" }, "listener"],
  [{ "tls.certFile": "cert.pem" }, "tls.keyFile"],
  [{ "management.tls.keyFile": "key.pem" }, "management.tls.keyFile"],
  [{ "limits.headerTimeout": "0s" }, "limits.headerTimeout"],
  [{ "database.url": "mysql://localhost/relay" }, "database.url"],
  [{ "database.url": "postgres://u:p@localhost/relay?sslmode=prefer" }, "database.url"],
  [{ "database.maximumConnections": "0" }, "database.maximumConnections"],
  [{ "transport.type": "amqp" }, "transport.amqp.urls"],
  [{ "transport.amqp.urls": "http://broker" }, "transport.amqp.urls.0"],
  [{ "transport.type": "kafka" }, "transport.type"],
  [{ requestExpiration: "0s" }, "requestExpiration"],
  [{ requestExpiration: "120" }, "requestExpiration"],
  [{ drainTimeout: "25d" }, "drainTimeout"],
  [{ traceEndpoint: "yes" }, "traceEndpoint"],
  [{ "auth.issuer": "http://login.example.com" }, "auth.issuer"],
  [{ "auth.issuer": "https://login.example.com/?realm=a" }, "auth.issuer"],
  [{ "auth.issuer": "login.example.com" }, "auth.issuer"],
  [{ automaticTenantCreation: "true" }, "automaticTenantCreation"],
  [{ "auth.encryptionKey": "k".repeat(32) }, "auth.encryptionKey"],
  [{ inlineBodyLimit: "1MiB" }, "inlineBodyLimit"],
  [{ bodyTransfer: "ftp" }, "bodyTransfer"],
  [
    { "bodyStore.type": "s3", "bodyStore.s3.bucket": "b", "bodyStore.s3.accessKeyId": "a" },
    "bodyStore.s3.secretAccessKey",
  ],
  [{ "bodyStore.type": "memory", "transport.type": "amqp", "transport.amqp.urls": "amqp://b/" }, "bodyStore.type"],
  [{ "limits.connectorMessage": "128KiB" }, "inlineBodyLimit"],
  [{ maxBodySize: "1KiB" }, "inlineBodyLimit"],
  [{ reconnectMaximumDelay: "500ms" }, "reconnectMinimumDelay"],
];
for (const [flags, path] of REFUSED) {
  Deno.test(`serverConfigSchema refuses ${JSON.stringify(flags)}`, () => {
    const found = problems(flags);
    assert.equal(found.length, 1, found.join("\n"));
    assert.ok(found[0]!.startsWith(`${path}: `), found[0]);
  });
}

const REFUSED_VARIABLES: readonly (readonly [Record<string, string>, string])[] = [
  [{ ENCRYPTION_KEY: "hunter2".repeat(4) }, "auth.encryptionKey: Expected at least 32 characters"],
  [{ PREVIOUS_ENCRYPTION_KEY: "p".repeat(32) }, "auth.previousEncryptionKey: Must be set together with encryptionKey"],
];
for (const [variables, expected] of REFUSED_VARIABLES) {
  Deno.test(`serverConfigSchema says "${expected}"`, () => {
    const env = Object.entries(variables).map(([name, value]) => [`RELAY_SERVER__AUTH__${name}`, value]);
    assert.throws(() => load(Object.fromEntries(env)), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.deepEqual(error.problems.map(({ path, message }) => `${path}: ${message}`), [expected]);
      return true;
    });
  });
}

Deno.test("serverConfigSchema reports cross-checks together with wrong keys", () => {
  const found = problems({
    reconnectMaximumDelay: "500ms",
    inlineBodyLimit: "2MiB",
    port: "x",
    "limits.connections": "x",
  });
  assert.deepEqual(found.map((line) => line.split(":")[0]).sort(), [
    "inlineBodyLimit",
    "limits.connections",
    "port",
    "reconnectMinimumDelay",
  ]);
});

Deno.test("serverConfigSchema takes an inline limit that fits exactly", () => {
  assert.deepEqual(problems({ inlineBodyLimit: "896KiB" }), []);
});

Deno.test("maskedConfig() of the server hides the database's password and the encryption keys", () => {
  const env = {
    RELAY_SERVER__DATABASE__URL: "postgres://relay:hunter2@db.example:5433/relay?sslmode=require",
    RELAY_SERVER__AUTH__ENCRYPTION_KEY: "k".repeat(32),
    RELAY_SERVER__AUTH__PREVIOUS_ENCRYPTION_KEY: "p".repeat(32),
  };
  const shown = maskedConfig(serverConfigSchema, load(env)) as Record<string, Record<string, unknown>>;
  assert.equal(shown.database?.url, "postgres://***@db.example:5433/relay?sslmode=require");
  assert.deepEqual([shown.auth?.encryptionKey, shown.auth?.previousEncryptionKey], ["***", "***"]);
});

Deno.test("maskedConfig() of the server can be used as a file again", () => {
  const config = load({}, { maxBodySize: "3MiB", streamIdleTimeout: "1500ms", publicUrl: "https://a/b" });
  assert.deepEqual(serverConfigSchema.parse(maskedConfig(serverConfigSchema, config)), config);
});

Deno.test("serverConfigSchema takes a DNS name as baseDomain, in lower case", () => {
  for (const name of ["relay.example.com", "localhost", "xn--bcher-kva.example", "1.example"]) {
    assert.equal(load({}, { baseDomain: name.toUpperCase() }).baseDomain, name);
  }
});

Deno.test("serverConfigSchema refuses a baseDomain that is no DNS name, or has no room for a label before it", () => {
  const refused = [
    "relay.example.com.",
    ".example.com",
    "*.example.com",
    "a..b",
    "-a.example",
    "a-.example",
    "a_b.example",
    "example.com:80",
    "http://example.com",
    "10.0.0.1",
    "[::1]",
    "b\u00fccher.example",
    `${"a".repeat(64)}.example`,
    Array(100).fill("a").join("."),
  ];
  for (const name of refused) assert.match(problems({ baseDomain: name }).join(), /^baseDomain: Expected a DNS/, name);
});

Deno.test("serverConfigSchema refuses a publicUrl below the baseDomain, where no route of the server exists", () => {
  const baseDomain = "example.com";
  for (const publicUrl of ["https://relay.example.com", "https://RELAY.example.com.:8443/base"]) {
    assert.deepEqual(problems({ baseDomain, publicUrl }), [
      "publicUrl: Must not lie below baseDomain, where all hosts belong to targets",
    ]);
  }
  for (const publicUrl of ["https://example.com", "https://myexample.com", "https://relay.example.org"]) {
    assert.deepEqual(problems({ baseDomain, publicUrl }), []);
  }
});
