import assert from "node:assert/strict";
import { StatisticsRepository } from "../../server/persistence/mod.ts";
import { startConnector } from "../testkit/connector.ts";
import { assertAnswer, assertProblem } from "../testkit/http.ts";
import { startServer, type TestServer } from "../testkit/server.ts";
import { launch, Visitor } from "./visitor.ts";

const HOSTILE = `"><script>alert(1)</script><img src=x onerror=alert(2)>`;

Deno.test("a tenant is made, connected with what the page shows, relayed to, disconnected, disabled and deleted", async () => {
  await using server = await startServer();
  await using launched = await launch();
  await using writer = await Visitor.as("writer", { ...launched, server });
  const { page } = writer;
  writer.expect(/400/);
  await writer.go("/new-tenant");
  await page.getByLabel("Name", { exact: true }).fill("not a name");
  await writer.press("Make tenant");
  await writer.see(/Expected 1 to 100 letters/);
  await page.getByLabel("Name", { exact: true }).fill("acme");
  await page.getByLabel("Display name").fill(HOSTILE);
  await writer.press("Make tenant");
  await writer.see("acme is made");
  const configuration = JSON.parse(await page.locator("#configuration").innerText());
  assert.equal(configuration.relayServerBaseUri, server.url);
  const secret = configuration.tenantSecret;
  assert.equal(await page.locator("#secret").innerText(), secret);
  assert.ok((await page.locator("#command").innerText()).includes(secret));
  const acme = { id: "", name: "acme", connectorSecret: secret, clientSecret: "" };
  {
    await using _connector = await startConnector(server, acme, {
      targets: { app: () => new Response("hello"), broken: () => Promise.reject(new Error("broken")) },
    });
    await page.locator("main .pill", { hasText: "Online" }).waitFor();
    await assertAnswer(await server.relay(acme, "app/orders/1"), { text: "hello" });
    await (await server.relay(acme, `app/${encodeURIComponent(HOSTILE)}`)).body?.cancel();
    await writer.go("/tenants/acme");
    await writer.see(Deno.hostname());
    await page.getByText("Disconnect", { exact: true }).first().click();
    await writer.press("Disconnect");
    await writer.see("The connection ends.");
    await server.connected(acme, 2);

    await writer.goUntilLinked("/tenants/acme/requests?path=orders", "GET app/orders/1");
    await page.getByRole("link", { name: "GET app/orders/1" }).click();
    await writer.see("The client got the answer");
    await writer.go("/tenants/acme/requests?status=nonsense");
    await writer.see(/Expected a status such as/);

    await writer.go("/tenants/acme");
    await page.getByText("Disable", { exact: true }).click();
    await writer.see("1 connection to this server will end; requests under way are cut off.");
    await writer.press("Disable tenant");
    await writer.see("This tenant is disabled");
    await assertProblem(await server.relay(acme, "app"), { status: 403, code: "tenant_disabled" });
    await page.getByText("No connector is connected").waitFor();
    await writer.press("Enable");
    await writer.see("The tenant is enabled.");
  }
  await writer.go("/tenants/acme/remove");
  await page.getByLabel("Name of the tenant").fill("other");
  await writer.press("Delete tenant");
  await writer.see("Is not the name of the tenant");
  await page.getByLabel("Name of the tenant").fill("acme");
  await writer.press("Delete tenant");
  await writer.see("No tenants yet");
});

Deno.test("settings and access policy are saved, and what is wrong stands at its field", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant({ name: "acme" });
  await using launched = await launch();
  await using writer = await Visitor.as("writer", { ...launched, server });
  const { page } = writer;
  writer.expect(/400/);
  await writer.go("/tenants/acme/settings");
  await page.getByLabel("Display name").fill("Acme Inc.");
  await page.getByLabel("Clients must authenticate").selectOption("true");
  await page.getByLabel("Keep-alive interval").fill("soon");
  await writer.press("Save");
  assert.match(await page.locator("#keepAliveInterval-fault").innerText(), /Expected a time span/);
  assert.equal(await page.getByLabel("Display name").inputValue(), "Acme Inc.");
  await page.getByLabel("Keep-alive interval").fill("00:00:20");
  await writer.press("Save");
  await writer.see("Saved.");
  await assertProblem(await server.relay(tenant, "app"), { status: 401, code: "authentication_required" });

  // Somebody else saves while the form is open.
  await server.database.updateTenant(tenant.id, { description: "changed elsewhere" });
  await page.getByLabel("Display name").fill("Mine");
  await writer.press("Save");
  await writer.see(/Somebody else has changed this/);
  assert.equal(await page.getByLabel("Display name").inputValue(), "Mine");

  await writer.go("/tenants/acme/access");
  for (const [text, expected] of [["{", /Is not JSON/], ['{"default": "maybe"}', /default: /]] as const) {
    await page.getByLabel("Access policy", { exact: true }).fill(text);
    await writer.press("Save");
    assert.match(await page.locator("#accessPolicy-fault").innerText(), expected);
  }
  await page.getByLabel("Access policy", { exact: true }).fill('{"default": "deny"}');
  await writer.press("Save");
  await writer.see("Saved.");
  const headers = { Authorization: `Bearer ${await server.token(tenant, "client")}` };
  await assertProblem(await server.relay(tenant, "app", { headers }), { status: 403, code: "access_denied" });
});

Deno.test("secrets are made for connectors and clients, shown once and deleted", async () => {
  await using server = await startServer();
  const tenant = await server.database.createTenant({ name: "acme" });
  await using launched = await launch();
  await using writer = await Visitor.as("writer", { ...launched, server });
  const { page } = writer;
  await writer.go("/tenants/acme/secrets");
  await page.getByLabel("For").selectOption("client");
  await page.getByLabel("Valid until (UTC)").fill("2199-12-31T23:59");
  await writer.press("Make secret");
  const value = await page.locator("#secret").innerText();
  await server.token({ ...tenant, clientSecret: value }, "client");
  await writer.go("/tenants/acme/secrets");
  assert.ok(!(await page.content()).includes(value));
  await writer.see(/ends/);
  await page.getByText("Delete", { exact: true }).first().click();
  await writer.press("Delete secret");
  await writer.see("The secret is deleted.");
  assert.equal((await server.database.listSecrets(tenant.id)).length, 2);
});

Deno.test("ten thousand tenants are searched, sorted and paged, and neither list nor dashboard keeps anybody waiting", async () => {
  await using server = await startServer();
  const now = Date.now();
  for (let start = 0; start < 10_000; start += 500) {
    await server.database.handle.insertInto("tenants").values(Array.from({ length: 500 }, (_, index) => {
      const name = `site-${String(start + index).padStart(5, "0")}`;
      return {
        id: name,
        name,
        name_key: name,
        display_name: `Site ${start + index}`,
        description: null,
        require_authentication: 0 as const,
        maximum_concurrent_connector_requests: 0,
        keep_alive_interval_ms: null,
        enable_tracing: 0 as const,
        reconnect_minimum_delay_ms: null,
        reconnect_maximum_delay_ms: null,
        acknowledge_mode: null,
        require_active_connection: null,
        enabled: 1 as const,
        access_policy: null,
        created_at: now,
        updated_at: now,
      };
    })).execute();
  }
  await addStatistics(server, now);
  await using launched = await launch();
  await using reader = await Visitor.as("reader", { ...launched, server });
  const { page } = reader;
  await reader.go("/tenants");
  await reader.see("1–50 of 10,000");
  const cookies = await page.context().cookies();
  const headers = { Cookie: cookies.map(({ name, value }) => `${name}=${value}`).join("; ") };
  for (const path of ["/tenants", "/"]) {
    const times: number[] = [];
    for (let round = 0; round < 9; round++) {
      const started = performance.now();
      const html = await (await fetch(server.managementUrl + path, { headers })).text();
      times.push(performance.now() - started);
      assert.ok(html.length < 100_000, `${html.length} bytes`);
    }
    const median = times.sort((a, b) => a - b)[4]!;
    assert.ok(median < 200, `${path} takes ${median} ms`);
  }

  await page.getByRole("link", { name: "Next" }).click();
  await reader.see("51–100 of 10,000");
  await page.getByRole("link", { name: "Name", exact: false }).first().click();
  await page.getByRole("rowheader", { name: "site-09999" }).waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("site-0423");
  await reader.see("1–10 of 10");
  assert.equal(await reader.focused(), "search");
  await page.getByLabel("State").selectOption("disabled");
  await reader.see("Nothing found");
});

/** An hour in which a tenth of the tenants was asked something every minute. */
async function addStatistics({ database }: TestServer, nowMs: number): Promise<void> {
  const lastMinute = Math.floor(nowMs / 60_000) * 60_000;
  for (let minute = 0; minute < 60; minute++) {
    await new StatisticsRepository(database.handle).add(Array.from({ length: 1_000 }, (_, index) => ({
      tenantId: `site-${String((minute * 37 + index * 10) % 10_000).padStart(5, "0")}`,
      target: "app",
      intervalStart: lastMinute - minute * 60_000,
      requests: 10,
      errors: index % 50 === 0 ? 1 : 0,
      expired: 0,
      aborted: 0,
      requestBytes: 1_000,
      responseBytes: 20_000,
      durationMsSum: 200 + index,
      durationMsMax: 90,
    })));
  }
}
