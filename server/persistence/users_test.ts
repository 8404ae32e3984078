import assert from "node:assert/strict";
import { SessionRepository } from "./sessions.ts";
import { TestClock, testOnDatabases } from "./testing.ts";
import { UserRepository } from "./users.ts";

const ada = { name: "Ada", passwordHash: "scrypt:1", role: "admin" } as const;

testOnDatabases("insert() adds a user, found by id and by name in any case", async (db) => {
  const clock = new TestClock();
  const users = new UserRepository(db, clock.now);
  const user = await users.insert(ada);
  assert.deepEqual(user, {
    ...ada,
    id: user.id,
    version: 1,
    createdAt: clock.now(),
    updatedAt: clock.now(),
    lastLoginAt: null,
  });
  assert.deepEqual(await users.findById(user.id), user);
  assert.deepEqual(await users.findByName("aDA"), user);
  assert.equal(await users.findByName("ad"), undefined);
});

testOnDatabases("insert() refuses a name that exists in another case", async (db) => {
  const users = new UserRepository(db, Date.now);
  await users.insert(ada);
  await assert.rejects(
    users.insert({ ...ada, name: "ADA" }),
    (error: Error & { code?: string }) => error.code === "name_taken" && /"ADA" already/.test(error.message),
  );
});

testOnDatabases("update() changes what is given, and refuses to overwrite a change in between", async (db) => {
  const clock = new TestClock();
  const users = new UserRepository(db, clock.now);
  const user = await users.insert(ada);
  clock.advance(5);
  const changed = await users.update(user.id, { role: "reader", version: 1 });
  assert.deepEqual(changed, { ...user, role: "reader", version: 2, updatedAt: clock.now() });
  assert.equal((await users.update(user.id, { passwordHash: "scrypt:2" }))?.passwordHash, "scrypt:2");
  await assert.rejects(
    users.update(user.id, { role: "writer", version: 2 }),
    (error: Error & { code?: string }) => error.code === "version_conflict",
  );
  assert.equal(await users.update("unknown", { role: "writer", version: 1 }), undefined);
});

testOnDatabases("markLoggedIn() notes the time and leaves the version", async (db) => {
  const clock = new TestClock();
  const users = new UserRepository(db, clock.now);
  const user = await users.insert(ada);
  clock.advance(5);
  await users.markLoggedIn(user.id);
  assert.deepEqual(await users.findById(user.id), { ...user, lastLoginAt: clock.now() });
});

testOnDatabases("list() pages and searches users by name, countByRole() counts", async (db) => {
  const users = new UserRepository(db, Date.now);
  for (const name of ["Carl", "ada", "Bob_1", "bobX1"]) await users.insert({ ...ada, name });
  await users.update((await users.findByName("carl"))!.id, { role: "reader" });
  const names = async (options?: Parameters<typeof users.list>[0]) => {
    const { results, totalCount } = await users.list(options);
    return [totalCount, ...results.map(({ name }) => name)];
  };
  assert.deepEqual(await names(), [4, "ada", "Bob_1", "bobX1", "Carl"]);
  assert.deepEqual(await names({ skip: 1, take: 1 }), [4, "Bob_1"]);
  assert.deepEqual(await names({ search: "B_1" }), [1, "Bob_1"]);
  assert.equal(await users.countByRole("admin"), 3);
  assert.equal(await users.countByRole("writer"), 0);
});

testOnDatabases("remove() removes a user with its sessions", async (db) => {
  const users = new UserRepository(db, Date.now);
  const sessions = new SessionRepository(db, Date.now);
  const { id: userId } = await users.insert(ada);
  await sessions.insert({ tokenHash: "t", userId, expiresAt: 1 });
  assert.equal(await users.remove(userId), true);
  assert.equal(await users.remove(userId), false);
  assert.equal(await sessions.findByTokenHash("t"), undefined);
});
