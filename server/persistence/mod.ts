/**
 * The database: opening, schema, repositories.
 *
 * @module
 */

export { type ApiKey, ApiKeyRepository, type ListApiKeysOptions, type NewApiKey } from "./api_keys.ts";
export {
  type Actor,
  type AuditEntry,
  type AuditFilter,
  AuditRepository,
  type AuditSubject,
  type FindAuditOptions,
  type NewAuditEntry,
} from "./audit.ts";
export { openDatabase, type OpenDatabaseOptions } from "./database.ts";
export { DatabaseMonitor, type DatabaseStatus } from "./database_monitor.ts";
export { type DatabaseLocation, describeDatabaseUrl, parseDatabaseUrl } from "./database_url.ts";
export { PersistenceError, type PersistenceErrorCode } from "./errors.ts";
export { type AcquireOptions, LeaseRepository } from "./leases.ts";
export type { LoggedRequest } from "./logged_request.ts";
export { migrateToLatest } from "./migrate.ts";
export { type Origin, OriginRepository } from "./origins.ts";
export type { Page, PageOptions } from "./page.ts";
export type {
  NewRecordedRequest,
  RecordedBody,
  RecordedHead,
  RecordedMessages,
  RecordedRequest,
  RecordedRequestSummary,
  RecordedResponseHead,
} from "./recorded_request.ts";
export {
  type ActiveRecording,
  isRecordingRunning,
  type NewRecording,
  type Recording,
  type RecordingFilter,
} from "./recording.ts";
export { type FindRecordedRequestsOptions, type RecordedPlace, RecordingRepository } from "./recordings.ts";
export {
  type FindRequestsOptions,
  REQUEST_SEARCH_LIMIT,
  type RequestFilter,
  RequestLogRepository,
  type RequestPage,
} from "./request_log.ts";
export { retryWrite, type RetryWriteOptions } from "./retry_write.ts";
export {
  ACKNOWLEDGE_MODES,
  type AcknowledgeMode,
  ACTOR_KINDS,
  type ActorKind,
  type Database,
  DEAD_LETTER_REASONS,
  type DeadLetterReason,
  ORIGIN_STATES,
  type OriginState,
  RECORDING_END_REASONS,
  type RecordingEndReason,
  REQUEST_OUTCOMES,
  type RequestOutcome,
  type Role,
  ROLES,
  SECRET_USES,
  type SecretUse,
  STORED_KINDS,
  STORED_STATES,
  type StoredKind,
  type StoredState,
} from "./schema.ts";
export { type NewSecret, type Secret, SecretRepository } from "./secrets.ts";
export { type NewUserSession, SessionRepository, type UserSession } from "./sessions.ts";
export type { StoredCounts, StoredTotals, StoredUsage, TenantStoredCounts } from "./stored_counts.ts";
export type { RemovedRequest, StoredRequest } from "./stored_request.ts";
export { type Burial, type NextAttempt, StoredRequestRepository } from "./stored_requests.ts";
export { readAcknowledgeKey, readDatabaseId } from "./properties.ts";
export { SigningKeyRepository, type StoredSigningKey } from "./signing_keys.ts";
export { SqliteCheckpoints } from "./sqlite_checkpoints.ts";
export {
  type FindStatisticsOptions,
  type RelayedTotals,
  STATISTICS_INTERVAL_MS,
  type StatisticsEntry,
  type StatisticsInterval,
  StatisticsRepository,
  TARGET_ORDERS,
  type TargetOrder,
  type TargetTotals,
} from "./statistics.ts";
export { isTenantName } from "./tenant_name.ts";
export {
  DEFAULT_TENANT_SETTINGS,
  type ListTenantsOptions,
  type Tenant,
  TENANT_ORDERS,
  type TenantOrder,
  type TenantPage,
  TenantRepository,
  type TenantSettings,
} from "./tenants.ts";
export { type ListUsersOptions, type NewUser, type User, type UserChanges, UserRepository } from "./users.ts";
