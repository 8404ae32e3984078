/**
 * The database as the tenant commands see it. They work on it directly; a server may be running on it at the same time.
 *
 * @module
 */

import type { CommandCall } from "../../shared/cli/mod.ts";
import { databaseUrl, type ServerConfig } from "../config.ts";
import { migrateToLatest, openDatabase, SecretRepository, type Tenant, TenantRepository } from "../persistence/mod.ts";

/** What the tenant commands read and write. */
export interface TenantDatabase extends AsyncDisposable {
  readonly tenants: TenantRepository;
  readonly secrets: SecretRepository;
}

/** Opens the configured database and brings it up to date. */
export async function openTenantDatabase({ loadConfig }: CommandCall<ServerConfig>): Promise<TenantDatabase> {
  const db = openDatabase({ url: databaseUrl(loadConfig()) });
  try {
    await migrateToLatest(db);
  } catch (error) {
    await db.destroy();
    throw error;
  }
  return {
    tenants: new TenantRepository(db, Date.now),
    secrets: new SecretRepository(db, Date.now),
    [Symbol.asyncDispose]: () => db.destroy(),
  };
}

/**
 * The tenant that a command is about.
 *
 * @throws {Error} When there is none of that name.
 */
export async function requireTenant({ tenants }: TenantDatabase, name = ""): Promise<Tenant> {
  const tenant = await tenants.findByName(name);
  if (tenant === undefined) throw new Error(`There is no tenant "${name}"`);
  return tenant;
}
