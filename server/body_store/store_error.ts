/**
 * Foreign errors become relay errors where a body store begins.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";

/**
 * The error of a store that cannot do what it should.
 *
 * @param action What failed, as in "store body".
 * @param cause What the system said; its text may hold paths and stays out of the message.
 */
export function bodyStoreUnavailable(action: string, cause?: unknown): RelayError {
  return new RelayError("body_store_unavailable", `Cannot ${action}: ${reasonOf(cause)}`, { cause });
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: "the body store is full",
  EDQUOT: "the body store is full",
  EROFS: "the body store is read-only",
  EACCES: "the body store denies access",
  EPERM: "the body store denies access",
};

function reasonOf(cause: unknown): string {
  if (cause instanceof BodyStoreFullError) return cause.message;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  return REASONS[code] ?? "the body store is not available";
}

/** There is no room left, by the store's own limit. */
export class BodyStoreFullError extends Error {
  override readonly name = "BodyStoreFullError";

  constructor() {
    super("the body store is full");
  }
}

/** Whether a store's error says that there is no room left in it. */
export function isFull({ cause }: RelayError): boolean {
  if (cause instanceof BodyStoreFullError) return true;
  return cause instanceof Error && "code" in cause && (cause.code === "ENOSPC" || cause.code === "EDQUOT");
}
