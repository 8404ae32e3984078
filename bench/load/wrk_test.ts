import assert from "node:assert/strict";
import { parseWrk } from "./wrk.ts";

const RESULT = { requests: 3000, durationUs: 1_500_000, p50Us: 250, p99Us: 900, errors: 0 };

function printed(changes: Partial<typeof RESULT> = {}): string {
  return `Running 2s test @ http://x\n  3000 requests in 1.50s\nRESULT ${JSON.stringify({ ...RESULT, ...changes })}\n`;
}

Deno.test("parseWrk() reads the line of wrk.lua among what wrk prints itself", () => {
  assert.deepEqual(parseWrk(printed()), { requests: 3000, requestsPerSecond: 2000, p50Us: 250, p99Us: 900 });
});

Deno.test("parseWrk() throws when requests failed, or none came through", () => {
  assert.throws(() => parseWrk(printed({ errors: 2 })), /2 of 3000 requests failed/);
  assert.throws(() => parseWrk(printed({ requests: 0 })), /0 of 0 requests failed/);
});

Deno.test("parseWrk() throws when there is no result, or half of one", () => {
  assert.throws(() => parseWrk("unable to connect\n"), /no result: unable to connect/);
  assert.throws(() => parseWrk('RESULT {"requests":3}\n'), /wrk printed/);
});
