import assert from "node:assert/strict";
import { type ManagementSite, managementTest, managementTestOnDatabases, PASSWORD } from "../testing.ts";

function ask(site: ManagementSite, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers({ Host: "localhost:8081", ...Object.fromEntries(new Headers(init.headers)) });
  const incoming = { peerAddress: "192.0.2.7", headers: [...headers], host: "localhost:8081" };
  return Promise.resolve(
    site.management.web.fetch(new Request(`http://localhost:8081${path}`, { ...init, headers }), {
      incoming: incoming as never,
    }),
  );
}

function form(fields: Record<string, string>): RequestInit {
  return { method: "POST", body: new URLSearchParams(fields) };
}

async function logIn(site: ManagementSite, fields: Record<string, string> = {}): Promise<Response> {
  return await ask(site, "/login", form({ name: "ada", password: PASSWORD, ...fields }));
}

async function withAdmin(site: ManagementSite): Promise<void> {
  await site.call("POST", "/management/users", { json: { name: "ada", role: "admin", password: PASSWORD } });
}

managementTest("a login leads to where one wanted to go, and never elsewhere", async (site) => {
  await withAdmin(site);
  const wanted = await ask(site, "/audit?action=tenant.create");
  assert.equal(wanted.headers.get("Location"), "/login?to=%2Faudit%3Faction%3Dtenant.create");
  for (
    const [to, expected] of [
      ["/audit?action=tenant.create", "/audit?action=tenant.create"],
      ["//evil.example", "/"],
      ["/\\evil.example", "/"],
      ["https://evil.example", "/"],
      ["/\t/evil.example", "/"],
    ] as const
  ) {
    const response = await logIn(site, { to });
    assert.deepEqual([response.status, response.headers.get("Location")], [303, expected]);
  }
});

managementTest("what htmx asks for without a session leads the whole page to the login", async (site) => {
  const response = await ask(site, "/tenants", { headers: { "HX-Request": "true" } });
  assert.deepEqual([response.status, response.headers.get("HX-Redirect")], [200, "/login?to=%2Ftenants"]);
});

managementTest("what is written in values is shown as it is written", async (site) => {
  await withAdmin(site);
  const hostile = `"'><script>alert(1)</script>`;
  await site.call("POST", "/management/tenants", {
    json: { name: "acme", displayName: hostile, description: hostile },
  });
  const cookie = (await logIn(site)).headers.get("Set-Cookie")?.split(";")[0] ?? "";
  for (
    const path of [
      "/tenants",
      "/tenants/acme",
      "/tenants/acme/settings",
      `/tenants?search=${encodeURIComponent(hostile)}`,
      "/audit",
    ]
  ) {
    const html = await (await ask(site, path, { headers: { Cookie: cookie } })).text();
    assert.ok(!html.includes("<script>alert"), path);
    assert.ok(html.includes("alert(1)"), path);
  }
});

managementTest("no page has scripts or styles in it", async (site) => {
  await withAdmin(site);
  const cookie = (await logIn(site)).headers.get("Set-Cookie")?.split(";")[0] ?? "";
  for (
    const path of ["/login", "/", "/tenants", "/new-tenant", "/requests", "/events", "/audit", "/users", "/account"]
  ) {
    const html = await (await ask(site, path, { headers: { Cookie: cookie } })).text();
    assert.doesNotMatch(html, /<script>|<style|\sstyle=|\son[a-z]+=|javascript:/, path);
    for (const [, address] of html.matchAll(/(?:src|href)="([^"]+)"/g)) {
      assert.match(address!, /^(?:\/(?!\/)|#|data:image\/svg)/, path);
    }
  }
});

managementTest("assets are kept for ever under addresses of their content", async (site) => {
  const html = await (await ask(site, "/setup")).text() + await (await ask(site, "/login")).text();
  const paths = new Set([...html.matchAll(/"(\/assets\/[^"]+)"/g)].map(([, path]) => path!));
  assert.ok(paths.size >= 4);
  for (const path of paths) {
    const response = await ask(site, path);
    assert.equal(response.status, 200, path);
    assert.match(response.headers.get("Cache-Control") ?? "", /immutable/);
    assert.ok((await response.text()).length > 100);
  }
});

managementTest("the setup makes one administrator and no more", async (site) => {
  site.setupCode.renew();
  const code = site.told.at(-1)?.slice("setup ".length) ?? "";
  const fields = { name: "ada", password: PASSWORD, repeated: PASSWORD };
  assert.equal((await ask(site, "/setup", form({ ...fields, code: "wrong" }))).status, 400);
  assert.equal((await ask(site, "/setup", form({ ...fields, code, repeated: "other" }))).status, 400);
  assert.equal((await ask(site, "/setup", form({ ...fields, code }))).headers.get("Location"), "/");
  assert.equal((await ask(site, "/setup", form({ ...fields, name: "eve", code }))).headers.get("Location"), "/login");
  const { json } = await site.call("GET", "/management/users");
  assert.deepEqual(json.results.map(({ name, role }) => [name, role]), [["ada", "admin"]]);
});

managementTestOnDatabases(
  "a page of what cannot be there is not found, whatever its address has for an id",
  async (site) => {
    await withAdmin(site);
    await site.call("POST", "/management/tenants", { json: { name: "acme" } });
    const { json: { id } } = await site.call("POST", "/management/tenants/acme/recordings", { json: {} });
    const cookie = (await logIn(site)).headers.get("Set-Cookie")?.split(";")[0] ?? "";
    for (const wrong of ["%00", "x", "%F0%9F%98%80"]) {
      for (
        const [method, path] of [
          ["GET", `/users/${wrong}`],
          ["POST", `/users/${wrong}`],
          ["POST", `/users/${wrong}/remove`],
          ["POST", `/api-keys/${wrong}/remove`],
          ["POST", `/tenants/acme/secrets/${wrong}/remove`],
          ["POST", `/tenants/acme/connections/${wrong}/disconnect`],
          ["GET", `/tenants/acme/queue/${wrong}`],
          ["POST", `/tenants/acme/dead-letters/${wrong}/resend`],
          ["GET", `/tenants/acme/recordings/${wrong}`],
          ["POST", `/tenants/acme/recordings/${wrong}/stop`],
          ["POST", `/tenants/acme/recordings/${wrong}/remove`],
          ["GET", `/tenants/acme/recordings/${id}/requests/${wrong}`],
          ["GET", `/tenants/acme/recordings/${wrong}/requests/${id}`],
          ["POST", `/tenants/acme/recordings/${id}/requests/${wrong}/replay`],
          ["GET", `/requests/${wrong}`],
          ["GET", `/tenants/${wrong}/settings`],
        ] as const
      ) {
        const init = method === "POST" ? form({ a: "b" }) : {};
        const { status, body } = await ask(site, path, { ...init, headers: { Cookie: cookie } });
        await body?.cancel();
        assert.equal(status, 404, `${method} ${path}`);
      }
    }
  },
);

managementTestOnDatabases("a login with a name that nobody can have is refused like any other", async (site) => {
  await withAdmin(site);
  for (const name of ["ada\0", "\0", "x".repeat(100_000)]) {
    const response = await logIn(site, { name });
    assert.equal(response.status, 401, name.slice(0, 5));
    assert.match(await response.text(), /Name or password is wrong/);
  }
});

managementTest("a new password is no login: the audit has the change and nothing else", async (site) => {
  await withAdmin(site);
  const cookie = (await logIn(site)).headers.get("Set-Cookie")?.split(";")[0] ?? "";
  const password = "another battery horse";
  const changed = await ask(site, "/account", {
    ...form({ current: PASSWORD, password, repeated: password }),
    headers: { Cookie: cookie },
  });
  assert.equal(changed.headers.get("Location"), "/login?done=password");
  const { json } = await site.call("GET", "/management/audit");
  assert.deepEqual(json.results.map(({ action }) => action), ["user.update", "session.create", "user.create"]);
});

managementTest("the audit can be narrowed to what access policies denied", async (site) => {
  await withAdmin(site);
  const cookie = (await logIn(site)).headers.get("Set-Cookie")?.split(";")[0] ?? "";
  const html = await (await ask(site, "/audit?action=policy.deny", { headers: { Cookie: cookie } })).text();
  assert.match(html, /<option value="policy.deny" selected/);
});

managementTest("a form with a fault does not save over a change that nobody was told of", async (site) => {
  await withAdmin(site);
  await site.call("POST", "/management/tenants", { json: { name: "acme" } });
  const headers = { Cookie: (await logIn(site)).headers.get("Set-Cookie")?.split(";")[0] ?? "" };
  const save = async (fields: Record<string, string>) => {
    const response = await ask(site, "/tenants/acme/settings", { ...form(fields), headers });
    const [, version = ""] = /name="version" value="([^"]*)"/.exec(await response.text()) ?? [];
    return { status: response.status, version };
  };
  await site.call("PUT", "/management/tenants/acme", { json: { displayName: "Changed by somebody else" } });
  const faulty = await save({ version: "1", displayName: "Mine", keepAliveInterval: "soon" });
  assert.equal(faulty.status, 400);
  const told = await save({ version: faulty.version, displayName: "Mine" });
  assert.equal(told.status, 400);
  const { json } = await site.call("GET", "/management/tenants/acme");
  assert.equal(json.displayName, "Changed by somebody else");
  assert.equal((await save({ version: told.version, displayName: "Mine" })).status, 303);
});
