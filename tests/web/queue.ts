import assert from "node:assert/strict";
import { StoredRequestRepository } from "../../server/persistence/mod.ts";
import { storedRequest } from "../../server/persistence/testing.ts";
import { startConnector } from "../testkit/connector.ts";
import { ManagementClient } from "../testkit/management.ts";
import { startServer } from "../testkit/server.ts";
import { startSite } from "../testkit/site.ts";
import { launch, Visitor } from "./visitor.ts";

const HOSTILE = `"'><script>alert(1)</script><img src=x onerror="alert(1)">`;
const LOOKS = [
  { colorScheme: "light", viewport: { width: 1280, height: 800 } },
  { colorScheme: "dark", viewport: { width: 1280, height: 800 } },
  { colorScheme: "light", viewport: { width: 390, height: 844 } },
] as const;

async function assertWellMade(visitor: Visitor): Promise<void> {
  assert.deepEqual(await visitor.violations(), [], visitor.page.url());
  assert.equal(await visitor.excessWidth(), 0, `${visitor.page.url()} is wider than its window`);
}

Deno.test("stored requests are listed, paged, shown without credentials, deleted and sent again", async () => {
  await using server = await startServer();
  const acme = await server.database.createTenant({ name: "acme" });
  const stored = new StoredRequestRepository(server.database.handle);
  const dead = (path: string) =>
    storedRequest({
      tenantId: acme.id,
      state: "dead",
      path,
      headers: [["Authorization", "Bearer hidden-token"], ["X-Hostile", HOSTILE]],
      body: new TextEncoder().encode("hello"),
      bodyBytes: 5,
      acknowledgeBase: server.url,
      createdAt: Date.now(),
      expiresAt: Date.now() + 60_000,
      attempts: 6,
      reason: "redelivery_limit",
      lastError: `target_unreachable: ${HOSTILE}`,
    });
  await stored.insertMany([dead(`/orders/1?key=hidden-token`), dead(`/${HOSTILE}`)]);
  const accepted = await Promise.all(
    Array.from({ length: 51 }, () => fetch(`${server.url}/queue/acme/app/waits`, { method: "POST", body: "x" })),
  );
  for (const response of accepted) await response.text();

  await using launched = await launch();
  for (const look of LOOKS) {
    await using visitor = await Visitor.as("writer", { ...launched, server, ...look });
    const { page } = visitor;
    await visitor.go("/");
    await page.getByRole("link", { name: "51 queued requests of acme" }).waitFor();
    await assertWellMade(visitor);
    await visitor.go("/tenants/acme");
    await assertWellMade(visitor);
    await page.getByRole("link", { name: "What waits" }).click();
    await visitor.see("1–50 of 51");
    await assertWellMade(visitor);
    await page.getByRole("link", { name: "Next" }).click();
    await visitor.see("51–51 of 51");
    await page.getByRole("link", { name: /^Dead letters/ }).click();
    await page.getByRole("link", { name: "POST app/orders/1", exact: true }).waitFor();
    await assertWellMade(visitor);
    await page.getByRole("link", { name: "POST app/orders/1", exact: true }).click();
    await visitor.see("Given up: redelivery_limit");
    await visitor.see(/^The connector could not connect to the target/);
    assert.ok(!(await page.content()).includes("hidden-token"));
    assert.ok((await page.locator("main").innerText()).includes(HOSTILE));
    await assertWellMade(visitor);
  }

  await using reader = await Visitor.as("reader", { ...launched, server });
  reader.expect(/403/);
  for (const path of ["/tenants/acme/queue", "/tenants/acme/dead-letters"]) {
    assert.equal(await reader.go(path), 200);
    await reader.page.locator("tbody a").first().click();
    await reader.see("Request id");
    assert.equal(await reader.page.locator("main form").count(), 0);
    const post = async (path: string) => (await fetch(path, { method: "POST" })).status;
    assert.equal(await reader.page.evaluate(post, `${path}/remove`), 403);
  }

  await using writer = await Visitor.as("writer", { ...launched, server });
  const { page } = writer;
  await writer.go("/tenants/acme/queue");
  await page.locator("tbody a").first().click();
  await page.getByLabel("Delete this request?").press("Enter");
  await writer.press("Delete request");
  await writer.see("The request is deleted.");
  await page.getByLabel("Delete all waiting requests?").press("Enter");
  await writer.see("50 requests, and whatever comes until then, will not be delivered.");
  await writer.press("Delete all waiting requests");
  await writer.see("All requests of this list are deleted.");
  await writer.see("Nothing waits");

  const got = Promise.withResolvers<string>();
  await using _connector = await startConnector(server, acme, {
    targets: {
      app: async (request) => {
        got.resolve(`${new URL(request.url).pathname} ${await request.text()}`);
        return new Response();
      },
    },
  });
  await writer.go("/tenants/acme/dead-letters");
  await page.getByRole("link", { name: "POST app/orders/1", exact: true }).click();
  await page.getByLabel("Send again to its target?").press("Enter");
  await writer.press("Send again");
  await writer.see("The dead letter is on its way again, as if it were new.");
  assert.equal(await got.promise, "/orders/1 hello");

  const management = await ManagementClient.of(server);
  const { json } = await management.call("GET", "/audit");
  const actions = json.results.map(({ action }) => action);
  for (const action of ["queue.remove", "dead_letter.resend"]) assert.ok(actions.includes(action), action);

  await writer.go("/tenants/acme/remove");
  await writer.see(/1 dead letter will be deleted/);
  await assertWellMade(writer);
  await page.getByLabel("Name of the tenant").fill("acme");
  await writer.press("Delete tenant");
  await page.waitForURL((url) => url.pathname === "/tenants");
  assert.deepEqual(await stored.count(), { queued: 0, dead: 0 });
});

Deno.test("a request's page tells its hops, its deliveries, its recording, and what to do about an error", async () => {
  await using site = await startSite({ app: () => new Response(HOSTILE) });
  const { server, tenant } = site;
  await using launched = await launch();
  await using visitor = await Visitor.as("writer", { ...launched, server });
  const { page } = visitor;
  await visitor.go(`/tenants/${tenant.name}/recordings`);
  await visitor.press("Start recording");
  await page.getByRole("heading", { name: "Recording", exact: true }).waitFor();
  await (await server.relay(tenant, `app/${encodeURIComponent(HOSTILE)}`)).text();
  await (await server.relay(tenant, "missing/orders")).text();
  await visitor.goUntilLinked(`/tenants/${tenant.name}/requests`, "GET missing/orders");
  for (const look of LOOKS) {
    await using other = await Visitor.as("writer", { ...launched, server, ...look });
    await other.go(`/tenants/${tenant.name}/requests`);
    await other.page.getByRole("link", { name: /^GET app/ }).click();
    await other.see("Where the time went");
    await other.see("A connection got it");
    await other.see("One connection got it");
    await assertWellMade(other);
  }
  await visitor.page.getByRole("link", { name: /^GET app/ }).click();
  await page.getByRole("link", { name: "Its headers and bodies" }).click();
  await page.getByRole("heading", { name: "Response to the client" }).waitFor();
  await visitor.go(`/tenants/${tenant.name}/requests`);
  await page.getByRole("link", { name: "GET missing/orders" }).click();
  await visitor.see("The connector has no target of that name.");
  await visitor.see("Look at the targets of the connections, and at the address the client uses.");
  await assertWellMade(visitor);
});
