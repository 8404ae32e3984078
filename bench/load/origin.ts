/**
 * An origin without HTTP: from where the relay hands a request over, to where a connection takes it. What is between two of them is the broker.
 *
 * @module
 */

import type { ServerConfig } from "../../server/config/server_config.ts";
import { serverConfigSchema } from "../../server/config/server_config.ts";
import { databaseUrl } from "../../server/config/database.ts";
import { ConnectionRegistry } from "../../server/connectors/registry.ts";
import { createDelivery, type Delivery } from "../../server/delivery.ts";
import { openDatabase, readDatabaseId, SqliteCheckpoints } from "../../server/persistence/mod.ts";
import { createStorage, type Storage } from "../../server/storage.ts";
import { VERSION } from "../../shared/version.ts";
import type { ServerSettings } from "../peers/mod.ts";

/** Half a server. Hold it with `await using`. */
export interface Origin extends AsyncDisposable {
  readonly originId: string;
  readonly config: ServerConfig;
  readonly registry: ConnectionRegistry;
  readonly delivery: Delivery;
  readonly storage: Storage;
}

/** Starts an origin as a server starts its own, over a migrated database. */
export async function startOrigin(settings: ServerSettings): Promise<Origin> {
  await using resources = new AsyncDisposableStack();
  const config = serverConfigSchema.parse(settings);
  const url = databaseUrl(config);
  const database = openDatabase({ url });
  resources.defer(() => database.destroy());
  const checkpoints = await SqliteCheckpoints.start(database, url);
  resources.defer(() => checkpoints?.[Symbol.dispose]());
  const registry = new ConnectionRegistry();
  const origin = { originId: crypto.randomUUID(), version: VERSION, machineName: "bench" };
  const databaseId = await readDatabaseId(database);
  const delivery = resources.use(await createDelivery({ config, registry, origin, databaseId }));
  const storage = await createStorage({ config, database, registry, delivery, origin, now: Date.now });
  resources.defer(() => storage.requests.stop({ timeoutMs: 1_000 }));
  await storage.requests.start();
  delivery.start({});
  const kept = resources.move();
  return {
    originId: origin.originId,
    config,
    registry,
    delivery,
    storage,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
