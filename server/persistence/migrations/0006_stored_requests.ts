/**
 * Requests that are kept until they are settled: the queue, what is to be delivered again, dead letters.
 *
 * @module
 */

import type { Kysely } from "kysely";
import { blobType } from "./dialect.ts";

/** A program of the release before runs on this schema as well. */
export const requires = "0002_signing_keys";

/** Creates the table and its indexes. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.createTable("stored_requests")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("tenant_id", "text", (column) => column.notNull().references("tenants.id").onDelete("cascade"))
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("mode", "text", (column) => column.notNull())
    .addColumn("state", "text", (column) => column.notNull())
    .addColumn("sequence", "bigint", (column) => column.notNull())
    .addColumn("method", "text", (column) => column.notNull())
    .addColumn("target", "text", (column) => column.notNull())
    .addColumn("path", "text", (column) => column.notNull())
    .addColumn("headers", "text", (column) => column.notNull())
    .addColumn("is_traced", "integer", (column) => column.notNull())
    .addColumn("body", blobType(db))
    .addColumn("body_key", "text")
    .addColumn("body_bytes", "bigint", (column) => column.notNull())
    .addColumn("acknowledge_base", "text", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("expires_at", "bigint", (column) => column.notNull())
    .addColumn("attempts", "integer", (column) => column.notNull())
    .addColumn("next_attempt_at", "bigint", (column) => column.notNull())
    .addColumn("holder", "text")
    .addColumn("reason", "text")
    .addColumn("last_error", "text")
    .execute();
  await db.schema.createIndex("stored_requests_of_tenant").on("stored_requests")
    .columns(["tenant_id", "state", "sequence"]).execute();
  await db.schema.createIndex("stored_requests_expiring").on("stored_requests")
    .columns(["state", "expires_at"]).execute();
  await db.schema.createIndex("stored_requests_body").on("stored_requests").column("body_key").execute();
}
