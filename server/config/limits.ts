/**
 * The `limits` section of the server's configuration.
 *
 * @module
 */

import { z } from "zod";
import { duration, integer, size } from "../../shared/config/fields.ts";

/** The `limits` section: what one origin or one tenant may take. */
export const limitsSection = z.strictObject({
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
    "How long a client may send nothing of an unfinished body, in milliseconds; one of known length up to `inlineBodyLimit` has to be complete within it.",
  ),
});
