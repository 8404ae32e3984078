/**
 * An origin without HTTP: from where the relay hands a request over, to where a connection takes it. What is between two of them is the broker.
 *
 * @module
 */

import { serverConfigSchema } from "../../server/config/server_config.ts";
import { databaseUrl } from "../../server/config/database.ts";
import { createDelivery, type Delivery, type DeliveryParts } from "../../server/delivery.ts";
import { openDatabase, readDatabaseId, SqliteCheckpoints } from "../../server/persistence/mod.ts";
import { createStorage, type Storage } from "../../server/storage.ts";
import { VERSION } from "../../shared/version.ts";
import type { ServerSettings } from "../peers/mod.ts";

/** Half a server. Hold it with `await using`. */
export interface Origin extends AsyncDisposable {
  readonly delivery: Delivery;
  readonly storage: Storage;
}

/** Starts an origin as a server starts its own, over a migrated database. */
export async function startOrigin(
  settings: ServerSettings,
  { originId, connections }: { readonly originId: string; readonly connections: DeliveryParts["connections"] },
): Promise<Origin> {
  await using resources = new AsyncDisposableStack();
  const config = serverConfigSchema.parse(settings);
  const url = databaseUrl(config);
  const database = openDatabase({ url });
  resources.defer(() => database.destroy());
  const checkpoints = await SqliteCheckpoints.start(database, url);
  resources.defer(() => checkpoints?.[Symbol.dispose]());
  const origin = { originId, version: VERSION, machineName: "bench" };
  const databaseId = await readDatabaseId(database);
  const delivery = resources.use(await createDelivery({ config, connections, origin, databaseId }));
  const storage = await createStorage({ config, database, connections, delivery, origin, now: Date.now });
  resources.defer(() => storage.requests.stop({ timeoutMs: 1_000 }));
  await storage.requests.start();
  delivery.start({});
  const kept = resources.move();
  return { delivery, storage, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}
