/**
 * The one error class of persistence. Callers handle its codes; what the driver said is the `cause`.
 *
 * @module
 */

/**
 * What went wrong:
 * - `database_unavailable`: the database cannot be opened or reached; a statement that met this may or may not have been done.
 * - `schema_newer`: a newer program has migrated the database; this one must not touch it.
 * - `migration_failed`: the schema could not be brought up to date; it is as it was before.
 * - `query_failed`: a statement failed; nothing of it was done.
 * - `owner_missing`: what the row belongs to is not there, or not any more; nothing of the statement was done.
 * - `name_taken`: another row has the name already.
 * - `version_conflict`: somebody else has changed the row since it was read.
 */
export type PersistenceErrorCode =
  | "database_unavailable"
  | "schema_newer"
  | "migration_failed"
  | "query_failed"
  | "owner_missing"
  | "name_taken"
  | "version_conflict";

/** The database could not do what was asked. */
export class PersistenceError extends Error {
  override readonly name = "PersistenceError";
  readonly code: PersistenceErrorCode;

  /**
   * @param code What went wrong, for programs.
   * @param message What failed and why, in the form "Cannot do X: reason".
   */
  constructor(code: PersistenceErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The error of an update that was made from an older version of the row. */
export function versionConflict(what: string): PersistenceError {
  return new PersistenceError(
    "version_conflict",
    `Cannot change ${what}: somebody else has changed it in the meantime`,
  );
}

/** What an error says, for the message of another. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") {
    return error.errors.map(reasonOf).join("; ");
  }
  return error instanceof Error ? error.message : String(error);
}
