/**
 * Health check of the server's container: exits with 0 when the server answers that it is alive, else with 1. Asks the management listener: the
 * public one may speak HTTPS, or belong to targets.
 *
 * @module
 */

const port = Deno.env.get("RELAY_SERVER__MANAGEMENT__PORT") ?? "8081";
const response = await fetch(`http://127.0.0.1:${port}/health/live`, { signal: AbortSignal.timeout(4_000) });
await response.body?.cancel();
Deno.exit(response.ok ? 0 : 1);
