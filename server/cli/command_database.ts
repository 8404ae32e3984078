/**
 * The database as commands see it. They work on it directly; servers may be running on it at the same time, and follow what was changed
 * within the time that they cache tenants for.
 *
 * @module
 */

import type { CommandCall } from "../../shared/cli/mod.ts";
import { Passwords } from "../auth/mod.ts";
import { databaseUrl } from "../config/database.ts";
import type { ServerConfig } from "../config/server_config.ts";
import { ApiKeyService } from "../management/api_key_service.ts";
import { createStore, type Store } from "../management/mod.ts";
import { SecretService } from "../management/secret_service.ts";
import { TenantService } from "../management/tenant_service.ts";
import { UserService } from "../management/user_service.ts";
import { migrateToLatest, openDatabase, type Tenant } from "../persistence/mod.ts";

/** What commands read, and the services that change it. */
export interface CommandDatabase extends AsyncDisposable {
  readonly store: Store;
  readonly tenants: TenantService;
  readonly secrets: SecretService;
  readonly users: UserService;
  readonly apiKeys: ApiKeyService;
}

/** Nothing is connected to a command. */
const NOBODY = { tenantChanged: () => {}, tenantRemoved: () => {}, secretRemoved: () => {} };

/** Opens the configured database and brings it up to date. */
export async function openCommandDatabase({ loadConfig }: CommandCall<ServerConfig>): Promise<CommandDatabase> {
  const db = openDatabase({ url: databaseUrl(loadConfig()) });
  try {
    await migrateToLatest(db);
  } catch (error) {
    await db.destroy();
    throw error;
  }
  const store = createStore(db, Date.now);
  const passwords = new Passwords();
  return {
    store,
    tenants: new TenantService({ store, events: NOBODY }),
    secrets: new SecretService({ store, events: NOBODY }),
    users: new UserService({ store, hashPassword: (password) => passwords.hash(password) }),
    apiKeys: new ApiKeyService({ store, removed: () => {} }),
    [Symbol.asyncDispose]: () => db.destroy(),
  };
}

/**
 * The tenant that a command is about.
 *
 * @throws {Error} When there is none of that name.
 */
export async function requireTenant({ store }: CommandDatabase, name = ""): Promise<Tenant> {
  const tenant = await store.tenants.findByName(name);
  if (tenant === undefined) throw new Error(`There is no tenant "${name}"`);
  return tenant;
}
