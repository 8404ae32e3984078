/**
 * The tables as Kysely sees them. Only types that SQLite and PostgreSQL share: ids are text, times are milliseconds since 1970, booleans are
 * 0 or 1, JSON is text. The migrations create exactly these tables.
 *
 * @module
 */

import type { Kysely } from "kysely";

/** When a request leaves the queue for good. */
export const ACKNOWLEDGE_MODES = ["disabled", "connectorReceived", "connectorFinished", "manual"] as const;

/** One of {@link ACKNOWLEDGE_MODES}. */
export type AcknowledgeMode = typeof ACKNOWLEDGE_MODES[number];

/** What a secret may be used for; also the scope of the tokens it gets. */
export const SECRET_USES = ["connector", "client"] as const;

/** One of {@link SECRET_USES}. */
export type SecretUse = typeof SECRET_USES[number];

/** 0 is false, 1 is true. */
export type BooleanColumn = 0 | 1;

/** One row per tenant. A null setting stands for the server's default. */
export interface TenantTable {
  id: string;
  name: string;
  /** The name in lower case: what makes names unique and found without regard to case. */
  name_key: string;
  display_name: string | null;
  description: string | null;
  require_authentication: BooleanColumn;
  maximum_concurrent_connector_requests: number;
  keep_alive_interval_ms: number | null;
  enable_tracing: BooleanColumn | null;
  reconnect_minimum_delay_ms: number | null;
  reconnect_maximum_delay_ms: number | null;
  acknowledge_mode: AcknowledgeMode | null;
  require_active_connection: BooleanColumn | null;
  enabled: BooleanColumn;
  access_policy: string | null;
  created_at: number;
  updated_at: number;
}

/** One row per secret of a tenant; deleted with the tenant. */
export interface SecretTable {
  id: string;
  tenant_id: string;
  hash: string;
  use: SecretUse;
  expires_at: number | null;
  created_at: number;
  last_used_at: number | null;
}

/** One row per key that signs, or has signed, tokens. */
export interface SigningKeyTable {
  kid: string;
  algorithm: "ES256";
  private_jwk: string;
  public_jwk: string;
  created_at: number;
}

/** Kysely's record of the migrations that ran. */
export interface MigrationTable {
  name: string;
  timestamp: string;
}

/** All tables by name. */
export interface Schema {
  tenants: TenantTable;
  secrets: SecretTable;
  signing_keys: SigningKeyTable;
  kysely_migration: MigrationTable;
}

/** The handle that repositories work with. */
export type Database = Kysely<Schema>;
