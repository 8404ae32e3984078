/**
 * The configuration of one target: every key with its type, default and meaning. Durations are milliseconds once parsed.
 *
 * @module
 */

import { z } from "zod";
import { duration, flag, httpUrl, integer, list, proxyUrl, secret, text } from "../../shared/config/fields.ts";

/** Cross-checks run even when another key is invalid, so that all problems are found at once. */
const always = { when: () => true };

const BUILT_IN = ["echo", "ping"];

const tlsSection = z.strictObject({
  caFile: text().optional().describe(
    "File with the certificates (PEM) that the target's certificate is checked against.",
  ),
  certFile: text().optional().describe("File with the connector's own certificate chain (PEM), for targets that ask."),
  keyFile: text().optional().describe("File with the private key (PEM) of that certificate."),
  insecureSkipVerify: flag().prefault(false).describe("Do not check the target's certificate."),
}).refine((tls) => (tls.certFile === undefined) === (tls.keyFile === undefined), {
  ...always,
  path: ["keyFile"],
  message: "Must be set together with certFile",
}).prefault({}).describe("TLS towards the target.");

const credentialsSection = z.strictObject({
  basic: z.strictObject({
    username: text().refine((name) => !name.includes(":"), "Must not contain a colon").describe("User."),
    password: secret().describe("Password; passwordFile names a file that holds it."),
  }).optional().describe("User and password (RFC 7617)."),
  bearer: secret().optional().describe("Token (RFC 6750); bearerFile names a file that holds it."),
}).refine(({ basic, bearer }) => (basic === undefined) !== (bearer === undefined), {
  message: "Expected either basic or bearer",
}).optional().describe("What the connector proves itself with to the target; it replaces the client's Authorization.");

/** A status or a range of them; a number as well, which is how people write it. */
const statusRange = z.preprocess(
  (value) => typeof value === "number" ? String(value) : value,
  text().refine((value) => /^[2-5]\d\d(?:-[2-5]\d\d)?$/.test(value), "Expected a status such as 200, or 200-299"),
);

const healthCheckSection = z.strictObject({
  path: text().refine((path) => /^[/?][!-~]*$/.test(path), "Expected a path that starts with /").prefault("/").describe(
    "Path below the target's URL that is asked with GET.",
  ),
  interval: duration({ minimum: 100 }).prefault("30s").describe("Time between two checks, in milliseconds."),
  timeout: duration({ minimum: 1 }).prefault("5s").describe("Time for the answer, in milliseconds."),
  expectedStatus: z.preprocess((value) => typeof value === "number" ? String(value) : value, list(statusRange))
    .prefault(
      ["200-399"],
    ).describe("Statuses that count as healthy: 200, or 200-299, or a list of both."),
  healthyAfter: integer({ minimum: 1, maximum: 1000 }).prefault(1).describe(
    "Good answers in a row after which an unhealthy target is healthy again.",
  ),
  unhealthyAfter: integer({ minimum: 1, maximum: 1000 }).prefault(3).describe(
    "Failures in a row after which a target is unhealthy.",
  ),
}).optional().describe("Asks the target regularly whether it is well; requests are sent to it all the same.");

/** One target. */
export const targetSection = z.strictObject({
  type: text().refine(isTargetType, "Expected web, echo, ping or the path of a module").prefault("web").describe(
    "What serves the target: web, echo, ping, or the path of a module.",
  ),
  url: httpUrl().optional().describe("Base URL of a web target."),
  timeout: duration({ minimum: 1 }).prefault("100s").describe(
    "Time for the head of the target's response, in milliseconds.",
  ),
  maximumConcurrentRequests: integer({ minimum: 1, maximum: 10_000 }).optional().describe(
    "Requests the target gets at a time; more wait for as long as its timeout, then they are answered 503. Without it there is no limit.",
  ),
  followRedirects: flag().prefault(false).describe(
    "Follow the target's redirects instead of handing them to the client; where to, allowedTargets limits.",
  ),
  headers: z.record(text(), secret()).prefault({}).describe(
    "Headers set on every request to the target; they replace the client's.",
  ),
  credentials: credentialsSection,
  preserveHost: flag().prefault(false).describe("Send the client's Host to the target instead of the host of its URL."),
  rewrite: flag().prefault(false).describe(
    "For a target that believes it lives at its own root: rewrite its Location, Content-Location, Refresh and the Path and Domain of its cookies to the public address.",
  ),
  proxy: proxyUrl().optional().describe(
    "Proxy towards the target, by CONNECT. Without it the target is called directly: HTTPS_PROXY and the like do not count here.",
  ),
  tls: tlsSection,
  healthCheck: healthCheckSection,
}).refine((target) => target.type !== "web" || target.url !== undefined, {
  ...always,
  path: ["url"],
  message: "Is required for a web target",
}).refine((target) => !BUILT_IN.includes(String(target.type)) || target.url === undefined, {
  ...always,
  path: ["url"],
  message: "Must not be set for an echo or ping target",
}).refine((target) => !BUILT_IN.includes(String(target.type)) || target.healthCheck === undefined, {
  ...always,
  path: ["healthCheck"],
  message: "Must not be set for an echo or ping target",
}).refine((target) => target.credentials === undefined || !setsAuthorization(target.headers), {
  ...always,
  path: ["credentials"],
  message: "Cannot be set together with a header Authorization",
});

/** One target, complete and checked. */
export type TargetConfig = z.output<typeof targetSection>;

function isTargetType(type: string): boolean {
  return ["web", ...BUILT_IN].includes(type) || /[./]/.test(type);
}

/** The value may be invalid otherwise. */
function setsAuthorization(headers: unknown): boolean {
  return headers instanceof Object && Object.keys(headers).some((name) => name.toLowerCase() === "authorization");
}
