/**
 * Writing to a database that may be away for a while.
 *
 * @module
 */

import { getLogger } from "../../shared/log/mod.ts";
import { retryWrite } from "../persistence/mod.ts";

const logger = getLogger("statistics");

/** A database that restarts, fails over or is upgraded is back by then. */
export const WRITE_PATIENCE_MS = 10 * 60_000;

/** How long something is tried again. */
export interface PatientWriteOptions {
  /** For the log. */
  readonly what: string;
  /** How long it is tried again while the database is away, in milliseconds. */
  readonly patienceMs: number;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/**
 * Writes, again and again while the database is away. What the database refuses is not tried again. Never rejects.
 *
 * @returns Whether it was written.
 */
export async function writePatiently(
  write: () => Promise<void>,
  { what, patienceMs, signal }: PatientWriteOptions,
): Promise<boolean> {
  try {
    return await retryWrite(write, { giveUpAfterMs: patienceMs, signal });
  } catch (error) {
    logger.error("Cannot write {what}: {error}", { what, error });
    return false;
  }
}
