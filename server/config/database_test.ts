import assert from "node:assert/strict";
import { join } from "node:path";
import { databaseUrl } from "./database.ts";

Deno.test("databaseUrl() is the configured one, else a file in the data directory", () => {
  const of = (dataDirectory: string, url?: string) => {
    return databaseUrl({ dataDirectory, database: { url, maximumConnections: 10 } });
  };
  assert.equal(of("./data"), `sqlite:${join("./data", "relay.db")}`);
  assert.equal(of("/var/lib/relay"), "sqlite:/var/lib/relay/relay.db");
  assert.equal(of("./data", "sqlite:/srv/a.db"), "sqlite:/srv/a.db");
  assert.equal(of("./data", "postgres://u:p@h/db"), "postgres://u:p@h/db");
});
