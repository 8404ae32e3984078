/**
 * Somebody with a browser. Errors of scripts, refused resources and requests to other hosts are failures when the visit ends.
 *
 * @module
 */

import assert from "node:assert/strict";
import axe from "axe-core";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { Passwords } from "../../server/auth/mod.ts";
import { type Role, UserRepository } from "../../server/persistence/mod.ts";
import type { TestServer } from "../testkit/server.ts";

/** The password of everybody. */
export const PASSWORD = "correct horse battery";
const TIMEOUT_MS = 30_000;

/** A browser that is closed at the end of the scope. */
export async function launch(): Promise<AsyncDisposable & { readonly browser: Browser }> {
  const executablePath = Deno.env.get("CHROMIUM") ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"], timeout: TIMEOUT_MS });
  return { browser, [Symbol.asyncDispose]: () => browser.close() };
}

/** Makes a user in the server's database. */
export async function addUser(server: TestServer, name: string, role: Role): Promise<void> {
  const passwordHash = await new Passwords({ logN: 4, r: 8, p: 1 }).hash(PASSWORD);
  await new UserRepository(server.database.handle, Date.now).insert({ name, role, passwordHash });
}

/** A visit. */
export class Visitor implements AsyncDisposable {
  readonly page: Page;
  readonly #base: string;
  readonly #faults: string[] = [];
  /** Statuses that pages may have: the browser reports those of failures. */
  #expected = /^$/;

  private constructor(page: Page, base: string) {
    this.page = page;
    this.#base = base;
    page.setDefaultTimeout(TIMEOUT_MS);
    page.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(base) && !url.startsWith("data:")) this.#faults.push(`asked ${url}`);
    });
    page.on("pageerror", (error) => this.#faults.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error" && !this.#expected.test(message.text())) this.#faults.push(message.text());
    });
    page.on("dialog", (dialog) => {
      this.#faults.push(`a script has said ${dialog.message()}`);
      void dialog.dismiss();
    });
  }

  /** Opens a page without cookies. */
  static async open(browser: Browser, server: TestServer, options: BrowserContextOptions = {}): Promise<Visitor> {
    const context = await browser.newContext(options);
    return new Visitor(await context.newPage(), server.managementUrl);
  }

  /** Logs in as somebody who is made for it. */
  static async as(
    role: Role,
    { browser, server, ...options }: BrowserContextOptions & { readonly browser: Browser; readonly server: TestServer },
  ): Promise<Visitor> {
    const name = `${role}-${crypto.randomUUID().slice(0, 8)}`;
    await addUser(server, name, role);
    const visitor = await Visitor.open(browser, server, options);
    await visitor.logIn(name);
    return visitor;
  }

  /** Errors on the console that are as they should be, such as the status of a form that was refused. */
  expect(pattern: RegExp): void {
    this.#expected = pattern;
  }

  async logIn(name: string, password = PASSWORD): Promise<void> {
    await this.go("/login");
    await this.page.getByLabel("Name").fill(name);
    await this.page.getByLabel("Password").fill(password);
    await this.press("Log in");
  }

  /** Opens an address; returns its status. */
  async go(path: string): Promise<number> {
    return (await this.page.goto(this.#base + path))?.status() ?? 0;
  }

  async press(name: string): Promise<void> {
    await this.page.getByRole("button", { name, exact: true }).first().click();
  }

  /** Waits for a text that can be seen. */
  async see(text: string | RegExp): Promise<void> {
    await this.page.getByText(text).filter({ visible: true }).first().waitFor();
  }

  /** Opens an address again and again until a link is there: the request log is written some time after the request. */
  async goUntilLinked(path: string, name: string): Promise<void> {
    const link = this.page.getByRole("link", { name });
    for (const deadline = performance.now() + TIMEOUT_MS; performance.now() < deadline;) {
      await this.go(path);
      if (await link.count() > 0) return;
    }
    throw new Error(`${path} has no link ${name}`);
  }

  /** The element that has the focus, by its id or else its text. */
  async focused(): Promise<string> {
    return await this.page.evaluate("document.activeElement.id || document.activeElement.textContent");
  }

  /** How many pixels the page is wider than the window. */
  async excessWidth(): Promise<number> {
    return await this.page.evaluate("document.documentElement.scrollWidth - innerWidth");
  }

  /** What axe finds fault with on the page as it is. */
  async violations(): Promise<string[]> {
    await this.page.evaluate(axe.source);
    return await this.page.evaluate(async () => {
      const page = globalThis as unknown as { readonly axe: typeof axe };
      const { violations } = await page.axe.run();
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" | ")}`);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.context().close();
    assert.deepEqual(this.#faults, []);
  }
}
