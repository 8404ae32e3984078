import assert from "node:assert/strict";
import { MemoryBodyStore } from "../body_store/mod.ts";
import { PersistenceError, type StoredRequest, type StoredRequestRepository } from "../persistence/mod.ts";
import { Ledger } from "./ledger.ts";

const REQUEST = { id: "request", tenantId: "tenant", bodyKey: "body", bodyBytes: 3 };

async function startLedger(removeMany: () => Promise<void>) {
  const bodies = new MemoryBodyStore({ maxTotalBytes: 100 });
  await bodies.put(REQUEST.bodyKey, new Blob(["abc"]).stream());
  const usage = () => Promise.resolve({ requests: 1, bytes: 3 });
  const requests = { removeMany, usage } as Partial<StoredRequestRepository> as StoredRequestRepository;
  const ledger = new Ledger({ requests, bodies, limit: { requests: 1, bytes: 100 } });
  return { bodies, ledger };
}

Deno.test("settle() keeps the body as long as the row may be there: whoever takes over after a crash needs it", async () => {
  const tried = Promise.withResolvers<void>();
  const { bodies, ledger } = await startLedger(() => {
    tried.resolve();
    return Promise.reject(new PersistenceError("database_unavailable", "The database is away"));
  });
  ledger.settle(REQUEST);
  await tried.promise;
  ledger.stop();
  await ledger.idle();
  const body = await bodies.open(REQUEST.bodyKey);
  assert.equal(body?.sizeBytes, 3);
  await body?.stream.cancel();
});

Deno.test("settle() removes the body after the row", async () => {
  const { bodies, ledger } = await startLedger(() => Promise.resolve());
  ledger.settle(REQUEST);
  await ledger.idle();
  assert.equal(await bodies.open(REQUEST.bodyKey), undefined);
});

Deno.test("stop() ends the wait for a body store that does not answer", async () => {
  const { bodies, ledger } = await startLedger(() => Promise.resolve());
  bodies.remove = () => new Promise(() => {});
  ledger.removeBody(REQUEST.bodyKey);
  const idle = ledger.idle();
  ledger.stop();
  await idle;
});

Deno.test("insert() leaves no body behind when the tenant has no place for the request", async () => {
  const { bodies, ledger } = await startLedger(() => Promise.resolve());
  await assert.rejects(ledger.insert(REQUEST as StoredRequest), { code: "queue_full" });
  await ledger.idle();
  assert.equal(await bodies.open(REQUEST.bodyKey), undefined);
});

Deno.test("insert() says that there is no such tenant when it was removed in the meantime", async () => {
  const requests = {
    insertMany: () => Promise.reject(new PersistenceError("owner_missing", "Cannot run query: foreign key")),
    removeMany: () => Promise.resolve(),
    usage: () => Promise.resolve({ requests: 0, bytes: 0 }),
  } as Partial<StoredRequestRepository> as StoredRequestRepository;
  const bodies = new MemoryBodyStore({ maxTotalBytes: 100 });
  const ledger = new Ledger({ requests, bodies, limit: { requests: 1, bytes: 100 } });
  const insertion = ledger.insert(REQUEST as StoredRequest);
  await assert.rejects(insertion, { name: "RelayError", code: "tenant_unknown" });
  await ledger.idle();
});
