/**
 * Which campaigns there are.
 *
 * @module
 */

import type { CampaignPlan } from "./campaign.ts";
import { FAULTS } from "./faults.ts";
import type { Random } from "./random.ts";
import type { Carrier } from "./stage.ts";

/** A campaign without its size and its seed. */
export type PlanDraft = Omit<CampaignPlan, "requests" | "seed">;

const CARRIERS: readonly Carrier[] = [
  { transport: "memory", queueType: "classic" },
  { transport: "amqp", queueType: "classic" },
  { transport: "amqp", queueType: "quorum" },
];

/** Every fault on every carrier that it can happen to; each campaign has all modes. In an order by chance, so that a short run is a sample. */
export function everyPlan(random: Random): PlanDraft[] {
  const plans = Object.entries(FAULTS).flatMap(([fault, { needs }]) =>
    CARRIERS.filter(({ transport }) => needs !== "broker" || transport === "amqp").map((carrier) => ({
      ...carrier,
      fault,
    }))
  );
  for (let last = plans.length - 1; last > 0; last--) {
    const other = random.between(0, last);
    [plans[last], plans[other]] = [plans[other]!, plans[last]!];
  }
  return plans;
}
