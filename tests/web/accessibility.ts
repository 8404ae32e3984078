import assert from "node:assert/strict";
import { startConnector } from "../testkit/connector.ts";
import { ManagementClient } from "../testkit/management.ts";
import { startServer } from "../testkit/server.ts";
import { launch, Visitor } from "./visitor.ts";

const HOSTILE = `"><img src=x onerror=alert(1)>`;

Deno.test("no page has violations, is too large or too wide, in both themes and on a phone", async () => {
  await using server = await startServer();
  await using launched = await launch();
  const looks = [
    { colorScheme: "light", viewport: { width: 1280, height: 800 } },
    { colorScheme: "dark", viewport: { width: 1280, height: 800 } },
    { colorScheme: "light", viewport: { width: 390, height: 844 } },
  ] as const;
  const found: string[] = [];
  const check = async (visitor: Visitor, name: string) => {
    await visitor.page.waitForLoadState("networkidle").catch(() => {});
    for (const violation of await visitor.violations()) found.push(`${name}: ${violation}`);
    const width = await visitor.excessWidth();
    if (width > 0) found.push(`${name}: ${width} pixels too wide`);
  };
  await Promise.all(looks.map(async (look) => {
    await using visitor = await Visitor.open(launched.browser, server, look);
    await visitor.go("/setup");
    await check(visitor, `setup ${look.colorScheme}`);
  }));

  const acme = await server.database.createTenant({ name: "acme", displayName: HOSTILE, description: HOSTILE });
  const long = await server.database.createTenant({ name: "x".repeat(100), enabled: false });
  await using _connector = await startConnector(server, acme, { targets: { app: () => new Response("hello") } });
  await (await server.relay(acme, `app/${"y".repeat(300)}`)).body?.cancel();
  await (await server.relay(acme, "missing")).body?.cancel();
  const management = await ManagementClient.of(server);
  await management.call("PUT", "/tenants/acme", { json: { displayName: HOSTILE } });
  const requestsOf = async () => (await management.call("GET", "/requests?errorCode=target_unknown")).json.results;
  for (let attempt = 0; attempt < 100 && (await requestsOf()).length === 0; attempt++) await server.handled();
  const [request] = await requestsOf();
  const ofTenant = ["", "/requests", "/queue", "/recordings", "/try", "/settings", "/access", "/secrets", "/remove"];
  const tenantPages = ofTenant.map((page) => `/tenants/acme${page}`);
  const paths = [
    "/",
    "/tenants",
    "/tenants?search=nothing",
    "/new-tenant",
    ...tenantPages,
    `/tenants/${long.name}`,
    "/requests",
    "/requests?status=nonsense",
    ...(request === undefined ? [] : [`/requests/${request.id}`]),
    "/events",
    "/audit",
    "/users",
    "/api-keys",
    "/account",
    "/nothing",
  ];
  await Promise.all(looks.map(async (look) => {
    await using visitor = await Visitor.as("admin", { ...launched, server, ...look });
    visitor.expect(/404/);
    for (const path of paths) {
      await visitor.go(path);
      assert.ok((await visitor.page.content()).length < 100_000, `${path} is too large`);
      await check(visitor, `${path} ${look.colorScheme} ${look.viewport.width}`);
    }
  }));
  assert.deepEqual(found, []);
});

Deno.test("the open tab of a tenant can be seen on a phone", async () => {
  await using server = await startServer();
  await server.database.createTenant({ name: "acme" });
  await using launched = await launch();
  await using visitor = await Visitor.as("writer", { ...launched, server, viewport: { width: 390, height: 844 } });
  for (const tab of ["Overview", "Recordings", "Secrets"]) {
    await visitor.go("/tenants/acme");
    await visitor.page.getByRole("navigation", { name: "Pages of acme" }).getByRole("link", { name: tab }).click();
    const link = visitor.page.getByRole("navigation", { name: "Pages of acme" }).locator("[aria-current=page]", {
      hasText: tab,
    });
    const { x, width } = (await link.boundingBox())!;
    assert.ok(x >= 0 && x + width <= 390, `${tab} is from ${x} to ${x + width}`);
  }
});

Deno.test("pages may load and send nothing elsewhere, and are kept by nobody", async () => {
  await using server = await startServer();
  const response = await fetch(`${server.managementUrl}/login`, { redirect: "manual" });
  await response.body?.cancel();
  const policy = response.headers.get("Content-Security-Policy") ?? "";
  for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'self'"]) {
    assert.ok(policy.includes(part), part);
  }
  assert.ok(!policy.includes("unsafe"));
  assert.equal(response.headers.get("Cache-Control"), "no-store");
});
