/**
 * One campaign: requests of every line under load, one fault, and then the counting.
 *
 * @module
 */

import { StoredRequestRepository } from "../../server/persistence/mod.ts";
import { pause } from "./chaos_target.ts";
import { FAULTS, volumeBytes } from "./faults.ts";
import { describeStored, findLeftovers, quiet } from "./leftovers.ts";
import { isOfLine, type Line, LINES } from "./lines.ts";
import { type ClientResult, Load } from "./load.ts";
import { type Carrier, Stage } from "./stage.ts";

/** What a campaign is about. */
export interface CampaignPlan extends Carrier {
  /** A name in {@linkcode FAULTS}. */
  readonly fault: string;
  /** So many of each line when the fault is over; the load goes on as long as the fault does. */
  readonly requests: number;
  /** The same seed has the same things happen at the same times, as far as programs let themselves be timed. */
  readonly seed: number;
}

/** What was counted of one line. */
export interface LineCounts {
  readonly sent: number;
  /** The client was told that it is done (`/relay`) or safe (`/queue`). */
  readonly accepted: number;
  /** Reached the target at least once. */
  readonly delivered: number;
  /** The client got an answer of any kind. */
  readonly answered: number;
  /** Reached the target more than once. */
  readonly duplicated: number;
  /** Deliveries after the first one that did not say so. */
  readonly unmarked: number;
  /** Bodies, of requests or of responses, that looked complete and were not what had been sent. */
  readonly garbled: number;
  readonly deadLetters: number;
  /** Accepted, and neither delivered nor a dead letter, though the mode promises it. */
  readonly lost: number;
  /** What a connector had and did not bring to its target, in the mode that promises no more than that. */
  readonly goneAfterReceipt: number;
}

/** What came of a campaign. */
export interface CampaignResult {
  readonly lines: readonly { readonly line: Line; readonly counts: LineCounts }[];
  /** What did not go away, in words. */
  readonly leftovers: readonly string[];
  /** What the programs wrote, and what is stored: to find out why something was lost. */
  readonly evidence: string;
}

/** Runs a campaign. */
export async function runCampaign(
  { transport, queueType, fault, requests, seed }: CampaignPlan,
): Promise<CampaignResult> {
  const script = FAULTS[fault];
  if (script === undefined) throw new TypeError(`There is no fault "${fault}"`);
  const { prepare, strike, patience, config, needs } = script;
  const volume = volumeBytes(script);
  await using stage = await Stage.open({
    ...{ transport, queueType, seed, config, volumeBytes: volume },
    hasPostgres: needs === "postgres",
  });
  prepare?.(stage);
  const load = new Load({
    ...{ url: stage.url, tenantName: stage.tenant.name, random: stage.random, afterwards: requests },
    patienceMs: patience && (() => patience(stage)),
  });
  await pause(stage.random.between(50, 400));
  await strike(stage);
  const clients = await load.end();
  const left = await quiet(stage);
  const ended = await stage.findEnded();
  const remaining = left > 0
    ? [`${left} requests are still stored`, ...await describeStored(stage)]
    : ended.length > 0
    ? []
    : await findLeftovers(stage);
  const leftovers = [...ended, ...remaining];
  return { lines: await count(stage, clients), leftovers, evidence: await collectEvidence(stage) };
}

/** Whether what must not happen has happened. */
export function isBroken({ lines, leftovers }: CampaignResult): boolean {
  return leftovers.length > 0 || lines.some(({ counts: { lost, unmarked, garbled } }) => lost + unmarked + garbled > 0);
}

async function collectEvidence({ folder, tenant, outputs }: Stage): Promise<string> {
  const stored = new StoredRequestRepository(folder.database.handle);
  const { results } = await stored.list(tenant.id, { states: ["waiting", "delivering", "dead"], skip: 0, take: 1_000 });
  const rows = results.map((request) => JSON.stringify({ ...request, body: null }));
  return [...outputs, rows.join("\n")].join("\n\n");
}

async function count(
  { folder, tenant, target, settled }: Stage,
  clients: ReadonlyMap<string, ClientResult>,
): Promise<CampaignResult["lines"]> {
  const stored = new StoredRequestRepository(folder.database.handle);
  const { results } = await stored.list(tenant.id, { states: ["dead"], skip: 0, take: clients.size + 1 });
  const dead = new Set(results.map(({ path }) => path.slice(1)));
  return LINES.map((line) => {
    const sent = [...clients].filter(([id]) => isOfLine(id, line));
    const received = sent.flatMap(([id]) => target.received.get(id) ?? []);
    const missing = sent.filter(([id, { isAccepted }]) => isAccepted && !target.received.has(id) && !dead.has(id));
    const gone = line.mode === "connectorReceived" ? missing.filter(([id]) => settled.has(id)).length : 0;
    const counts = {
      sent: sent.length,
      accepted: sent.filter(([, { isAccepted }]) => isAccepted).length,
      delivered: received.length,
      answered: sent.filter(([, { isAnswered }]) => isAnswered).length,
      duplicated: received.filter(({ deliveries }) => deliveries > 1).length,
      unmarked: received.reduce((sum, { unmarked }) => sum + unmarked, 0),
      garbled: received.reduce((sum, { garbled }) => sum + garbled, 0) +
        sent.filter(([, { isGarbled }]) => isGarbled).length,
      deadLetters: sent.filter(([id]) => dead.has(id)).length,
      lost: missing.length - gone,
      goneAfterReceipt: gone,
    };
    return { line, counts };
  });
}
