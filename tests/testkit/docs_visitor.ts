/**
 * Visits the pages of the management API with a browser, tries a route out, and prints what the browser asked for. A program of its own: what
 * drives the browser wants more permissions than tests have.
 *
 * Arguments: path of the browser, base of the management listener, API key. Prints one {@link VisitReport} as JSON.
 *
 * @module
 */

import { type Browser, chromium } from "playwright-core";

/** What came of a visit. */
export interface VisitReport {
  /** Every address that was asked for. */
  readonly requested: readonly string[];
  /** Errors on the console, and exceptions. */
  readonly faults: readonly string[];
  /** What the page showed as the answer. */
  readonly answer: string;
}

const TIMEOUT_MS = 30_000;

async function visit(browser: Browser, managementUrl: string, key: string): Promise<VisitReport> {
  const page = await browser.newPage();
  page.setDefaultTimeout(TIMEOUT_MS);
  const requested: string[] = [];
  const faults: string[] = [];
  page.on("request", (request) => requested.push(request.url()));
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  await page.goto(`${managementUrl}/management/docs`);
  const route = page.getByText("List tenants by name");
  await route.waitFor();

  await page.getByRole("button", { name: "Authorize" }).first().click();
  await page.locator(".auth-container input").first().fill(key);
  await page.getByRole("button", { name: "Apply credentials" }).first().click();
  await page.locator(".btn-done").first().click();
  await route.click();
  await page.getByRole("button", { name: "Try it out" }).click();
  await page.getByRole("button", { name: "Execute" }).click();
  const answer = page.locator(".live-responses-table .response-col_description pre").first();
  await answer.waitFor();
  return { requested, faults, answer: await answer.innerText() };
}

if (import.meta.main) {
  const [executablePath = "", managementUrl = "", key = ""] = Deno.args;
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"], timeout: TIMEOUT_MS });
  try {
    const report = await visit(browser, managementUrl, key);
    await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(report)));
  } finally {
    await browser.close();
  }
}
