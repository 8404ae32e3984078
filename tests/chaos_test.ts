/** A short campaign of each kind; `deno task chaos` runs them all. */

import assert from "node:assert/strict";
import { type CampaignPlan, runCampaign } from "./chaos/campaign.ts";

const DRAFTS: readonly Omit<CampaignPlan, "seed" | "requests" | "transport" | "queueType">[] = [
  { route: "relay", mode: "connectorFinished", fault: "connector killed" },
  { route: "queue", mode: "connectorReceived", fault: "server killed" },
  { route: "queue", mode: "connectorFinished", fault: "target down" },
  { route: "relay", mode: "manual", fault: "client gone early" },
];

for (const draft of DRAFTS) {
  Deno.test(`nothing is lost: ${draft.route}, ${draft.mode}, ${draft.fault}`, async () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const counts = await runCampaign({ ...draft, transport: "memory", queueType: "classic", requests: 60, seed });
    const message = `seed ${seed}: ${JSON.stringify(counts)}`;
    assert.deepEqual([counts.lost, counts.left, counts.unmarked, counts.deadLetters], [0, 0, 0, 0], message);
    assert.ok(counts.delivered > 0, message);
  });
}
