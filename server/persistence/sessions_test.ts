import assert from "node:assert/strict";
import type { Database } from "./schema.ts";
import { SessionRepository } from "./sessions.ts";
import { TestClock, testOnDatabases } from "./testing.ts";
import { UserRepository } from "./users.ts";

async function setUp(db: Database) {
  const clock = new TestClock();
  const users = new UserRepository(db, clock.now);
  const sessions = new SessionRepository(db, clock.now);
  const { id: userId } = await users.insert({ name: "ada", passwordHash: "h", role: "reader" });
  return { clock, users, sessions, userId };
}

testOnDatabases("insert() and markSeen() keep when a session was used and when it ends", async (db) => {
  const { clock, sessions, userId } = await setUp(db);
  const start = clock.now();
  const session = await sessions.insert({ tokenHash: "t", userId, expiresAt: start + 10 });
  assert.deepEqual(session, { tokenHash: "t", userId, createdAt: start, expiresAt: start + 10, lastSeenAt: start });
  clock.advance(2);
  await sessions.markSeen("t");
  assert.deepEqual(await sessions.findByTokenHash("t"), { ...session, lastSeenAt: start + 2 });
  await sessions.markSeen("t", { expiresAt: start + 12 });
  assert.deepEqual(await sessions.findByTokenHash("t"), { ...session, lastSeenAt: start + 2, expiresAt: start + 12 });
});

testOnDatabases("insert() refuses a user that does not exist", async (db) => {
  const { sessions } = await setUp(db);
  await assert.rejects(
    sessions.insert({ tokenHash: "t", userId: "unknown", expiresAt: 1 }),
    (error: Error & { code?: string }) => error.code === "owner_missing",
  );
});

testOnDatabases("removeByUser() ends all sessions of a user, or all but one", async (db) => {
  const { sessions, userId, users } = await setUp(db);
  const other = await users.insert({ name: "bob", passwordHash: "h", role: "reader" });
  for (const tokenHash of ["a", "b", "c"]) await sessions.insert({ tokenHash, userId, expiresAt: 1 });
  await sessions.insert({ tokenHash: "d", userId: other.id, expiresAt: 1 });
  assert.equal(await sessions.removeByUser(userId, { exceptTokenHash: "b" }), 2);
  assert.deepEqual((await sessions.listByUser(userId)).map(({ tokenHash }) => tokenHash), ["b"]);
  assert.equal(await sessions.removeByUser(userId), 1);
  assert.equal((await sessions.listByUser(other.id)).length, 1);
  assert.equal(await sessions.remove("d"), true);
  assert.equal(await sessions.remove("d"), false);
});

testOnDatabases("pruneExpired() removes the sessions that are over", async (db) => {
  const { clock, sessions, userId } = await setUp(db);
  await sessions.insert({ tokenHash: "over", userId, expiresAt: clock.now() });
  await sessions.insert({ tokenHash: "open", userId, expiresAt: clock.now() + 1 });
  assert.equal(await sessions.pruneExpired(), 1);
  assert.deepEqual((await sessions.listByUser(userId)).map(({ tokenHash }) => tokenHash), ["open"]);
});
