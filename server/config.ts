/**
 * The server's configuration: every key with its type, default and meaning. Durations are milliseconds and sizes bytes once parsed.
 *
 * @module
 */

import { join } from "node:path";
import { isIP } from "node:net";
import { z } from "zod";
import { choice, duration, flag, httpUrl, integer, list, port, secret, size, text } from "../shared/config/fields.ts";
import { logSection } from "../shared/log/config.ts";
import { isIssuerUrl } from "./auth/issuer_url.ts";
import { parseDatabaseUrl } from "./persistence/database_url.ts";
import { ACKNOWLEDGE_MODES } from "./persistence/schema.ts";
import { REQUEST_OUTCOMES } from "./relay/observer.ts";
import { webhooksSection } from "./webhooks/config.ts";

/** Bytes of a connector message that are kept for the head beside an inline body. */
const MESSAGE_HEAD_BYTES = 128 * 1024;

/** Cross-checks run even when another key is invalid, so that all problems are found at once; comparisons with such a key are false. */
const always = { when: () => true };

const address = text().refine(isAddressOrNetwork, "Expected an IP address or a network such as 10.0.0.0/8");
const domain = text().transform((value) => value.toLowerCase()).refine(
  isBaseDomain,
  "Expected a DNS name such as relay.example.com, without port and without a dot at its end",
);

const ENCRYPTION_KEY_LENGTH = 32;

function encryptionKey() {
  return secret().refine(
    (value) => value.length >= ENCRYPTION_KEY_LENGTH,
    `Expected at least ${ENCRYPTION_KEY_LENGTH} characters`,
  );
}

const tlsSection = z.strictObject({
  certFile: text().optional().describe("File with the certificate chain, in PEM."),
  keyFile: text().optional().describe("File with the certificate's private key, in PEM."),
}).refine(({ certFile, keyFile }) => (certFile === undefined) === (keyFile === undefined), {
  path: ["keyFile"],
  message: "Must be set together with certFile",
});

const managementSection = z.strictObject({
  hostname: text().prefault("127.0.0.1").describe("Address the management listener binds to."),
  port: port().prefault(8081).describe("Port of the management listener; 0 takes a free one."),
  allowedHosts: list(text()).prefault([]).describe(
    "Host names besides the loopback names under which the management listener may be called; any other Host is refused.",
  ),
  tls: tlsSection.prefault({}).describe("With it the management listener speaks HTTPS."),
});

const brokerUrl = text().refine(
  (url) => /^amqps?:\/\/[^/?#\s]+/.test(url) && URL.canParse(url),
  "Expected amqp: or amqps: with host, port and virtual host, such as amqp://user:password@broker:5672/relay",
);

const transportSection = z.strictObject({
  type: choice(["memory", "amqp"]).prefault("memory").describe(
    "What carries requests between origins: memory for a single one, amqp (RabbitMQ) for several.",
  ),
  amqp: z.strictObject({
    urls: list(brokerUrl).prefault([]).describe(
      "URLs of brokers, amqp: or amqps:, with user, password and virtual host. One after the other is tried.",
    ),
    queueType: choice(["quorum", "classic"]).prefault("quorum").describe("Kind of the tenants' queues."),
    caFile: text().optional().describe("File with certificates of authorities that brokers are trusted by, in PEM."),
  }).prefault({}).describe("The broker, for the type amqp."),
}).refine((transport) => !(transport.type === "amqp" && transport.amqp?.urls?.length === 0), {
  ...always,
  path: ["amqp", "urls"],
  message: "Must name a broker for the type amqp",
});

const bodyStoreSection = z.strictObject({
  type: choice(["file", "memory", "s3"]).prefault("file").describe(
    "Where bodies of stored requests are kept: file, a folder that all origins of one database must share; s3, a bucket; or memory, which forgets them with the process.",
  ),
  path: text().optional().describe("Folder of the type file; bodies in dataDirectory without it."),
  memoryLimit: size({ minimum: 1 }).prefault("256MiB").describe(
    "What all bodies of the type memory may take together, in bytes.",
  ),
  s3: z.strictObject({
    endpoint: httpUrl().optional().describe(
      "URL of the service, without the bucket; Amazon's of the region without it.",
    ),
    bucket: text().optional().describe("Name of the bucket."),
    region: text().prefault("us-east-1").describe("Region, for signatures."),
    accessKeyId: text().optional().describe("Id of the access key."),
    secretAccessKey: secret().optional().describe("The access key's secret."),
    prefix: text().prefault("relayserver/").describe("Before the name of every object."),
  }).prefault({}).describe("The bucket, for the type s3."),
}).superRefine(({ type, s3 }, context) => {
  if (type !== "s3") return;
  for (const key of ["bucket", "accessKeyId", "secretAccessKey"] as const) {
    if (s3[key] !== undefined) continue;
    context.addIssue({ code: "custom", path: ["s3", key], message: "Must be set for the type s3" });
  }
});

const limitsSection = z.strictObject({
  requests: integer({ minimum: 1 }).prefault(10_000).describe(
    "Requests of all tenants that can be under way at this origin at a time; more are answered 503.",
  ),
  requestsPerTenant: integer({ minimum: 1 }).prefault(1_000).describe(
    "Requests of one tenant that can be under way at this origin at a time; more are answered 503.",
  ),
  connections: integer({ minimum: 1 }).prefault(20_000).describe(
    "Connectors that can be connected to this origin at a time.",
  ),
  connectorMessage: size({ minimum: 1024 }).prefault("1MiB").describe(
    "Largest message taken from a connector, in bytes.",
  ),
  queuedRequestsPerTenant: integer({ minimum: 1 }).prefault(10_000).describe(
    "Requests of one tenant that can be stored until they are settled, dead letters included; more are answered 503.",
  ),
  queuedBytesPerTenant: size({ minimum: 1 }).prefault("1GiB").describe(
    "Their bodies, in bytes; more are answered 503.",
  ),
  headerTimeout: duration({ minimum: 1 }).prefault("15s").describe(
    "How long a client may take for the head of a request, in milliseconds; only the listener node keeps to it.",
  ),
  bodyIdleTimeout: duration({ minimum: 1 }).prefault("1m").describe(
    "How long a client may send nothing of an unfinished body, in milliseconds.",
  ),
});

const BUILTIN_ISSUER = "builtin";

const authSection = z.strictObject({
  issuer: text().refine(
    (value) => value === BUILTIN_ISSUER || isIssuerUrl(value),
    "Expected builtin or the https URL of an OIDC authority (http only for one on this machine)",
  ).prefault(BUILTIN_ISSUER).describe(
    "Who issues tokens: builtin is the server itself, a URL is that of an OIDC authority.",
  ),
  audience: text().prefault("relayserver").describe("Audience that a token must have."),
  tokenLifetime: duration({ minimum: 1_000 }).prefault("1h").describe(
    "Lifetime of tokens of the built-in issuer, in milliseconds.",
  ),
  encryptionKey: encryptionKey().optional().describe(
    "Encrypts the keys that sign tokens in the database. At least 32 characters, by chance. Without it they are kept in plain text.",
  ),
  previousEncryptionKey: encryptionKey().optional().describe(
    "Key with which encrypted signing keys can be read too, while encryptionKey is replaced.",
  ),
}).refine(
  ({ encryptionKey, previousEncryptionKey }) => encryptionKey !== undefined || previousEncryptionKey === undefined,
  {
    path: ["previousEncryptionKey"],
    message: "Must be set together with encryptionKey",
  },
);

const databaseSection = z.strictObject({
  url: text().superRefine((url, context) => {
    const location = parseDatabaseUrl(url);
    if ("problem" in location) context.addIssue({ code: "custom", message: location.problem });
  }).optional().describe(
    "Database: sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=MODE. Without it SQLite, with the file relay.db in the data directory.",
  ),
  maximumConnections: integer({ minimum: 1, maximum: 1_000 }).prefault(10).describe(
    "Connections to PostgreSQL that this server has at a time.",
  ),
});

/** No timer waits for these. */
const LONGEST_AGE_MS = 100 * 365 * 86_400_000;
const age = (minimum: number) => duration({ minimum, maximum: LONGEST_AGE_MS });

const maintenanceSection = z.strictObject({
  runInterval: duration({ minimum: 1_000 }).prefault("15m").describe(
    "How often old rows are removed and signing keys looked after, in milliseconds, at one origin at a time.",
  ),
});

const statisticsSection = z.strictObject({
  entryMaxAge: age(60_000).prefault("15m").describe(
    "How long an origin that does not report any more is listed, in milliseconds.",
  ),
  requestMaxAge: age(60_000).prefault("30d").describe(
    "How long the request log and the statistics are kept, in milliseconds.",
  ),
});

const metricsSection = z.strictObject({
  tenants: integer({ maximum: 10_000 }).prefault(100).describe(
    "Tenants with metrics of their own: the busiest. The others count together as _other.",
  ),
  targetsPerTenant: integer({ maximum: 1_000 }).prefault(5).describe(
    "Targets of such a tenant with metrics of their own: the busiest. The others count together as _other.",
  ),
});

const recordingsSection = z.strictObject({
  maxAge: age(60_000).prefault("7d").describe("How long recordings are kept after their time, in milliseconds."),
  maxDuration: duration({ minimum: 60_000 }).prefault("1h").describe(
    "How long a recording runs at most, in milliseconds.",
  ),
  maxRequests: integer({ minimum: 1, maximum: 100_000 }).prefault(1_000).describe(
    "Requests in a recording at most; it ends when it is full.",
  ),
  maxSize: size({ minimum: 1024 }).prefault("64MiB").describe(
    "What a recording takes in the database at most, in bytes; it ends when it is full.",
  ),
  maxBodySize: size({ maximum: 4 * 1024 * 1024 }).prefault("256KiB").describe(
    "What is recorded of each body at most, in bytes; the rest is left out, and the recording says so.",
  ),
});

/** The server's configuration. */
export const serverConfigSchema = z.strictObject({
  hostname: text().prefault("0.0.0.0").describe("Address the public listener binds to."),
  port: port().prefault(8080).describe("Port of the public listener; 0 takes a free one."),
  management: managementSection.prefault({}).describe("The management listener."),
  publicUrl: httpUrl().transform(withoutTrailingSlash).optional().describe(
    "Base of every absolute URL given out, and the built-in issuer's name. Without it the request decides.",
  ),
  trustedProxies: list(address).prefault([]).describe(
    "Addresses and networks of proxies whose X-Forwarded-* headers are believed.",
  ),
  baseDomain: domain.optional().describe(
    "Domain for host routing: a request to {target}--{tenant}.{baseDomain} goes to that target with its whole path.",
  ),
  listener: choice(["native", "node"]).prefault("node").describe(
    "Implementation of the public listener: node, which has time limits and back-pressure for every body, or native, for use behind a proxy that sends request bodies with their length. With tls it is always node.",
  ),
  tls: tlsSection.prefault({}).describe("With it the public listener speaks HTTPS."),
  dataDirectory: text().prefault("./data").describe(
    "Folder of everything the server keeps; created when it is missing.",
  ),
  database: databaseSection.prefault({}).describe("The database."),
  transport: transportSection.prefault({}).describe("The server transport."),
  connectorTransportShortcut: flag().prefault(true).describe(
    "Requests go straight to a connector at the same origin. Without it they go by the server transport as well.",
  ),
  serverTransportShortcut: flag().prefault(true).describe(
    "What an origin answers itself does not go by the server transport.",
  ),
  inlineBodyLimit: size().prefault("64KiB").describe(
    "Largest body that travels inside the message of its request, in bytes.",
  ),
  bodyStore: bodyStoreSection.prefault({}).describe("Where bodies wait that may have to be delivered again."),
  bodyTransfer: choice(["auto", "websocket", "http"]).prefault("auto").describe(
    "How bodies that do not travel inline go between server and connector: auto, by HTTP when their length is known and at least 1 MiB; http, whenever their length is known; or websocket, never by HTTP. Where HTTP fails the WebSocket carries them.",
  ),
  maxBodySize: size({ minimum: 1 }).optional().describe(
    "Largest body of a request, in bytes. Without it there is no limit.",
  ),
  limits: limitsSection.prefault({}).describe("Limits that keep one client or tenant from starving the others."),
  requestExpiration: duration({ minimum: 1 }).prefault("2m").describe(
    "Time until the head of the response, in milliseconds, not counting while the request's body flows.",
  ),
  acknowledgeMode: choice(ACKNOWLEDGE_MODES).prefault("connectorReceived").describe(
    "When a request is settled and is not delivered again: disabled, when it was handed over; connectorReceived, when a connector has it and its body; connectorFinished, when its target has answered; manual, when its target has called the URL it was given. Tenants and interceptors may say otherwise.",
  ),
  acknowledgeTimeout: duration({ minimum: 100 }).prefault("10m").describe(
    "How long one delivery of a stored request may take until it is settled, in milliseconds; then it is delivered again.",
  ),
  redeliveryLimit: integer({ minimum: 0, maximum: 1_000 }).prefault(5).describe(
    "How often a stored request is delivered again at most before it becomes a dead letter.",
  ),
  queueExpiration: duration({ minimum: 1_000, maximum: LONGEST_AGE_MS }).prefault("24h").describe(
    "How long a stored request is kept for a connector before it becomes a dead letter, in milliseconds.",
  ),
  streamIdleTimeout: duration({ minimum: 1 }).optional().describe(
    "How long a streaming response may send nothing, or its client take nothing, in milliseconds. Without it there is no limit.",
  ),
  handshakeTimeout: duration({ minimum: 1 }).prefault("15s").describe(
    "Time for a connector's handshake, in milliseconds.",
  ),
  endpointTimeout: duration({ minimum: 1 }).prefault("2m").describe(
    "Time for a connector to fetch or post a body, in milliseconds.",
  ),
  keepAliveInterval: duration({ minimum: 100 }).prefault("15s").describe(
    "After how long without a byte a connection counts as lost, in milliseconds; it is pinged after half of it.",
  ),
  reconnectMinimumDelay: duration().prefault("1s").describe(
    "Shortest delay of a connector that lost its connection, in milliseconds.",
  ),
  reconnectMaximumDelay: duration().prefault("30s").describe(
    "Longest delay of a connector that lost its connection, in milliseconds.",
  ),
  requireActiveConnection: flag().prefault(true).describe(
    "Answer 503 at once when no connector of the tenant is connected anywhere.",
  ),
  connectionGrace: duration().prefault("5s").describe(
    "How long a request waits for a tenant that was connected within the last minute, in milliseconds.",
  ),
  tenantInfoCacheDuration: duration().prefault("10s").describe(
    "How long a tenant's settings are cached, in milliseconds.",
  ),
  automaticTenantCreation: flag().prefault(false).describe(
    "Make a tenant when a connector comes with a valid token of the OIDC authority and its client_id is no tenant yet.",
  ),
  traceEndpoint: flag().prefault(true).describe("Serve /trace, which relays with tracing headers."),
  shutdownDelay: duration().prefault("0s").describe(
    "How long a stopping server says unready but serves, in milliseconds.",
  ),
  drainTimeout: duration().prefault("30s").describe(
    "How long a stopping server waits for requests in flight, in milliseconds.",
  ),
  interceptors: list(text()).prefault([]).describe(
    "Modules with interceptors, by their paths; the first one sees requests first and responses last.",
  ),
  auth: authSection.prefault({}).describe("Tokens of connectors and clients."),
  requestLogger: list(choice(REQUEST_OUTCOMES)).prefault([...REQUEST_OUTCOMES]).describe(
    "Requests that are written to the request log, by how they ended: any of succeeded, aborted, failed, expired, errored. [] turns it off.",
  ),
  maintenance: maintenanceSection.prefault({}).describe("What the server does without being asked."),
  statistics: statisticsSection.prefault({}).describe("What is kept of relayed requests and of origins, and how long."),
  audit: z.strictObject({
    maxAge: age(60_000).prefault("365d").describe("How long the audit trail is kept, in milliseconds."),
  }).prefault({}).describe("Who changed what."),
  recordings: recordingsSection.prefault({}).describe("Recordings of tenants' traffic, begun through management."),
  metrics: metricsSection.prefault({}).describe("Prometheus metrics on the management listener."),
  webhooks: webhooksSection(),
  log: logSection(),
}).refine((config) => !(config.inlineBodyLimit + MESSAGE_HEAD_BYTES > config.limits?.connectorMessage), {
  ...always,
  path: ["inlineBodyLimit"],
  message: "Must be at least 128KiB below limits.connectorMessage, which also holds the head",
}).refine((config) => !(config.bodyStore?.type === "memory" && config.transport?.type === "amqp"), {
  ...always,
  path: ["bodyStore", "type"],
  message: "Must not be memory when transport.type is amqp: other origins could not read what one keeps",
}).refine((config) => !(config.inlineBodyLimit > (config.maxBodySize ?? Infinity)), {
  ...always,
  path: ["inlineBodyLimit"],
  message: "Must not be above maxBodySize",
}).refine((config) => !(config.reconnectMinimumDelay > config.reconnectMaximumDelay), {
  ...always,
  path: ["reconnectMinimumDelay"],
  message: "Must not be above reconnectMaximumDelay",
}).refine((config) => !(config.automaticTenantCreation === true && config.auth?.issuer === BUILTIN_ISSUER), {
  ...always,
  path: ["automaticTenantCreation"],
  message: "Needs an OIDC authority in auth.issuer: the built-in issuer knows its tenants only",
}).refine((config) => !isBelow(config.publicUrl, config.baseDomain), {
  ...always,
  path: ["publicUrl"],
  message: "Must not lie below baseDomain, where all hosts belong to targets",
});

/** The server's configuration, complete and checked. */
export type ServerConfig = z.output<typeof serverConfigSchema>;

/** The URL of the database. A path in it is relative to the working directory unless it was configured as an absolute one. */
export function databaseUrl(config: Pick<ServerConfig, "dataDirectory" | "database">): string {
  return config.database.url ?? `sqlite:${join(config.dataDirectory, "relay.db")}`;
}

function isAddressOrNetwork(value: string): boolean {
  const [host = "", bits, ...rest] = value.split("/");
  const version = isIP(host);
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || /^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128);
}

/** Whether a target's label and a dot still fit before a name. A number at its end would make it an address. */
function isBaseDomain(name: string): boolean {
  return name.length <= 253 - 64 && /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.|$))+(?<!\.)$/.test(name) &&
    !/(?:^|\.)[0-9]+$/.test(name);
}

/** Both values may be invalid otherwise. */
function isBelow(url: unknown, domain: unknown): boolean {
  return URL.parse(String(url))?.hostname.replace(/\.$/, "").endsWith(`.${domain}`) ?? false;
}

function withoutTrailingSlash(url: string): string {
  return url.replace(/\/+$/, "");
}
