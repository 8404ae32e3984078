/**
 * The tables as Kysely sees them. Only types that SQLite and PostgreSQL share: ids are text, times are milliseconds since 1970, booleans are
 * 0 or 1, JSON is text. The migrations create exactly these tables.
 *
 * @module
 */

import type { Generated, Kysely } from "kysely";

/** When a request leaves the queue for good. */
export const ACKNOWLEDGE_MODES = ["disabled", "connectorReceived", "connectorFinished", "manual"] as const;

/** One of {@link ACKNOWLEDGE_MODES}. */
export type AcknowledgeMode = typeof ACKNOWLEDGE_MODES[number];

/** What a secret may be used for; also the scope of the tokens it gets. */
export const SECRET_USES = ["connector", "client"] as const;

/** One of {@link SECRET_USES}. */
export type SecretUse = typeof SECRET_USES[number];

/** What a person or a program may do through the management API; each may do what those before it may. */
export const ROLES = ["reader", "writer", "admin"] as const;

/** One of {@link ROLES}. */
export type Role = typeof ROLES[number];

/** What an origin is doing. */
export const ORIGIN_STATES = ["ready", "draining", "stopped"] as const;

/** One of {@link ORIGIN_STATES}. */
export type OriginState = typeof ORIGIN_STATES[number];

/**
 * How a request ended: `succeeded` was answered by the target or an interceptor, whatever the status; `aborted` the client left; `failed` the
 * relay refused it or could not deliver it; `expired` there was no answer in time; `errored` something unforeseen.
 */
export const REQUEST_OUTCOMES = ["succeeded", "aborted", "failed", "expired", "errored"] as const;

/** One of {@link REQUEST_OUTCOMES}. */
export type RequestOutcome = typeof REQUEST_OUTCOMES[number];

/** Who can change something: a person, a program with a key, somebody on the command line, the server itself. */
export const ACTOR_KINDS = ["user", "api_key", "command", "system"] as const;

/** One of {@link ACTOR_KINDS}. */
export type ActorKind = typeof ACTOR_KINDS[number];

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
  /** Raised by every change; the release that wrote schema 0002 leaves it alone. */
  version: Generated<number>;
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

/** One row per person who may use the management API. */
export interface UserTable {
  id: string;
  name: string;
  /** The name in lower case. */
  name_key: string;
  password_hash: string;
  role: Role;
  version: number;
  created_at: number;
  updated_at: number;
  last_login_at: number | null;
}

/** One row per key for programs that use the management API. */
export interface ApiKeyTable {
  id: string;
  name: string;
  /** The name in lower case. */
  name_key: string;
  hash: string;
  role: Role;
  created_at: number;
  expires_at: number | null;
  last_used_at: number | null;
}

/** One row per person who is logged in; deleted with the user. */
export interface SessionTable {
  token_hash: string;
  user_id: string;
  created_at: number;
  expires_at: number;
  last_seen_at: number;
}

/** One row per server instance, also for some time after it has ended. */
export interface OriginTable {
  id: string;
  machine_name: string;
  version: string;
  public_url: string | null;
  state: OriginState;
  connections: number;
  started_at: number;
  last_seen_at: number;
}

/** One row per job that only one origin at a time may do. */
export interface LeaseTable {
  name: string;
  holder: string;
  expires_at: number;
}

/** One row per request that is logged. It outlives its tenant. */
export interface RequestTable {
  id: string;
  tenant_id: string | null;
  tenant_name: string;
  origin_id: string;
  connection_id: string | null;
  started_at: number;
  duration_ms: number;
  target: string;
  method: string;
  path: string;
  client_address: string;
  status: number;
  outcome: RequestOutcome;
  error_code: string | null;
  policy_reason: string | null;
  request_bytes: number;
  relayed_request_bytes: number;
  response_bytes: number;
  relayed_response_bytes: number;
  waited_ms: number | null;
  tunnel_ms: number | null;
  target_ms: number | null;
  deliveries: number | null;
}

/** One row per tenant, target and minute with requests. */
export interface StatisticsTable {
  tenant_id: string;
  target: string;
  interval_start: number;
  requests: number;
  errors: number;
  expired: number;
  aborted: number;
  request_bytes: number;
  response_bytes: number;
  duration_ms_sum: number;
  duration_ms_max: number;
}

/** One row per change that somebody made. */
export interface AuditTable {
  id: string;
  at: number;
  actor_kind: ActorKind;
  actor_id: string;
  actor_name: string;
  client_address: string | null;
  action: string;
  subject_kind: string;
  subject_id: string;
  subject_name: string;
  before: string | null;
  after: string | null;
}

/** Why a recording ended before its time: somebody stopped it, or it was full. */
export const RECORDING_END_REASONS = ["stopped", "full"] as const;

/** One of {@link RECORDING_END_REASONS}. */
export type RecordingEndReason = typeof RECORDING_END_REASONS[number];

/** One row per recording of a tenant's traffic; deleted with the tenant. */
export interface RecordingTable {
  id: string;
  tenant_id: string;
  filter: string;
  started_by: string;
  started_at: number;
  ends_at: number;
  /** Set when it ended before `ends_at`. */
  ended_at: number | null;
  end_reason: RecordingEndReason | null;
  max_requests: number;
  max_bytes: number;
  request_count: number;
  size_bytes: number;
  dropped_count: number;
}

/** One row per recorded request; deleted with its recording. */
export interface RecordedRequestTable {
  id: string;
  recording_id: string;
  request_id: string;
  origin_id: string;
  started_at: number;
  duration_ms: number;
  target: string;
  method: string;
  path: string;
  client_address: string;
  status: number;
  outcome: RequestOutcome;
  error_code: string | null;
  /** What client and target sent, bodies in base64. */
  messages: string;
}

/** What there is once for the whole database. */
export interface PropertyTable {
  name: string;
  value: string;
}

/** Where a stored request came in: by `/relay`, whose client may wait, or by `/queue`. */
export const STORED_KINDS = ["relay", "queue"] as const;

/** One of {@link STORED_KINDS}. */
export type StoredKind = typeof STORED_KINDS[number];

/** `waiting` for an origin to take it; `delivering`: the holder sees to it; `dead`: given up, for people to look at. */
export const STORED_STATES = ["waiting", "delivering", "dead"] as const;

/** One of {@link STORED_STATES}. */
export type StoredState = typeof STORED_STATES[number];

/** Why a request was given up. */
export const DEAD_LETTER_REASONS = ["redelivery_limit", "expired", "refused"] as const;

/** One of {@link DEAD_LETTER_REASONS}. */
export type DeadLetterReason = typeof DEAD_LETTER_REASONS[number];

/** One row per request that is not settled yet; deleted when it is. */
export interface StoredRequestTable {
  id: string;
  tenant_id: string;
  kind: StoredKind;
  mode: AcknowledgeMode;
  state: StoredState;
  /** The order within the tenant. */
  sequence: number;
  method: string;
  target: string;
  path: string;
  /** JSON. */
  headers: string;
  is_traced: BooleanColumn;
  /** A small body. */
  body: Uint8Array | null;
  /** Where a large one is in the body store. */
  body_key: string | null;
  body_bytes: number;
  /** Base of the URL by which a target acknowledges. */
  acknowledge_base: string;
  created_at: number;
  expires_at: number;
  /** Deliveries that were begun. */
  attempts: number;
  next_attempt_at: number;
  /** The origin that delivers it. */
  holder: string | null;
  reason: DeadLetterReason | null;
  last_error: string | null;
  /** Deliveries that were begun before it was a dead letter. */
  earlier_deliveries: number;
}

/** One row per migration from 0003 on: what a program must know to run on the schema that it made. */
export interface SchemaCompatibilityTable {
  migration: string;
  /** The name of a migration. */
  requires: string;
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
  users: UserTable;
  api_keys: ApiKeyTable;
  sessions: SessionTable;
  origins: OriginTable;
  leases: LeaseTable;
  requests: RequestTable;
  statistics: StatisticsTable;
  audit: AuditTable;
  recordings: RecordingTable;
  recorded_requests: RecordedRequestTable;
  properties: PropertyTable;
  stored_requests: StoredRequestTable;
  schema_compatibility: SchemaCompatibilityTable;
  kysely_migration: MigrationTable;
}

/** The handle that repositories work with. */
export type Database = Kysely<Schema>;
