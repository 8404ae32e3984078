/**
 * The sections of the server's configuration about what it tells of itself and of its tenants' traffic, and how long it keeps that.
 *
 * @module
 */

import { z } from "zod";
import { duration, integer, size } from "../../shared/config/fields.ts";
import { age } from "./fields.ts";

/** The `maintenance` section. */
export const maintenanceSection = z.strictObject({
  runInterval: duration({ minimum: 1_000 }).prefault("15m").describe(
    "How often old rows are removed and signing keys looked after, in milliseconds, at one origin at a time.",
  ),
});

/** The `statistics` section: the request log, statistics and the list of origins. */
export const statisticsSection = z.strictObject({
  entryMaxAge: age(60_000).prefault("15m").describe(
    "How long an origin that does not report any more is listed, in milliseconds.",
  ),
  requestMaxAge: age(60_000).prefault("30d").describe(
    "How long the request log and the statistics are kept, in milliseconds.",
  ),
});

/** The `audit` section. */
export const auditSection = z.strictObject({
  maxAge: age(60_000).prefault("365d").describe("How long the audit trail is kept, in milliseconds."),
});

/** The `metrics` section: how many tenants and targets have metrics of their own. */
export const metricsSection = z.strictObject({
  tenants: integer({ maximum: 10_000 }).prefault(100).describe(
    "Tenants with metrics of their own: the busiest. The others count together as _other.",
  ),
  targetsPerTenant: integer({ maximum: 1_000 }).prefault(5).describe(
    "Targets of such a tenant with metrics of their own: the busiest. The others count together as _other.",
  ),
});

/** The `recordings` section: recordings of tenants' traffic. */
export const recordingsSection = z.strictObject({
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
