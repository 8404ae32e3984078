import assert from "node:assert/strict";
import { startConnector } from "../testkit/connector.ts";
import { assertAnswer, assertProblem } from "../testkit/http.ts";
import { startServer } from "../testkit/server.ts";
import { launch, Visitor } from "./visitor.ts";

Deno.test("tenants and requests appear on open pages as they come and go", async () => {
  await using server = await startServer();
  const acme = await server.database.createTenant({ name: "acme" });
  await using launched = await launch();
  await using list = await Visitor.as("reader", { ...launched, server });
  await using dashboard = await Visitor.as("reader", { ...launched, server });
  await using events = await Visitor.as("reader", { ...launched, server });
  await using tenant = await Visitor.as("reader", { ...launched, server });
  await list.go("/tenants");
  await events.go("/events");
  await tenant.go("/tenants/acme");
  for (const { page } of [list, dashboard, events, tenant]) await page.locator("#live", { hasText: "Live" }).waitFor();
  const pill = (text: string) => list.page.locator("tbody .pill", { hasText: text }).waitFor();
  await pill("Offline");
  {
    await using _connector = await startConnector(server, acme, { targets: { app: () => new Response("hello") } });
    await pill("Online");
    await tenant.see(Deno.hostname());
    await events.see("The tenant's first connector has connected");
    await assertAnswer(await server.relay(acme, "app/orders/7"), { text: "hello" });
    for (const { page } of [dashboard, tenant]) {
      await page.getByRole("link", { name: "GET app/orders/7" }).waitFor();
    }
    await events.see(/GET app\/orders\/7, /);
  }
  await pill("Offline");
  await tenant.see("No connector is connected");
});

Deno.test("the dashboard says what the server stands on, and that its body store is away, with one request for all that changes", async () => {
  const folder = await Deno.makeTempDir({ prefix: "relayserver-" });
  try {
    await using server = await startServer({ dataDirectory: folder });
    await using launched = await launch();
    await using reader = await Visitor.as("reader", { ...launched, server });
    const { page } = reader;
    const component = (name: string, text: string) =>
      page.locator("#components li", { hasText: name }).filter({ hasText: text }).waitFor();
    await component("Database", "Ready");
    await component("Server transport", "Ready");
    await component("Body store", "Ready");
    await page.locator("#live", { hasText: "Live" }).waitFor();
    const asked: string[] = [];
    page.on("request", (request) => asked.push(new URL(request.url()).pathname));
    await Deno.rename(`${folder}/bodies`, `${folder}/elsewhere`);
    const acme = await server.database.createTenant({ name: "acme" });
    const answer = await fetch(`${server.url}/queue/acme/app/x`, { method: "POST", body: "x".repeat(100_000) });
    await assertProblem(answer, { status: 503, code: "body_store_unavailable" });
    await using _connector = await startConnector(server, acme);
    await component("Body store", "away");
    await reader.see("Body store (folder) is away");
    assert.equal(asked.filter((path) => path === "/").length, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a page says that its stream is lost, comes back, and tells who is logged out", async () => {
  await using server = await startServer();
  const acme = await server.database.createTenant({ name: "acme" });
  await using launched = await launch();
  await using reader = await Visitor.as("reader", { ...launched, server });
  const { page } = reader;
  reader.expect(/^htmx:|ERR_INTERNET_DISCONNECTED|ERR_FAILED|ERR_NETWORK|401/);
  await reader.go("/tenants");
  const live = page.locator("#live");
  await live.filter({ hasText: "Live" }).waitFor();
  await page.context().setOffline(true);
  await live.filter({ hasText: /No network|Connection lost/ }).waitFor();
  await using _connector = await startConnector(server, acme, { targets: { app: () => new Response("hello") } });
  await page.context().setOffline(false);
  await live.filter({ hasText: "Live" }).waitFor();
  await page.locator("tbody .pill", { hasText: "Online" }).waitFor();
  await server.database.handle.deleteFrom("sessions").execute();
  await page.evaluate('dispatchEvent(new Event("online"))');
  await live.filter({ hasText: "Logged out" }).waitFor();
});

Deno.test("the keyboard is enough: skip link, places, help", async () => {
  await using server = await startServer();
  await using launched = await launch();
  await using reader = await Visitor.as("reader", { ...launched, server });
  const { page } = reader;
  await reader.go("/");
  await page.keyboard.press("Tab");
  assert.equal(await reader.focused(), "Skip to the content");
  await page.keyboard.press("Enter");
  assert.equal(await reader.focused(), "content");
  await page.keyboard.press("g");
  await page.keyboard.press("t");
  await page.waitForURL((url) => url.pathname === "/tenants");
  await page.keyboard.press("?");
  await page.getByRole("heading", { name: "Keyboard shortcuts" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("heading", { name: "Keyboard shortcuts" }).waitFor({ state: "hidden" });
});
