import assert from "node:assert/strict";
import { type Database, SessionRepository, type User, UserRepository } from "../persistence/mod.ts";
import { memoryDatabase, TestClock } from "../persistence/testing.ts";
import { LoginThrottle, ThrottledError } from "./login_throttle.ts";
import { Passwords, type ScryptCost } from "./passwords.ts";
import { hashSecret } from "./secret.ts";
import { Sessions } from "./sessions.ts";

const PASSWORD = "correct horse battery";
const CHEAP: ScryptCost = { logN: 4, r: 8, p: 1 };
const ADDRESS = "192.0.2.1";
const MINUTE_MS = 60_000;

/** People on a real database. */
class Site implements AsyncDisposable {
  readonly clock = new TestClock();
  readonly users: UserRepository;
  readonly store: SessionRepository;
  readonly sessions: Sessions;
  readonly #db: Database;

  constructor(db: Database, cost: ScryptCost) {
    this.#db = db;
    this.users = new UserRepository(db, this.clock.now);
    this.store = new SessionRepository(db, this.clock.now);
    this.sessions = this.sessionsWith(cost);
  }

  static async start(cost = CHEAP): Promise<Site> {
    return new Site(await memoryDatabase(), cost);
  }

  sessionsWith(cost: ScryptCost): Sessions {
    const now = this.clock.now;
    const throttle = new LoginThrottle({ now });
    return new Sessions({ users: this.users, sessions: this.store, passwords: new Passwords(cost), throttle, now });
  }

  async addUser(name = "Ann"): Promise<User> {
    return await this.users.insert({ name, role: "writer", passwordHash: await new Passwords(CHEAP).hash(PASSWORD) });
  }

  async login(name = "ann", password = PASSWORD) {
    return await this.sessions.login({ name, password, clientAddress: ADDRESS });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#db.destroy();
  }
}

Deno.test("login() begins a session of which only a hash is stored", async () => {
  await using site = await Site.start();
  const user = await site.addUser();
  const login = await site.login("ANN");
  assert.deepEqual(login?.principal, { kind: "user", id: user.id, name: "Ann", role: "writer" });
  assert.match(login.token, /^[A-Za-z0-9_-]{43}$/);
  assert.deepEqual(await site.sessions.verify(login.token), login.principal);
  const [stored] = await site.store.listByUser(user.id);
  assert.equal(stored?.tokenHash, await hashSecret(login.token));
  assert.equal((await site.users.findById(user.id))?.lastLoginAt, site.clock.now());
});

Deno.test("login() fails for a wrong password and an unknown name alike", async () => {
  await using site = await Site.start();
  const user = await site.addUser();
  for (
    const [name, password] of [["ann", "wrong horse battery"], ["ann", ""], ["bob", PASSWORD], ["", ""], [
      "'--",
      PASSWORD,
    ]]
  ) {
    assert.equal(await site.login(name, password), undefined);
  }
  assert.deepEqual(await site.store.listByUser(user.id), []);
});

Deno.test("login() is throttled after failures, for this account only", async () => {
  await using site = await Site.start();
  await site.addUser("ann");
  await site.addUser("bob");
  for (let index = 0; index < 5; index++) await site.login("ann", "wrong horse battery");
  await assert.rejects(site.login("ann"), ThrottledError);
  assert.ok(await site.login("bob"));
  site.clock.advance(1_000);
  assert.ok(await site.login("ann"));
});

Deno.test("login() hashes a password anew when hashes have become dearer", async () => {
  await using site = await Site.start();
  const user = await site.addUser();
  const dearer = site.sessionsWith({ ...CHEAP, logN: 5 });
  assert.ok(await dearer.login({ name: "ann", password: PASSWORD, clientAddress: ADDRESS }));
  const now = await site.users.findById(user.id);
  assert.match(now?.passwordHash ?? "", /ln=5/);
  assert.ok(await dearer.login({ name: "ann", password: PASSWORD, clientAddress: ADDRESS }));
  assert.equal((await site.users.findById(user.id))?.passwordHash, now?.passwordHash);
});

Deno.test("verify() ends a session that was not used for an hour, and one that is used goes on", async () => {
  await using site = await Site.start();
  const user = await site.addUser();
  const idle = await site.login();
  const used = await site.login();
  for (let index = 0; index < 3; index++) {
    site.clock.advance(30 * MINUTE_MS);
    assert.ok(await site.sessions.verify(used?.token ?? ""));
  }
  assert.equal(await site.sessions.verify(idle?.token ?? ""), undefined);
  assert.equal((await site.store.listByUser(user.id)).length, 1);
});

Deno.test("verify() ends a session after twelve hours, however much it is used", async () => {
  await using site = await Site.start();
  await site.addUser();
  const { token = "" } = await site.login() ?? {};
  for (let minutes = 0; minutes < 12 * 60 - 30; minutes += 30) {
    site.clock.advance(30 * MINUTE_MS);
    assert.ok(await site.sessions.verify(token), `${minutes} minutes`);
  }
  site.clock.advance(30 * MINUTE_MS);
  assert.equal(await site.sessions.verify(token), undefined);
});

Deno.test("verify() writes at most once a minute", async () => {
  await using site = await Site.start();
  const user = await site.addUser();
  const { token = "" } = await site.login() ?? {};
  const lastSeen = async () => (await site.store.listByUser(user.id))[0]?.lastSeenAt;
  const begun = await lastSeen();
  site.clock.advance(MINUTE_MS - 1);
  await site.sessions.verify(token);
  assert.equal(await lastSeen(), begun);
  site.clock.advance(1);
  await site.sessions.verify(token);
  assert.equal(await lastSeen(), site.clock.now());
});

Deno.test("a session ends with a logout and with its user, and has the role that the user has now", async () => {
  await using site = await Site.start();
  const user = await site.addUser();
  const one = await site.login();
  const other = await site.login();
  await site.sessions.logout(one?.token ?? "");
  assert.equal(await site.sessions.verify(one?.token ?? ""), undefined);
  await site.users.update(user.id, { role: "reader" });
  assert.equal((await site.sessions.verify(other?.token ?? ""))?.role, "reader");
  await site.users.remove(user.id);
  assert.equal(await site.sessions.verify(other?.token ?? ""), undefined);
});

Deno.test("verify() and logout() take anything for a token", async () => {
  await using site = await Site.start();
  for (const token of ["", "x", "a".repeat(43), "a".repeat(1_000_000), "\u0000", "' or 1=1 --"]) {
    assert.equal(await site.sessions.verify(token), undefined);
    await site.sessions.logout(token);
  }
});

Deno.test("login() begins no session for a password that is replaced while it is compared", async () => {
  await using site = await Site.start();
  const { id } = await site.addUser();
  const passwords = new Passwords(CHEAP);
  const replaced = "another battery horse";
  const sessions = new Sessions({
    users: site.users,
    sessions: site.store,
    passwords: {
      hash: (password) => passwords.hash(password),
      verify: async (password, stored) => {
        const match = await passwords.verify(password, stored);
        await site.users.update(id, { passwordHash: await passwords.hash(replaced) });
        await site.store.removeByUser(id);
        return match;
      },
    },
    throttle: new LoginThrottle({ now: site.clock.now }),
    now: site.clock.now,
  });
  assert.equal(await sessions.login({ name: "ann", password: PASSWORD, clientAddress: ADDRESS }), undefined);
  assert.deepEqual(await site.store.listByUser(id), []);
  assert.notEqual(await sessions.login({ name: "ann", password: replaced, clientAddress: ADDRESS }), undefined);
});
