/** Short campaigns; `deno task chaos` runs them all. */

import assert from "node:assert/strict";
import { isBroken, runCampaign } from "../chaos/campaign.ts";

const FAULTS = [
  "connector killed, at the target",
  "server killed, handed over",
  "target down",
  "client gone early",
  "body store gone",
];

for (const fault of FAULTS) {
  Deno.test(`nothing is lost in any mode: ${fault}`, async () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const { evidence, ...result } = await runCampaign({
      fault,
      transport: "memory",
      queueType: "classic",
      requests: 15,
      seed,
    });
    const message = `seed ${seed}: ${JSON.stringify(result)}`;
    assert.ok(!isBroken({ ...result, evidence }), `${message}\n${evidence}`);
    for (const { counts } of result.lines) {
      assert.equal(counts.deadLetters, 0, message);
      assert.ok(counts.delivered > 0, message);
    }
  });
}
