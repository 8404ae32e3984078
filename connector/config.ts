/**
 * The connector's configuration: every key with its type, default and meaning. Durations are milliseconds once parsed.
 *
 * @module
 */

import { z } from "zod";
import { flag, httpUrl, integer, list, port, proxyUrl, secret, text } from "../shared/config/fields.ts";
import { logSection } from "../shared/log/config.ts";
import { hostRules, isHostRule } from "../shared/net/host_rules.ts";
import { targetSection } from "./targets/config.ts";

export type { TargetConfig } from "./targets/config.ts";

/** What the variables of the environment begin with that are keys of the configuration. */
export const ENV_PREFIX = "RELAY_CONNECTOR";

/** The name of the target that takes what no other target takes. */
export const CATCH_ALL_TARGET = "*";

const TARGET_NAME = /^(?:\*|[A-Za-z0-9._-]{1,100})$/;

/** Cross-checks run even when another key is invalid, so that all problems are found at once. */
const always = { when: () => true };

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
  proxy: proxyUrl().optional().describe(
    "Proxy towards the servers, by CONNECT, with user and password where it wants them; none turns proxies off. Without it HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY of the environment count.",
  ),
  caFile: text().optional().describe(
    "File with the certificates (PEM) that the server's certificate is checked against, also that of a proxy that inspects TLS.",
  ),
  allowedTargets: list(
    text().refine(isHostRule, "Expected a host, *.domain, address or network, with :port or without"),
  )
    .optional().describe(
      "Hosts that targets may be at: host, *.domain, address or network, with :port or without. Other URLs are errors, and redirects to elsewhere are not followed. Without it there is no limit.",
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
}).superRefine((config, context) => {
  for (const name of targetsOutside(config.targets, config.allowedTargets)) {
    context.addIssue({ code: "custom", path: ["targets", name, "url"], message: "Is not in allowedTargets" });
  }
}, always);

/** The connector's configuration, complete and checked. */
export type ConnectorConfig = z.output<typeof connectorConfigSchema>;

/** Keys that count while the connector runs; the others need a restart. */
const LIVE_KEYS: ReadonlySet<string> = new Set<keyof ConnectorConfig>(["targets", "tenantSecret"]);

/** The keys whose new value counts only after a restart. */
export function fixedKeysThatDiffer(before: ConnectorConfig, after: ConnectorConfig): string[] {
  const keys = Object.keys(connectorConfigSchema.shape) as (keyof ConnectorConfig)[];
  return keys.filter((key) => !LIVE_KEYS.has(key) && JSON.stringify(before[key]) !== JSON.stringify(after[key]));
}

/** The names that stand twice when case does not count; the value may be invalid otherwise. */
function sameNames(targets: unknown): readonly string[] {
  const names = targets instanceof Object ? Object.keys(targets) : [];
  return names.filter((name) => names.some((other) => other !== name && other.toLowerCase() === name.toLowerCase()));
}

/** The targets whose URL is not allowed; both values may be invalid otherwise. */
function targetsOutside(targets: unknown, allowed: unknown): readonly string[] {
  if (!(targets instanceof Object) || !Array.isArray(allowed) || allowed.some((rule) => typeof rule !== "string")) {
    return [];
  }
  const isAllowed = hostRules(allowed, { includesSubdomains: false });
  return Object.entries(targets).filter(([, target]) => {
    const url = URL.parse(String(target?.url));
    return url !== null && !isAllowed(url);
  }).map(([name]) => name);
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
