/**
 * Many connectors in one program: reads `{ url, tenants, connections }` from its first argument and connects them all, until it is killed.
 *
 * @module
 */

import { connectorConfigSchema } from "../../connector/config.ts";
import { createConnector } from "../../connector/connector.ts";

const { url, tenants, connections } = JSON.parse(await Deno.readTextFile(Deno.args[0]!));
for (const { name, connectorSecret } of tenants) {
  const config = connectorConfigSchema.parse({
    relayServerBaseUri: url,
    tenantName: name,
    tenantSecret: connectorSecret,
    connections,
    targets: { ping: { type: "ping" } },
  });
  (await createConnector(config)).start();
}
