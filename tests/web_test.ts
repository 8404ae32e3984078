import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { PROJECT_ROOT } from "./testkit/process.ts";
import { requireCommands } from "./testkit/requirement.ts";

const browsers = await requireCommands(["chromium"], { requirement: "chromium" });
const TIMEOUT_MS = 300_000;

/**
 * Journeys are tests in programs of their own: what drives the browser wants more permissions than tests have.
 */
const JOURNEYS = {
  "first run, login, roles and people": "people.ts",
  "tenants from their making to their end": "tenants.ts",
  "what comes in by itself": "live.ts",
  "queued requests, dead letters and the story of a request": "queue.ts",
  "recordings and trying a target": "recordings.ts",
  "every page is accessible in both themes and loads nothing from elsewhere": "accessibility.ts",
};

for (const [name, file] of Object.entries(JOURNEYS)) {
  Deno.test({
    name: browsers.label(`the management web in a browser: ${name}`),
    ignore: browsers.isSkipped,
    fn: async () => {
      const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          "test",
          "--no-prompt",
          "--allow-all",
          "--no-check",
          fileURLToPath(new URL(`./web/${file}`, import.meta.url)),
        ],
        cwd: PROJECT_ROOT,
        env: { CHROMIUM: browsers.path("chromium"), NO_COLOR: "1" },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      }).output();
      const decoder = new TextDecoder();
      assert.ok(success, `${decoder.decode(stdout)}\n${decoder.decode(stderr)}`);
    },
  });
}
