/**
 * The URL that says where the database is.
 *
 * @module
 */

/** A database in memory, which lives as long as its handle. */
export const MEMORY_DATABASE_URL = "sqlite::memory:";

/** Where a database is, as its URL says. */
export type DatabaseLocation =
  | { readonly kind: "sqlite"; readonly path: string }
  | { readonly kind: "postgres"; readonly url: string };

/** How a connection to PostgreSQL is protected. What `libpq` calls `allow` and `prefer` protects from nobody, so it is not offered. */
const TLS_MODES = ["disable", "require", "verify-ca", "verify-full"];

/**
 * Reads the URL of a database: `sqlite:PATH`, or `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=MODE`.
 *
 * @returns The location, or what is wrong, without repeating what may be a password.
 */
export function parseDatabaseUrl(url: string): DatabaseLocation | { readonly problem: string } {
  const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(url)?.[0].toLowerCase();
  if (scheme === "sqlite:") {
    const path = url.slice(scheme.length);
    return path === "" ? { problem: "Expected the path of a file after sqlite:" } : { kind: "sqlite", path };
  }
  if (scheme !== "postgres:" && scheme !== "postgresql:") {
    return { problem: "Expected sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE" };
  }
  const problem = postgresProblem(url);
  return problem === undefined ? { kind: "postgres", url } : { problem };
}

/** The URL for logs and errors: without user, password and parameters. */
export function describeDatabaseUrl(url: string): string {
  const location = parseDatabaseUrl(url);
  if ("problem" in location) return "database";
  if (location.kind === "sqlite") return url;
  const { host, pathname } = new URL(url);
  return `postgres://${host}${pathname}`;
}

function postgresProblem(url: string): string | undefined {
  const parsed = URL.parse(url);
  if (parsed === null || !url.slice(parsed.protocol.length).startsWith("//")) {
    return "Expected postgres://USER:PASSWORD@HOST:PORT/DATABASE, with / @ : ? # in user and password as %2F %40 %3A %3F %23";
  }
  // An @ further on means that a password was cut at a / or a ?: its rest would be shown as a path.
  if (`${parsed.pathname}${parsed.search}${parsed.hash}`.includes("@")) {
    return "Expected no @ behind the host: a / @ ? # in user and password is written %2F %40 %3F %23";
  }
  if (parsed.searchParams.has("password")) return "Expected the password before the host, not as a parameter";
  if (parsed.pathname.length < 2) return "Expected the name of a database after the host";
  const mode = parsed.searchParams.get("sslmode");
  if (mode !== null && !TLS_MODES.includes(mode)) return `Expected sslmode to be one of ${TLS_MODES.join(", ")}`;
  if (mode === "verify-ca" && !parsed.searchParams.has("sslrootcert")) {
    return "Expected sslrootcert, the file of the authority, with sslmode=verify-ca";
  }
  return undefined;
}
