/**
 * Recordings and trying it in a browser, with traffic that means harm.
 */

import assert from "node:assert/strict";
import axe from "axe-core";
import { type Browser, chromium, type Page } from "playwright-core";
import { ManagementClient } from "./testkit/management.ts";
import { requireCommands } from "./testkit/requirement.ts";
import { type Site, startSite } from "./testkit/site.ts";

const browsers = await requireCommands(["chromium"], { requirement: "chromium" });
const TIMEOUT_MS = 60_000;
const PASSWORD = "correct horse battery";
const HOSTILE = `"'><script>window.pwned = 1</script><img src=x onerror="window.pwned = 1">`;
const PNG = Uint8Array.fromBase64(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
);

async function launch(): Promise<AsyncDisposable & { readonly browser: Browser }> {
  const executablePath = browsers.path("chromium");
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"], timeout: TIMEOUT_MS });
  return { browser, [Symbol.asyncDispose]: () => browser.close() };
}

/** A person who is logged in as a writer, in a browser that notes faults and requests to elsewhere. */
async function logIn(site: Site, browser: Browser, options: { readonly colorScheme?: "dark" | "light" } = {}) {
  const { server } = site;
  const admin = await ManagementClient.of(server, "admin");
  const name = `writer-${crypto.randomUUID().slice(0, 8)}`;
  const made = await admin.call("POST", "/users", { json: { name, role: "writer", password: PASSWORD } });
  assert.equal(made.status, 201);
  const page = await browser.newPage(options);
  page.setDefaultTimeout(TIMEOUT_MS);
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(server.managementUrl) && !url.startsWith("data:")) faults.push(`request to ${url}`);
  });
  await page.goto(`${server.managementUrl}/login`);
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: "Tenants" }).first().waitFor();
  return { page, faults };
}

async function assertAccessible(page: Page): Promise<void> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<{ violations: { id: string; nodes: { html: string }[] }[] }>(
    "axe.run(document)",
  );
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" | ")}`);
  assert.deepEqual(found, [], page.url());
  const hasOverflow = await page.evaluate<boolean>(
    "document.documentElement.scrollWidth > document.documentElement.clientWidth",
  );
  assert.equal(hasOverflow, false, `${page.url()} is wider than its window`);
}

Deno.test({
  name: browsers.label("a person records, looks, sends again, exports and deletes, and hostile traffic stays text"),
  ignore: browsers.isSkipped,
  fn: async () => {
    let count = 0;
    await using site = await startSite({
      app: (request) => {
        const { pathname } = new URL(request.url);
        if (pathname === "/image") return new Response(PNG, { headers: { "Content-Type": "image/png" } });
        if (pathname === "/json") return Response.json({ count: ++count, kept: HOSTILE });
        return new Response(HOSTILE, { headers: { "Content-Type": "text/html", "X-Hostile": HOSTILE } });
      },
    });
    const { server, tenant } = site;
    await using launched = await launch();
    for (const colorScheme of ["light", "dark"] as const) {
      const { page, faults } = await logIn(site, launched.browser, { colorScheme });
      const base = `${server.managementUrl}/tenants/${tenant.name}`;

      await page.goto(`${base}/recordings`);
      await assertAccessible(page);
      await page.getByLabel("Status").fill("nonsense");
      await page.getByRole("button", { name: "Start recording" }).press("Enter");
      await page.getByText("Expected a status such as 404").first().waitFor();
      await assertAccessible(page);
      faults.length = 0; // A form that is shown again has the status 400, which the console counts as an error.
      await page.getByLabel("Status").fill("");
      await page.getByRole("button", { name: "Start recording" }).press("Enter");
      await page.getByRole("heading", { name: "Recording", exact: true }).waitFor();

      const body = JSON.stringify({ hostile: HOSTILE });
      await (await server.relay(tenant, "app/json", { method: "POST", body, headers: { "X-Hostile": HOSTILE } }))
        .text();
      await (await server.relay(tenant, "app/image")).arrayBuffer();
      await (await server.relay(tenant, `app/html?${encodeURIComponent(HOSTILE)}`)).text();
      const rows = page.getByRole("region", { name: "Recorded requests" }).getByRole("row");
      await rows.nth(3).waitFor();
      await assertAccessible(page);
      const recordingUrl = page.url();

      await page.getByRole("link", { name: /GET app\/html/ }).click();
      await page.getByRole("heading", { name: "Response to the client" }).waitFor();
      assert.ok((await page.locator("#client-response-body").textContent())?.includes(HOSTILE));
      await assertAccessible(page);
      await page.goto(recordingUrl);
      await page.getByRole("link", { name: /GET app\/image/ }).click();
      const image = page.locator("#client-response img");
      await image.waitFor();
      assert.equal(await image.evaluate((element) => (element as unknown as { naturalWidth: number }).naturalWidth), 1);

      await page.goto(recordingUrl);
      await page.getByRole("link", { name: /POST app\/json/ }).click();
      await page.getByText("Send the body as it was recorded").waitFor();
      const downloading = page.waitForEvent("download");
      await page.getByRole("link", { name: "Download the body of Request of the client" }).click();
      const file = await (await downloading).createReadStream();
      const chunks: Uint8Array[] = [];
      for await (const chunk of file) chunks.push(chunk);
      assert.equal(new TextDecoder().decode(chunks[0]), body);
      await page.getByRole("button", { name: "Send", exact: true }).press("Enter");
      await page.getByRole("heading", { name: "Compared with what was recorded" }).waitFor();
      assert.match(await page.locator(".diff-lines").textContent() ?? "", /- +"count": \d+,\+ +"count": \d+,/);
      await assertAccessible(page);

      await page.goto(recordingUrl);
      const exporting = page.waitForEvent("download");
      await page.getByRole("link", { name: "Export as HAR" }).click();
      assert.match((await exporting).suggestedFilename(), /^recording-[0-9a-f-]+\.har$/);
      await page.getByRole("button", { name: "Stop recording" }).press("Enter");
      await page.getByLabel("Delete this recording?").press("Enter");
      await page.getByRole("button", { name: "Delete recording" }).press("Enter");
      await page.getByText("The recording and all that was in it are deleted.").waitFor();

      assert.equal(await page.evaluate("window.pwned"), undefined);
      assert.deepEqual(faults, []);
      await page.close();
    }
  },
});

Deno.test({
  name: browsers.label("a person tries a target and pings it"),
  ignore: browsers.isSkipped,
  fn: async () => {
    await using site = await startSite({
      app: async (request) => new Response(`${request.method} ${request.headers.get("x-a")} ${await request.text()}`),
    });
    await using launched = await launch();
    const { page, faults } = await logIn(site, launched.browser);
    await page.setViewportSize({ width: 390, height: 800 });
    await page.goto(`${site.server.managementUrl}/tenants/${site.tenant.name}/try`);
    await assertAccessible(page);
    assert.equal(await page.getByLabel("Target").inputValue(), "app");
    await page.getByLabel("Method").fill("POST");
    await page.getByLabel("Headers").fill("X-A: one");
    await page.getByLabel("Body", { exact: true }).fill("<b>two</b>");
    await page.getByRole("button", { name: "Send", exact: true }).press("Enter");
    await page.getByRole("heading", { name: "Where the time went" }).waitFor();
    assert.equal(await page.locator("#answer-body").textContent(), "POST one <b>two</b>");
    await assertAccessible(page);
    await page.getByRole("button", { name: "Ping connectors and target" }).press("Enter");
    await page.getByText(/Answered 200 in/).waitFor();
    await assertAccessible(page);
    assert.deepEqual(faults, []);
    await page.getByLabel("Target").fill("nothing");
    await page.getByRole("button", { name: "Send", exact: true }).press("Enter");
    await page.getByText("The relay answered itself: target_unknown").waitFor();
  },
});
