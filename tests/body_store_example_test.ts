import assert from "node:assert/strict";
import { join } from "node:path";
import { SqliteBodyStore } from "../docs/examples/body_store.ts";
import { testBodyStore } from "../server/body_store/body_store_contract.ts";
import { startServer } from "./testkit/server.ts";

testBodyStore("the example of a body store", async () => {
  const folder = await Deno.makeTempDir();
  const store = new SqliteBodyStore(join(folder, "bodies.db"));
  let isClosed = false;
  const lose = () => {
    if (!isClosed) store[Symbol.dispose]();
    isClosed = true;
    return Promise.resolve();
  };
  return {
    store,
    lose,
    async [Symbol.asyncDispose]() {
      await lose();
      await Deno.remove(folder, { recursive: true });
    },
  };
});

Deno.test("createRelayServer() keeps bodies of queued requests in somebody else's store", async () => {
  const folder = await Deno.makeTempDir();
  try {
    using store = new SqliteBodyStore(join(folder, "bodies.db"));
    await using server = await startServer({}, { bodyStore: store });
    const tenant = await server.database.createTenant();
    const response = await fetch(`${server.url}/queue/${tenant.name}/web`, {
      method: "POST",
      body: "x".repeat(100_000),
    });
    assert.equal(response.status, 202);
    await response.body?.cancel();
    const keys = await Array.fromAsync(store.keys({ minimumAgeMs: 0 }));
    assert.equal(keys.length, 1);
    const stored = await store.open(keys[0]!);
    assert.equal(stored?.sizeBytes, 100_000);
    await stored.stream.cancel();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
