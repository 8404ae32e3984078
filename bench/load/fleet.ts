/**
 * Many connectors, as their own program has them, in one process. Reads `{ url, tenants }` from the file that its first argument names,
 * connects them all at once, and prints `connected in N ms` when the last one is.
 *
 * @module
 */

import { configureSync } from "@logtape/logtape";
import { connectorConfigSchema } from "../../connector/config.ts";
import { createConnector } from "../../connector/connector.ts";

const { url, tenants } = JSON.parse(await Deno.readTextFile(Deno.args[0] ?? ""));

let connected = 0;
let startedAtMs = 0;
configureSync({
  sinks: {
    count({ rawMessage }) {
      if (!String(rawMessage).startsWith("Connected to ") || ++connected < tenants.length) return;
      const text = `connected in ${Math.round(performance.now() - startedAtMs)} ms\n`;
      Deno.stdout.writeSync(new TextEncoder().encode(text));
    },
  },
  loggers: [{ category: [], sinks: ["count"], lowestLevel: "info" }, { category: ["logtape", "meta"], sinks: [] }],
});

const connectors = [];
for (const { name, connectorSecret } of tenants) {
  const config = connectorConfigSchema.parse({
    relayServerBaseUri: url,
    tenantName: name,
    tenantSecret: connectorSecret,
    targets: { ping: { type: "ping" } },
  });
  connectors.push(await createConnector(config));
}
startedAtMs = performance.now();
for (const connector of connectors) connector.start();
