/**
 * What the server stands on, as management shows it.
 *
 * @module
 */

import type { BodyStoreStatus } from "./body_store/mod.ts";
import { databaseUrl } from "./config/database.ts";
import type { ServerConfig } from "./config/server_config.ts";
import type { ComponentStatus } from "./management/mod.ts";
import type { DatabaseStatus } from "./persistence/mod.ts";

/** What each part is, in words. */
export type ComponentKinds = Readonly<Record<ComponentStatus["name"], string>>;

/** Who knows how the parts are. */
export interface Components {
  readonly kinds: ComponentKinds;
  readonly database: { readonly status: DatabaseStatus };
  readonly transport: { readonly state: ComponentStatus["state"] };
  readonly bodyStore: { readonly status: BodyStoreStatus };
}

const TRANSPORT_KINDS = { memory: "in memory", amqp: "RabbitMQ" } as const;
const BODY_STORE_KINDS = { file: "folder", memory: "in memory", s3: "S3" } as const;
const CUSTOM_KIND = "custom";

/** What the configuration chooses, or the program that embeds the server brings. */
export function componentKinds(
  config: ServerConfig,
  custom: { readonly serverTransport?: unknown; readonly bodyStore?: unknown },
): ComponentKinds {
  return {
    database: databaseUrl(config).startsWith("sqlite:") ? "SQLite" : "PostgreSQL",
    transport: custom.serverTransport === undefined ? TRANSPORT_KINDS[config.transport.type] : CUSTOM_KIND,
    bodyStore: custom.bodyStore === undefined ? BODY_STORE_KINDS[config.bodyStore.type] : CUSTOM_KIND,
  };
}

/** How the parts are now. */
export function readComponents({ kinds, database, transport, bodyStore }: Components): readonly ComponentStatus[] {
  const { isAvailable, sinceMs, lastError } = database.status;
  return [
    {
      name: "database",
      kind: kinds.database,
      state: isAvailable ? "ready" : "away",
      sinceMs,
      lastError: isAvailable ? undefined : lastError,
    },
    { name: "transport", kind: kinds.transport, state: transport.state },
    { name: "bodyStore", kind: kinds.bodyStore, ...bodyStore.status },
  ];
}
