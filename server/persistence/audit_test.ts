import assert from "node:assert/strict";
import { AuditRepository, type NewAuditEntry } from "./audit.ts";
import { TestClock, testOnDatabases } from "./testing.ts";

function entry(changes: Partial<NewAuditEntry> = {}): NewAuditEntry {
  return {
    actor: { kind: "user", id: "u1", name: "Ada", clientAddress: "192.0.2.1" },
    action: "tenant.update",
    subject: { kind: "tenant", id: "t1", name: "acme" },
    before: { enabled: true, list: [1, null] },
    after: { enabled: false },
    ...changes,
  };
}

testOnDatabases("insert() keeps an entry with what was before and after", async (db) => {
  const clock = new TestClock();
  const audit = new AuditRepository(db, clock.now);
  const first = await audit.insert(entry());
  assert.deepEqual(first, { ...entry(), id: first.id, at: clock.now() });
  clock.advance(1);
  const actor = { kind: "command", id: "cli", name: "root", clientAddress: null } as const;
  const second = await audit.insert(entry({ actor, before: null, after: null }));
  assert.deepEqual(await audit.find(), { results: [second, first], totalCount: 2 });
});

testOnDatabases("find() filters and pages, newest first", async (db) => {
  const clock = new TestClock();
  const audit = new AuditRepository(db, clock.now);
  const start = clock.now();
  const subject = (id: string) => ({ kind: "user", id, name: id });
  for (const id of ["a", "b", "c"]) {
    await audit.insert(entry({ subject: subject(id), action: `user.${id}` }));
    clock.advance(10);
  }
  await audit.insert(entry({ actor: { kind: "api_key", id: "k1", name: "key", clientAddress: null } }));
  const ids = async (options: Parameters<typeof audit.find>[0]) => {
    const { results, totalCount } = await audit.find(options);
    return [totalCount, ...results.map((found) => found.subject.id)];
  };
  assert.deepEqual(await ids({ filter: { subjectKind: "user" } }), [3, "c", "b", "a"]);
  assert.deepEqual(await ids({ filter: { subjectKind: "user" }, skip: 1, take: 1 }), [3, "b"]);
  assert.deepEqual(await ids({ filter: { subjectId: "b" } }), [1, "b"]);
  assert.deepEqual(await ids({ filter: { action: "user.a" } }), [1, "a"]);
  assert.deepEqual(await ids({ filter: { actorId: "k1" } }), [1, "t1"]);
  assert.deepEqual(await ids({ filter: { fromMs: start + 10, toMs: start + 30 } }), [2, "c", "b"]);
});

testOnDatabases("prune() removes the oldest entries", async (db) => {
  const clock = new TestClock();
  const audit = new AuditRepository(db, clock.now);
  for (let count = 0; count < 3; count++) {
    await audit.insert(entry());
    clock.advance(1);
  }
  assert.equal(await audit.prune(clock.now() - 1, 1), 1);
  assert.equal(await audit.prune(clock.now() - 1, 5), 1);
  assert.equal((await audit.find()).totalCount, 1);
});
