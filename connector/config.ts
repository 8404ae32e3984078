/**
 * The connector's configuration: every key with its type, default and meaning. Durations are milliseconds once parsed.
 *
 * @module
 */

import { z } from "zod";
import { duration, flag, httpUrl, integer, list, port, secret, text } from "../shared/config/fields.ts";
import { logSection } from "../shared/log/config.ts";

/** The name of the target that takes what no other target takes. */
export const CATCH_ALL_TARGET = "*";

const TARGET_NAME = /^(?:\*|[A-Za-z0-9._-]{1,100})$/;

/** Cross-checks run even when another key is invalid, so that all problems are found at once. */
const always = { when: () => true };

const targetSection = z.strictObject({
  type: text().refine(isTargetType, "Expected web, echo, ping or the path of a module").prefault("web").describe(
    "What serves the target: web, echo, ping, or the path of a module.",
  ),
  url: httpUrl().optional().describe("Base URL of a web target."),
  timeout: duration({ minimum: 1 }).prefault("100s").describe(
    "Time for the head of the target's response, in milliseconds.",
  ),
  followRedirects: flag().prefault(false).describe(
    "Follow the target's redirects instead of handing them to the client.",
  ),
  headers: z.record(text(), secret()).prefault({}).describe(
    "Headers set on every request to the target; they replace the client's.",
  ),
  preserveHost: flag().prefault(false).describe("Send the client's Host to the target instead of the host of its URL."),
  tls: z.strictObject({
    caFile: text().optional().describe(
      "File with the certificates (PEM) that the target's certificate is checked against.",
    ),
    insecureSkipVerify: flag().prefault(false).describe("Do not check the target's certificate."),
  }).prefault({}).describe("TLS towards the target."),
}).refine((target) => target.type !== "web" || target.url !== undefined, {
  ...always,
  path: ["url"],
  message: "Is required for a web target",
}).refine((target) => !["echo", "ping"].includes(target.type) || target.url === undefined, {
  ...always,
  path: ["url"],
  message: "Must not be set for an echo or ping target",
});

const targetName = z.string().refine(
  (name) => TARGET_NAME.test(name) && name !== "." && name !== "..",
  "Expected a target name of letters, digits, dot, underscore and dash, or * for the catch-all",
);

/** The connector's configuration. */
export const connectorConfigSchema = z.strictObject({
  relayServerBaseUri: list(httpUrl()).refine((urls) => urls.length > 0, "Expected at least one URL").describe(
    "URL of the server, or a list of them. http is taken only for loopback unless allowInsecure is true.",
  ),
  allowInsecure: flag().prefault(false).describe(
    "Allow http to a server that is not on this machine: secrets then travel in clear.",
  ),
  tenantName: text().describe("Name of the tenant this connector serves."),
  tenantSecret: secret().describe(
    "Secret of the tenant with the use connector; tenantSecretFile names a file that holds it.",
  ),
  targets: z.record(targetName, targetSection).refine((targets) => sameNames(targets).length === 0, {
    ...always,
    error: ({ input }) => `Names must differ in more than case: ${sameNames(input).join(", ")}`,
  }).prefault({}).describe(
    "The targets by name, matched without regard to case; the target * takes every name that no other has.",
  ),
  connections: integer({ minimum: 1, maximum: 100 }).prefault(1).describe(
    "Connections held at a time, spread over the servers of relayServerBaseUri; a server that cannot be reached is replaced by the next.",
  ),
  caFile: text().optional().describe(
    "File with the certificates (PEM) that the server's certificate is checked against.",
  ),
  status: z.strictObject({
    port: port().optional().describe(
      "Port on 127.0.0.1 that tells the status: /status, /health/live, /health/ready. Off unless it is given.",
    ),
  }).prefault({}).describe("Status for this machine."),
  log: logSection(),
}).refine((config) => config.allowInsecure === true || insecureServers(config.relayServerBaseUri).length === 0, {
  ...always,
  path: ["relayServerBaseUri"],
  message: "Must be https, or on this machine: over http secrets travel in clear (allowInsecure: true takes it anyway)",
});

/** The connector's configuration, complete and checked. */
export type ConnectorConfig = z.output<typeof connectorConfigSchema>;

/** One target of the connector's configuration. */
export type TargetConfig = ConnectorConfig["targets"][string];

function isTargetType(type: string): boolean {
  return ["web", "echo", "ping"].includes(type) || /[./]/.test(type);
}

/** The names that stand twice when case does not count; the value may be invalid otherwise. */
function sameNames(targets: unknown): readonly string[] {
  const names = targets instanceof Object ? Object.keys(targets) : [];
  return names.filter((name) => names.some((other) => other !== name && other.toLowerCase() === name.toLowerCase()));
}

/** The servers whose URL is http and not on this machine; the value may be invalid otherwise. */
function insecureServers(urls: unknown): readonly string[] {
  const candidates: readonly unknown[] = Array.isArray(urls) ? urls : [];
  return candidates.filter((url) => typeof url === "string").filter((url) => !isSecure(url));
}

function isSecure(serverUrl: string): boolean {
  const url = URL.parse(serverUrl);
  return url === null || url.protocol === "https:" || isLoopback(url.hostname);
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname.endsWith(".localhost") || hostname === "[::1]" ||
    /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
