import assert from "node:assert/strict";
import { type Browser, chromium } from "playwright-core";
import { requireCommands } from "./testkit/requirement.ts";
import { startServer } from "./testkit/server.ts";

const browsers = await requireCommands(["chromium"], { requirement: "chromium" });
const TIMEOUT_MS = 30_000;

/** A browser that is closed at the end of the scope. */
async function launch(): Promise<AsyncDisposable & { readonly browser: Browser }> {
  const executablePath = browsers.path("chromium");
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"], timeout: TIMEOUT_MS });
  return { browser, [Symbol.asyncDispose]: () => browser.close() };
}

Deno.test({
  name: browsers.label("the pages of the API work in a browser, and no request leaves the machine"),
  ignore: browsers.isSkipped,
  fn: async () => {
    await using server = await startServer();
    const key = await server.database.addApiKey("reader");
    await server.database.createTenant({ name: "acme" });
    await using launched = await launch();
    const page = await launched.browser.newPage();
    page.setDefaultTimeout(TIMEOUT_MS);
    const requested: string[] = [];
    const faults: string[] = [];
    page.on("request", (request) => requested.push(request.url()));
    page.on("pageerror", (error) => faults.push(String(error)));
    page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
    await page.goto(`${server.managementUrl}/management/docs`);
    await page.getByText("List tenants by name").waitFor();

    await page.getByRole("button", { name: "Authorize" }).first().click();
    await page.getByLabel("auth-api-key-value").or(page.locator(".auth-container input").first()).first().fill(key);
    await page.getByRole("button", { name: "Apply credentials" }).first().click();
    await page.locator(".btn-done").first().click();
    await page.getByText("List tenants by name").click();
    await page.getByRole("button", { name: "Try it out" }).click();
    await page.getByRole("button", { name: "Execute" }).click();
    await page.locator(".live-responses-table").getByText('"acme"').first().waitFor();

    assert.deepEqual(requested.filter((url) => !url.startsWith(server.managementUrl) && !url.startsWith("data:")), []);
    assert.deepEqual(faults, []);
  },
});
