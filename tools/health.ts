/**
 * Health check of the server's container: exits with 0 when the server answers that it is alive, else with 1. Asks the management listener: the
 * public one may speak HTTPS, or belong to targets. Whose certificate it has does not matter on the way to oneself.
 *
 * @module
 */

import { get as getPlain } from "node:http";
import { get as getSecure } from "node:https";

const PREFIX = "RELAY_SERVER__MANAGEMENT__";
const hostname = "127.0.0.1";
const port = Deno.env.get(`${PREFIX}PORT`) ?? "8081";
const isSecure = (Deno.env.get(`${PREFIX}TLS__CERT_FILE`) ?? "") !== "";
const place = { hostname, port, path: "/health/live", signal: AbortSignal.timeout(4_000) };
// Without a list of authorities Deno wants to read those of the system, and may not.
const request = isSecure ? getSecure({ ...place, ca: [], rejectUnauthorized: false }) : getPlain(place);
request.on("error", () => Deno.exit(1));
request.on("response", ({ statusCode }) => Deno.exit(statusCode === 200 ? 0 : 1));
