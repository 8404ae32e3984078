import assert from "node:assert/strict";
import { describeDatabaseUrl, parseDatabaseUrl } from "./database_url.ts";

const ACCEPTED = [
  "postgres://localhost/relay",
  "postgresql://relay:p%40ss%2Fw@db.example:5433/relay?sslmode=verify-full",
  "postgres://relay@[::1]/relay?sslmode=verify-ca&sslrootcert=/etc/ca.pem",
  "postgres:///relay?host=/var/run/postgresql",
];
for (const url of ACCEPTED) {
  Deno.test(`parseDatabaseUrl() takes ${url}`, () => {
    assert.deepEqual(parseDatabaseUrl(url), { kind: "postgres", url });
  });
}

Deno.test("parseDatabaseUrl() takes files of SQLite", () => {
  assert.deepEqual(parseDatabaseUrl("sqlite:./data/a b.db"), { kind: "sqlite", path: "./data/a b.db" });
  assert.deepEqual(parseDatabaseUrl("SQLITE:C:\\relay.db"), { kind: "sqlite", path: "C:\\relay.db" });
});

const REFUSED: readonly (readonly [string, RegExp])[] = [
  ["", /Expected sqlite:PATH or postgres/],
  ["relay.db", /Expected sqlite:PATH or postgres/],
  ["mysql://u:hunter2@host/db", /Expected sqlite:PATH or postgres/],
  ["sqlite:", /path of a file/],
  ["postgres:hunter2", /Expected postgres:\/\//],
  ["postgres://u:hunter2/x@host/db", /Expected postgres:\/\/USER/],
  ["postgres://u:1/hunter2@host/db", /no @ behind the host/],
  ["postgres://u:1?hunter2@host/db", /no @ behind the host/],
  ["postgres://u@host/db?password=hunter2", /password before the host/],
  ["postgres://u:hunter2@host", /name of a database/],
  ["postgres://u:hunter2@host/", /name of a database/],
  ["postgres://u:hunter2@host/db?sslmode=prefer", /sslmode to be one of disable, require, verify-ca, verify-full/],
  ["postgres://u:hunter2@host/db?sslmode=verify-ca", /sslrootcert/],
];
for (const [url, expected] of REFUSED) {
  Deno.test(`parseDatabaseUrl() refuses ${url}`, () => {
    const location = parseDatabaseUrl(url);
    assert.ok("problem" in location);
    assert.match(location.problem, expected);
    assert.ok(!location.problem.includes("hunter2"));
  });
}

Deno.test("describeDatabaseUrl() leaves out user, password and parameters", () => {
  assert.equal(
    describeDatabaseUrl("postgresql://u:hunter2@db.example:5433/relay?sslmode=require"),
    "postgres://db.example:5433/relay",
  );
  assert.equal(describeDatabaseUrl("sqlite:/srv/relay.db"), "sqlite:/srv/relay.db");
  assert.equal(describeDatabaseUrl("mysql://u:hunter2@host/db"), "database");
});
