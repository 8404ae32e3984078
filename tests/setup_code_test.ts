import assert from "node:assert/strict";
import { Passwords } from "../server/auth/mod.ts";
import { openDatabase, UserRepository } from "../server/persistence/mod.ts";
import { testLog } from "./testkit/log.ts";
import { startServer } from "./testkit/server.ts";

const SETUP = { message: /There is no user yet/ };

Deno.test("a server without users logs a setup code, and one that has a user does not", async () => {
  const folder = await Deno.makeTempDir({ prefix: "relayserver-" });
  {
    await using _server = await startServer({ dataDirectory: folder });
    const { properties } = await testLog.waitFor(SETUP);
    assert.match(String(properties.code), /^[A-Za-z0-9_-]{43}$/);
  }
  {
    await using database = openDatabase({ url: `sqlite:${folder}/relay.db` });
    const passwordHash = await new Passwords({ logN: 4, r: 8, p: 1 }).hash("correct horse battery");
    await new UserRepository(database, Date.now).insert({ name: "ann", role: "admin", passwordHash });
  }
  {
    await using _server = await startServer({ dataDirectory: folder });
    assert.equal(testLog.find(SETUP).length, 1);
  }
  await Deno.remove(folder, { recursive: true });
});
