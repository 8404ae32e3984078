/**
 * Journeys through the management web in a browser: tests in programs of their own, since what drives the browser wants more permissions than tests
 * have.
 *
 * @module
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { PROJECT_ROOT } from "../testkit/process.ts";
import { requireCommands } from "../testkit/requirement.ts";

const browsers = await requireCommands(["chromium"], { requirement: "chromium" });
const TIMEOUT_MS = 300_000;

/**
 * Registers a journey as a test.
 *
 * @param file Its program, in this folder.
 */
export function testJourney(name: string, file: string): void {
  Deno.test({
    name: browsers.label(`the management web in a browser: ${name}`),
    ignore: browsers.isSkipped,
    fn: async () => {
      const program = fileURLToPath(new URL(file, import.meta.url));
      const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["test", "--no-prompt", "--allow-all", "--no-check", program],
        cwd: PROJECT_ROOT,
        env: { CHROMIUM: browsers.path("chromium"), NO_COLOR: "1" },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      }).output();
      const decoder = new TextDecoder();
      assert.ok(success, `${decoder.decode(stdout)}\n${decoder.decode(stderr)}`);
    },
  });
}
