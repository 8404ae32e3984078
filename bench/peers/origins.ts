/**
 * Two origins of this project without what is before and behind them, no HTTP, no WebSocket, no target: what a bare call over the broker can be
 * compared with.
 *
 * @module
 */

import { databaseUrl } from "../../server/config/database.ts";
import { serverConfigSchema } from "../../server/config/server_config.ts";
import { TestDatabase } from "../../tests/testkit/tenants.ts";
import { type Calls, startCalls } from "./calls.ts";
import type { ServerSettings } from "./relay.ts";

/** With what the protocol adds, about as much as a message of a bare call. */
const BODY_BYTES = 1280;

/** Requests from one origin to the other. */
export const ORIGINS = "origin to origin";

/**
 * Starts two origins that share a database. The tenant of the calls is connected to the one that answers.
 *
 * @param options Their configuration, and whether requests are stored first, with acknowledge mode `connectorFinished`.
 */
export async function startOrigins(
  folder: string,
  options: { readonly settings: ServerSettings; readonly isStored?: boolean },
): Promise<Calls> {
  const dataDirectory = await Deno.makeTempDir({ dir: folder, prefix: "origins-" });
  const settings = { dataDirectory, ...options.settings };
  await using database = await TestDatabase.open(databaseUrl(serverConfigSchema.parse(settings)));
  const { id: tenantId } = await database.createTenant({ name: "bench" });
  const { isStored = false } = options;
  return await startCalls(folder, {
    answerer: { script: "origin_answerer.ts", argument: { settings, tenantId, replyBytes: BODY_BYTES } },
    caller: { script: "origin_caller.ts", argument: { settings, tenantId, isStored, requestBytes: BODY_BYTES } },
  });
}
