/**
 * The server's configuration: every key with its type, default and meaning, and what keys must keep to among each other. Sections have files
 * of their own beside it. Durations are milliseconds and sizes bytes once parsed.
 *
 * @module
 */

import { z } from "zod";
import { choice, duration, flag, httpUrl, integer, list, port, size, text } from "../../shared/config/fields.ts";
import { logSection } from "../../shared/log/config.ts";
import { ACKNOWLEDGE_MODES } from "../persistence/schema.ts";
import { REQUEST_OUTCOMES } from "../relay/observer.ts";
import { webhooksSection } from "../webhooks/config.ts";
import { authSection, BUILTIN_ISSUER } from "./auth.ts";
import { bodyStoreSection } from "./body_store.ts";
import { databaseSection } from "./database.ts";
import { address, age, domain, tlsSection } from "./fields.ts";
import { limitsSection } from "./limits.ts";
import { managementSection } from "./management.ts";
import {
  auditSection,
  maintenanceSection,
  metricsSection,
  recordingsSection,
  statisticsSection,
} from "./observation.ts";
import { transportSection } from "./transport.ts";

/** Bytes of a connector message that are kept for the head beside an inline body. */
const MESSAGE_HEAD_BYTES = 128 * 1024;

/** Cross-checks run even when another key is invalid, so that all problems are found at once; comparisons with such a key are false. */
const always = { when: () => true };

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
  queueExpiration: age(1_000).prefault("24h").describe(
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
  audit: auditSection.prefault({}).describe("Who changed what."),
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

/** Both values may be invalid otherwise. */
function isBelow(url: unknown, domain: unknown): boolean {
  return URL.parse(String(url))?.hostname.replace(/\.$/, "").endsWith(`.${domain}`) ?? false;
}

function withoutTrailingSlash(url: string): string {
  return url.replace(/\/+$/, "");
}
