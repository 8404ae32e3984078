/**
 * `deno task chaos`: campaigns of faults under load, one after the other, until the time is over.
 *
 * @module
 */

import { parseArgs } from "node:util";
import type { CampaignCounts, CampaignPlan } from "./campaign.ts";
import { runCampaign } from "./campaign.ts";
import { everyPlan } from "./plans.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string" },
    requests: { type: "string", default: "200" },
    transport: { type: "string" },
    mode: { type: "string" },
    fault: { type: "string" },
    route: { type: "string" },
  },
});

const COUNTS = [
  "sent",
  "accepted",
  "delivered",
  "answered",
  "duplicated",
  "unmarked",
  "deadLetters",
  "lost",
  "goneWithConnector",
  "left",
] as const;

function write(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

function describe({ transport, queueType, route, mode, fault, seed }: CampaignPlan): string {
  const carrier = transport === "amqp" ? `amqp ${queueType}` : transport;
  return `| ${carrier} | ${route} | ${mode} | ${fault} | ${seed} |`;
}

/** Whether what must not happen has happened. */
function isBroken({ lost, left, unmarked }: CampaignCounts): boolean {
  return lost + left + unmarked > 0;
}

function isWanted(plan: CampaignPlan): boolean {
  const { transport, mode, fault, route } = values;
  return (transport ?? plan.transport) === plan.transport && (mode ?? plan.mode) === plan.mode &&
    (fault ?? plan.fault) === plan.fault && (route ?? plan.route) === plan.route;
}

const until = performance.now() + Number(values.minutes) * 60_000;
let seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
let broken = 0;
write(`| transport | route | mode | fault | seed | ${COUNTS.join(" | ")} |`);
write(`|${" --- |".repeat(COUNTS.length + 5)}`);
for (let isFirst = true; isFirst || (performance.now() < until && values.seed === undefined); isFirst = false) {
  for (const draft of everyPlan().filter((plan) => isWanted({ ...plan, requests: 0, seed: 0 }))) {
    if (!isFirst && performance.now() >= until) break;
    if (performance.now() >= until && values.seed === undefined) break;
    const plan = { ...draft, requests: Number(values.requests), seed: values.seed === undefined ? seed++ : seed };
    try {
      const counts = await runCampaign(plan);
      if (isBroken(counts)) broken++;
      write(
        `${describe(plan)} ${COUNTS.map((name) => counts[name]).join(" | ")} |${isBroken(counts) ? " BROKEN" : ""}`,
      );
    } catch (error) {
      broken++;
      write(`${describe(plan)} failed: ${error}`);
    }
  }
}
write(
  broken === 0 ? "Nothing was lost." : `${broken} campaigns are broken; repeat one with --seed and its other options.`,
);
Deno.exit(broken === 0 ? 0 : 1);
