/**
 * The database: opening, schema, repositories.
 *
 * @module
 */

export { type DatabaseLocation, openDatabase } from "./database.ts";
export { PersistenceError, type PersistenceErrorCode } from "./errors.ts";
export { migrateToLatest } from "./migrate.ts";
export { ACKNOWLEDGE_MODES, type AcknowledgeMode, type Database, SECRET_USES, type SecretUse } from "./schema.ts";
export { type NewSecret, type Secret, SecretRepository } from "./secrets.ts";
export { SigningKeyRepository, type StoredSigningKey } from "./signing_keys.ts";
export { isTenantName } from "./tenant_name.ts";
export {
  DEFAULT_TENANT_SETTINGS,
  type ListTenantsOptions,
  type Tenant,
  type TenantPage,
  TenantRepository,
  type TenantSettings,
} from "./tenants.ts";
