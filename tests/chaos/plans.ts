/**
 * Which campaigns there are.
 *
 * @module
 */

import type { CampaignPlan } from "./campaign.ts";
import { type Fault, FAULTS } from "./faults.ts";

/** A campaign without its size and its seed. */
export type PlanDraft = Omit<CampaignPlan, "requests" | "seed">;

const MODES = [
  { route: "relay", mode: "disabled" },
  { route: "relay", mode: "connectorReceived" },
  { route: "relay", mode: "connectorFinished" },
  { route: "relay", mode: "manual" },
  { route: "queue", mode: "connectorReceived" },
  { route: "queue", mode: "connectorFinished" },
  { route: "queue", mode: "manual" },
] as const;

const CARRIERS = [
  { transport: "memory", queueType: "classic" },
  { transport: "amqp", queueType: "classic" },
  { transport: "amqp", queueType: "quorum" },
] as const;

/** Every mode on every carrier with every fault that can happen to it. */
export function everyPlan(): PlanDraft[] {
  const faults = Object.keys(FAULTS) as Fault[];
  return faults.flatMap((fault) =>
    CARRIERS.flatMap((carrier) =>
      MODES.filter(({ mode }) => isPossible(fault, { ...carrier, mode })).map((mode) => ({
        ...carrier,
        ...mode,
        fault,
      }))
    )
  );
}

function isPossible(fault: Fault, { transport, mode }: Pick<PlanDraft, "transport" | "mode">): boolean {
  if (fault.startsWith("broker")) return transport === "amqp";
  return fault.startsWith("acknowledged") ? mode === "manual" : true;
}
