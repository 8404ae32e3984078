import assert from "node:assert/strict";
import { testLog } from "../testkit/log.ts";
import { startServer } from "../testkit/server.ts";
import { addUser, launch, PASSWORD, Visitor } from "./visitor.ts";

Deno.test("the first administrator is made with the code in the log, logs out and in again", async () => {
  await using server = await startServer();
  const { properties } = await testLog.waitFor({ message: /There is no user yet/ });
  await using launched = await launch();
  await using visitor = await Visitor.open(launched.browser, server);
  const { page } = visitor;
  visitor.expect(/40[01]|403/);
  await visitor.go("/");
  assert.equal(new URL(page.url()).pathname, "/setup");
  const fill = async (code: string, password: string) => {
    await page.getByLabel("Setup code").fill(code);
    await page.getByLabel("Name").fill("ada");
    await page.getByLabel("Password", { exact: true }).fill(password);
    await page.getByLabel("Password again").fill(password);
    await visitor.press("Make administrator");
  };
  await fill("wrong", PASSWORD);
  await visitor.see("Is not the code in the server's log");
  await fill(String(properties.code), "short");
  await visitor.see("Expected at least 12 characters");
  await fill(String(properties.code), PASSWORD);
  await visitor.see("Tenants online");
  await visitor.press("Log out");
  await visitor.see("You are logged out.");
  await visitor.go("/audit?action=user.create");
  await page.getByLabel("Name").fill("ada");
  await page.getByLabel("Password").fill(PASSWORD);
  await visitor.press("Log in");
  await visitor.see("first run");
  await visitor.go("/setup");
  assert.notEqual(new URL(page.url()).pathname, "/setup");
});

Deno.test("a wrong login does not tell what was wrong, and one must wait after many", async () => {
  await using server = await startServer();
  await addUser(server, "ada", "admin");
  await using launched = await launch();
  await using visitor = await Visitor.open(launched.browser, server);
  visitor.expect(/401|429/);
  for (const name of ["ada", "nobody"]) {
    await visitor.logIn(name, "not the password");
    await visitor.see("Name or password is wrong.");
  }
  for (let attempt = 0; attempt < 5; attempt++) await visitor.logIn("ada", "not the password");
  await visitor.see(/Too many attempts/);
});

Deno.test("a reader sees no control for changes, and is refused where one is used all the same", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant({ name: "acme" });
  await using launched = await launch();
  await using reader = await Visitor.as("reader", { ...launched, server });
  reader.expect(/403/);
  const { page } = reader;
  for (const path of ["/tenants", "/tenants/acme", "/tenants/acme/secrets"]) {
    assert.equal(await reader.go(path), 200);
    assert.deepEqual(await page.locator("main form[method=post]").count(), 0, path);
    for (const name of ["Users", "API keys", "New tenant", "Settings"]) {
      assert.equal(await page.getByRole("link", { name, exact: true }).count(), 0, `${name} on ${path}`);
    }
  }
  for (const path of ["/new-tenant", "/tenants/acme/settings", "/tenants/acme/remove", "/users", "/api-keys"]) {
    assert.equal(await reader.go(path), 403, path);
  }
  const posts = [
    "/new-tenant",
    "/tenants/acme/disable",
    "/tenants/acme/remove",
    "/tenants/acme/secrets",
    "/users",
    "/api-keys",
  ];
  for (const path of posts) {
    const status = await page.evaluate(
      async (path) => (await fetch(path, { method: "POST", body: new URLSearchParams({ name: "x" }) })).status,
      path,
    );
    assert.equal(status, 403, path);
  }
  assert.equal((await server.database.listSecrets(tenant.id)).length, 2);
});

Deno.test("pages of other sites can change nothing, with the cookie or without", async () => {
  await using server = await startServer();
  await server.database.createTenant({ name: "acme" });
  await using launched = await launch();
  await using admin = await Visitor.as("admin", { ...launched, server });
  const cookies = await admin.page.context().cookies();
  const [session] = cookies;
  assert.deepEqual([cookies.length, session?.httpOnly, session?.sameSite], [1, true, "Strict"]);
  for (const headers of [{ Origin: "https://evil.example" }, { "Sec-Fetch-Site": "cross-site" }]) {
    const response = await fetch(`${server.managementUrl}/tenants/acme/disable`, {
      method: "POST",
      redirect: "manual",
      headers: { ...headers, Cookie: `${session?.name}=${session?.value}` },
    });
    await response.body?.cancel();
    assert.equal(response.status, 403);
    const login = await fetch(`${server.managementUrl}/login`, { method: "POST", headers });
    await login.body?.cancel();
    assert.equal(login.status, 403);
  }
});

Deno.test("users and API keys are made, changed and deleted; a key is shown once and works", async () => {
  await using server = await startServer();
  await using launched = await launch();
  await using admin = await Visitor.as("admin", { ...launched, server });
  const { page } = admin;
  admin.expect(/400/);
  await admin.go("/users");
  await page.getByLabel("Name").fill("grace");
  await page.getByLabel("Password").fill("short");
  await admin.press("Make user");
  await admin.see("Expected at least 12 characters");
  await page.getByLabel("Password").fill(PASSWORD);
  await admin.press("Make user");
  await admin.see("The user is made.");
  await page.getByRole("link", { name: "grace" }).click();
  await page.getByLabel("Role").selectOption("writer");
  await admin.press("Save");
  await admin.see("The user is changed.");
  await page.getByRole("link", { name: "grace" }).click();
  await page.getByText("Delete", { exact: true }).click();
  await admin.press("Delete user");
  await admin.see("The user is deleted");

  await admin.go("/api-keys");
  await page.getByLabel("Name").fill("ci");
  await admin.press("Make API key");
  const key = await page.locator("#secret").innerText();
  const answer = await fetch(`${server.managementUrl}/management/session`, { headers: { "Api-Key": key } });
  assert.equal((await answer.json()).name, "ci");
  await admin.go("/api-keys");
  assert.ok(!(await page.content()).includes(key));
  await page.getByText("Delete", { exact: true }).click();
  await admin.press("Delete API key");
  await admin.see("The key is deleted");
});

Deno.test("one changes one's own password with the present one, and logs in with the new one", async () => {
  await using server = await startServer();
  await addUser(server, "ada", "reader");
  await using launched = await launch();
  await using visitor = await Visitor.open(launched.browser, server);
  visitor.expect(/400/);
  await visitor.logIn("ada");
  for (
    const [current, expected] of [["not my password", "Is not your password"], [PASSWORD, "Your password was changed"]]
  ) {
    await visitor.go("/account");
    await visitor.page.getByLabel("Present password").fill(current!);
    await visitor.page.getByLabel("New password", { exact: true }).fill("battery staple correct");
    await visitor.page.getByLabel("New password again").fill("battery staple correct");
    await visitor.press("Change password");
    await visitor.see(expected!);
  }
  await visitor.logIn("ada", "battery staple correct");
  await visitor.see("Tenants online");
});
