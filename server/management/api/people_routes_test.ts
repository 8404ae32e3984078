import assert from "node:assert/strict";
import { hashSecret } from "../../auth/mod.ts";
import { type ManagementSite, managementTestOnDatabases, PASSWORD } from "../testing.ts";
import type { UserDocument } from "../user_service.ts";

const USERS = "/management/users";
const KEYS = "/management/api-keys";
const SESSION = "/management/session";
const OWN_PASSWORD = "/management/session/password";

function createUser(site: ManagementSite, json: Record<string, unknown> = {}) {
  return site.call("POST", USERS, { json: { name: "Ada", role: "writer", password: PASSWORD, ...json } });
}

/** Logs in and gives the cookie to send. */
async function logIn(site: ManagementSite, name = "Ada", password = PASSWORD): Promise<string> {
  const { status, headers } = await site.call("POST", SESSION, { as: null, json: { name, password } });
  assert.equal(status, 200);
  return headers.get("Set-Cookie")!.split(";")[0]!;
}

managementTestOnDatabases("users are made, listed, changed and removed without showing a password", async (site) => {
  const created = await createUser(site);
  assert.equal(created.status, 201);
  const { id } = created.json;
  assert.equal(created.headers.get("Location"), `${USERS}/${id}`);
  assert.deepEqual(Object.keys(created.json), ["id", "name", "role", "created", "updated", "lastLogin"]);
  assert.equal((await createUser(site, { name: "ADA" })).status, 409);
  await createUser(site, { name: "bob" });
  const list = await site.call("GET", `${USERS}?search=AD`);
  assert.deepEqual([list.json.totalCount, list.json.results[0]?.name], [1, "Ada"]);
  assert.equal((await site.call("PUT", `${USERS}/${id}`, { json: { role: "admin" } })).json.role, "admin");
  assert.equal((await site.call("GET", `${USERS}/${id}`)).json.role, "admin");
  assert.equal((await site.call("DELETE", `${USERS}/${id}`)).status, 204);
  for (const method of ["GET", "DELETE"]) assert.equal((await site.call(method, `${USERS}/${id}`)).status, 404);
  assert.equal((await site.call("PUT", `${USERS}/${id}`, { json: {} })).status, 404);
  const audit = await site.call("GET", `/management/audit?subjectId=${id}`);
  assert.deepEqual(
    audit.json.results.map(({ action }) => action),
    ["user.remove", "user.update", "user.create"],
  );
  assert.ok(!/scrypt|battery/.test(audit.text));
});

managementTestOnDatabases("users need a name and a password that the rules allow", async (site) => {
  const cases = [
    { password: "short" },
    { password: "aaaaaaaaaaaaaaaa" },
    { password: "x".repeat(2000) },
    { password: 12 },
    { name: "" },
    { name: " Ada" },
    { name: "A\u0000da" },
    { name: "x".repeat(101) },
    { role: "root" },
    { role: undefined },
    { id: 1 },
  ];
  for (const change of cases) {
    const { status, problems, text } = await createUser(site, change);
    assert.deepEqual([status, problems[0]?.path], [400, Object.keys(change)[0]], JSON.stringify(change));
    assert.ok(!text.includes("short") && !text.includes("xxxx"));
  }
  assert.equal((await createUser(site, { name: "<img src=x onerror=alert(1)>'; drop table users" })).status, 201);
});

managementTestOnDatabases(
  "API keys are made with a value that is shown once, and count until they are removed",
  async (site) => {
    const created = await site.call("POST", KEYS, { json: { name: "ci", role: "reader" } });
    assert.equal(created.status, 201);
    const { value, ...key } = created.json;
    assert.match(value, /^rsk_/);
    const by = (path: string) => site.call("GET", path, { as: null, headers: { "Api-Key": value } });
    assert.equal((await by("/management/tenants")).status, 200);
    assert.deepEqual((await by(SESSION)).json, { kind: "api_key", id: key.id, name: "ci", role: "reader" });
    assert.equal((await by(USERS)).status, 403);
    assert.equal((await site.call("POST", KEYS, { json: { name: "CI", role: "reader" } })).status, 409);
    const list = await site.call("GET", `${KEYS}?search=ci`);
    assert.deepEqual({ ...list.json.results[0], lastUsed: null }, key);
    assert.equal((await site.store.apiKeys.findById(key.id))?.hash, await hashSecret(value));
    assert.equal((await site.call("DELETE", `${KEYS}/${key.id}`)).status, 204);
    assert.equal((await by("/management/tenants")).status, 401);
    assert.equal((await site.call("DELETE", `${KEYS}/${key.id}`)).status, 404);
    assert.ok(!(await site.call("GET", "/management/audit")).text.includes(value));
  },
);

managementTestOnDatabases("API keys that are unknown, expired or malformed do not count", async (site) => {
  const expired = await site.addKey("admin", { expiresAt: Date.now() - 1 });
  for (const key of [expired, `rsk_${"A".repeat(43)}`, "", "x".repeat(5000), "rsk_' or 1=1 --"]) {
    const { status, problem, headers } = await site.call("GET", SESSION, { as: null, headers: { "Api-Key": key } });
    assert.deepEqual([status, problem.code], [401, "authentication_required"], key);
    assert.match(headers.get("WWW-Authenticate")!, /^ApiKey /);
  }
});

managementTestOnDatabases("POST session logs in by a cookie that pages of other sites cannot use", async (site) => {
  await createUser(site);
  const answer = await site.call("POST", SESSION, { as: null, json: { name: "ADA", password: PASSWORD } });
  assert.equal(answer.status, 200);
  assert.deepEqual([answer.json.kind, answer.json.name, answer.json.role], ["user", "Ada", "writer"]);
  const cookie = answer.headers.get("Set-Cookie")!;
  assert.match(cookie, /^relayserver_session=[\w-]{43}; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Strict$/);
  assert.ok(!answer.text.includes(cookie.slice(20, 63)));
  const overTls = await site.call("POST", SESSION, {
    as: null,
    json: { name: "Ada", password: PASSWORD },
    headers: { "X-Forwarded-Proto": "https" },
  });
  assert.match(overTls.headers.get("Set-Cookie")!, /; Secure/);
  const Cookie = cookie.split(";")[0]!;
  assert.equal((await site.call("GET", SESSION, { as: null, headers: { Cookie } })).json.name, "Ada");
  const made = await site.call("POST", "/management/tenants", {
    as: null,
    headers: { Cookie },
    json: { name: "acme" },
  });
  assert.equal(made.status, 201);
  const [latest] = (await site.call("GET", "/management/audit")).json.results;
  assert.deepEqual([latest?.actor.kind, latest?.actor.name], ["user", "Ada"]);
});

managementTestOnDatabases("a session ends by logout, expiry, a new password, and with its user", async (site) => {
  const { id } = (await createUser(site)).json;
  const isValid = async (Cookie: string) =>
    (await site.call("GET", SESSION, { as: null, headers: { Cookie } })).status === 200;
  const first = await logIn(site);
  const out = await site.call("DELETE", SESSION, { as: null, headers: { Cookie: first } });
  assert.equal(out.status, 204);
  assert.match(out.headers.get("Set-Cookie")!, /^relayserver_session=; Max-Age=0; Path=\//);
  assert.equal(await isValid(first), false);
  const second = await logIn(site);
  const tokenHash = await hashSecret(second.split("=")[1]!);
  await site.store.sessions.markSeen(tokenHash, { expiresAt: Date.now() - 1 });
  assert.equal(await isValid(second), false);
  const third = await logIn(site);
  assert.equal(await isValid(third), true);
  await site.call("PUT", `${USERS}/${id}`, { json: { password: `${PASSWORD} new` } });
  assert.equal(await isValid(third), false);
  const fourth = await logIn(site, "Ada", `${PASSWORD} new`);
  await site.call("PUT", `${USERS}/${id}`, { json: { role: "reader" } });
  const demoted = await site.call("POST", "/management/tenants", { as: null, json: {}, headers: { Cookie: fourth } });
  assert.equal(demoted.status, 403);
  await site.call("DELETE", `${USERS}/${id}`);
  assert.equal(await isValid(fourth), false);
});

managementTestOnDatabases(
  "PUT session/password needs the present password, and ends the other sessions",
  async (site) => {
    const { id } = (await createUser(site, { role: "reader" })).json;
    const [Cookie, other] = [await logIn(site), await logIn(site)];
    const newPassword = `${PASSWORD} new`;
    const change = (json: unknown, headers: Record<string, string> = { Cookie }) =>
      site.call("PUT", OWN_PASSWORD, { as: null, json, headers });
    const wrong = await change({ password: "not the present one", newPassword });
    assert.deepEqual([wrong.status, wrong.problems[0]?.path], [400, "password"]);
    const weak = await change({ password: PASSWORD, newPassword: "short" });
    assert.deepEqual([weak.status, weak.problems[0]?.path], [400, "newPassword"]);
    for (const json of [{ newPassword }, { password: PASSWORD, newPassword, role: "admin" }]) {
      assert.equal((await change(json)).status, 400);
    }
    assert.equal(
      (await change({ password: PASSWORD, newPassword }, { Cookie, Origin: "https://evil.example" })).status,
      403,
    );
    assert.equal((await change({ password: PASSWORD, newPassword })).status, 204);
    const states = await Promise.all(
      [Cookie, other].map((Cookie) => site.call("GET", SESSION, { as: null, headers: { Cookie } })),
    );
    assert.deepEqual(states.map(({ status }) => status), [200, 401]);
    assert.equal(
      (await site.call("POST", SESSION, { as: null, json: { name: "Ada", password: PASSWORD } })).status,
      401,
    );
    await logIn(site, "Ada", newPassword);
    const audit = await site.call("GET", `/management/audit?action=user.update&subjectId=${id}`);
    const changes = audit.json.results.map(({ actor, after }) => {
      const { isPasswordNew, role } = after as UserDocument & { readonly isPasswordNew: boolean };
      return [actor.name, isPasswordNew, role];
    });
    assert.deepEqual(changes, [["Ada", true, "reader"]]);
    assert.ok(!/scrypt|battery/.test(audit.text));
  },
);

managementTestOnDatabases("PUT session/password is not for keys, and cannot be used to guess", async (site) => {
  await createUser(site);
  const Cookie = await logIn(site);
  const newPassword = `${PASSWORD} new`;
  assert.equal((await site.call("PUT", OWN_PASSWORD, { json: { password: PASSWORD, newPassword } })).status, 403);
  const guess = (password: string) =>
    site.call("PUT", OWN_PASSWORD, { as: null, json: { password, newPassword }, headers: { Cookie } });
  for (let attempt = 0; attempt < 5; attempt++) assert.equal((await guess(`guess ${attempt}`)).status, 400);
  const { status, headers } = await guess(PASSWORD);
  assert.deepEqual([status, headers.has("Retry-After")], [429, true]);
});

managementTestOnDatabases("a wrong key is not made good by a session", async (site) => {
  await createUser(site);
  const Cookie = await logIn(site);
  const { status } = await site.call("GET", SESSION, { as: null, headers: { Cookie, "Api-Key": "rsk_wrong" } });
  assert.equal(status, 401);
});

managementTestOnDatabases("changes by session and logins are refused to pages of other sites", async (site) => {
  await createUser(site, { role: "admin" });
  const Cookie = await logIn(site);
  const foreign: Record<string, string>[] = [
    { "Sec-Fetch-Site": "cross-site" },
    { "Sec-Fetch-Site": "same-site" },
    { Origin: "https://evil.example" },
    { Origin: "http://localhost:8080" },
    { Origin: "null" },
    { Origin: "http://localhost:8081.evil.example" },
  ];
  const calls: [string, string, unknown][] = [
    ["POST", "/management/tenants", { name: "acme" }],
    ["PUT", "/management/tenants/acme", {}],
    ["DELETE", "/management/tenants/acme", undefined],
    ["POST", USERS, { name: "Eve", role: "admin", password: PASSWORD }],
    ["DELETE", SESSION, undefined],
  ];
  for (const headers of foreign) {
    for (const [method, path, json] of calls) {
      const answer = await site.call(method, path, { as: null, json, headers: { Cookie, ...headers } });
      assert.deepEqual([answer.status, answer.problem.code], [403, "access_denied"], `${method} ${path}`);
    }
    const login = await site.call("POST", SESSION, { as: null, json: { name: "Ada", password: PASSWORD }, headers });
    assert.equal(login.status, 403);
  }
  for (const headers of [{ Origin: "http://localhost:8081", "Sec-Fetch-Site": "same-origin" }, {}]) {
    const own = await site.call("POST", "/management/tenants", {
      as: null,
      json: { name: `own${Object.keys(headers).length}` },
      headers: { Cookie, ...headers },
    });
    assert.equal(own.status, 201);
  }
  const byKey = await site.call("POST", "/management/tenants", { json: { name: "key" }, headers: foreign[0]! });
  assert.equal(byKey.status, 201);
});

managementTestOnDatabases(
  "logins that fail say nothing about why, and are slowed down for that account and address",
  async (site) => {
    await createUser(site);
    const attempt = (name: string, password: string) =>
      site.call("POST", SESSION, { as: null, json: { name, password } });
    const [wrongPassword, unknown] = [await attempt("Ada", "wrong"), await attempt("nobody", "wrong")];
    assert.deepEqual([wrongPassword.status, unknown.status], [401, 401]);
    assert.equal(wrongPassword.problem.detail, unknown.problem.detail);
    assert.equal(wrongPassword.headers.get("Set-Cookie"), null);
    let last = wrongPassword;
    for (let count = 0; count < 10; count++) last = await attempt("Ada", "wrong");
    assert.deepEqual([last.status, last.problem.code], [429, "rate_limited"]);
    assert.ok(Number(last.headers.get("Retry-After")) >= 1);
    await createUser(site, { name: "Bob" });
    assert.equal((await attempt("Bob", PASSWORD)).status, 200);
  },
);
