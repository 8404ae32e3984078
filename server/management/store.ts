/**
 * The repositories of management, alone or together in a transaction.
 *
 * @module
 */

import {
  ApiKeyRepository,
  AuditRepository,
  type Database,
  OriginRepository,
  RecordingRepository,
  RequestLogRepository,
  SecretRepository,
  SessionRepository,
  StatisticsRepository,
  StoredRequestRepository,
  TenantRepository,
  UserRepository,
} from "../persistence/mod.ts";

/** What management reads and writes. */
export interface Repositories {
  readonly tenants: TenantRepository;
  readonly secrets: SecretRepository;
  readonly users: UserRepository;
  readonly sessions: SessionRepository;
  readonly apiKeys: ApiKeyRepository;
  readonly origins: OriginRepository;
  readonly requests: RequestLogRepository;
  readonly recordings: RecordingRepository;
  readonly statistics: StatisticsRepository;
  readonly audit: AuditRepository;
  readonly stored: StoredRequestRepository;
}

/** The repositories, and the means to change several at once. */
export interface Store extends Repositories {
  /** Runs a change whole or not at all. Work must not wait for anything but the repositories it is given: others wait for it. */
  transaction<T>(work: (repositories: Repositories) => Promise<T>): Promise<T>;
}

/**
 * The repositories of a database.
 *
 * @param db A migrated database.
 * @param now The time in milliseconds since 1970.
 */
export function createStore(db: Database, now: () => number): Store {
  return {
    ...repositoriesOf(db, now),
    transaction: (work) => db.transaction().execute((transaction) => work(repositoriesOf(transaction, now))),
  };
}

function repositoriesOf(db: Database, now: () => number): Repositories {
  return {
    tenants: new TenantRepository(db, now),
    secrets: new SecretRepository(db, now),
    users: new UserRepository(db, now),
    sessions: new SessionRepository(db, now),
    apiKeys: new ApiKeyRepository(db, now),
    origins: new OriginRepository(db, now),
    requests: new RequestLogRepository(db),
    recordings: new RecordingRepository(db, now),
    statistics: new StatisticsRepository(db),
    audit: new AuditRepository(db, now),
    stored: new StoredRequestRepository(db),
  };
}
