/**
 * `deno task chaos`: campaigns of faults under load, one after the other, until the time is over.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { type CampaignPlan, type CampaignResult, isBroken, type LineCounts, runCampaign } from "./campaign.ts";
import { FAULTS, obstacle } from "./faults.ts";
import { requireRabbitMq } from "../testkit/rabbitmq.ts";
import { everyPlan } from "./plans.ts";
import { Random } from "./random.ts";

const USAGE = `Usage: deno task chaos [OPTION...]

  --minutes N       how long; 10 unless given
  --requests N      requests of each mode in a campaign; 40 unless given
  --seed N          each campaign once, with this seed
  --transport NAME  memory or amqp
  --queue-type NAME classic or quorum
  --fault NAME      one of: ${Object.keys(FAULTS).join("; ")}
`;

const OPTIONS = {
  minutes: { type: "string", default: "10" },
  seed: { type: "string" },
  requests: { type: "string", default: "40" },
  transport: { type: "string" },
  "queue-type": { type: "string" },
  fault: { type: "string" },
} as const;

/** Ends the program with 2 and what it takes when the command line is none. */
function readOptions() {
  try {
    const { values } = parseArgs({ options: OPTIONS });
    for (const name of ["minutes", "seed", "requests"] as const) {
      const value = values[name];
      if (value !== undefined && !(Number(value) >= 0)) throw new TypeError(`--${name} is no number: ${value}`);
    }
    return values;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    Deno.stderr.writeSync(new TextEncoder().encode(`${error.message}\n\n${USAGE}`));
    Deno.exit(2);
  }
}

const COUNTS: readonly (keyof LineCounts)[] = [
  "sent",
  "accepted",
  "delivered",
  "answered",
  "duplicated",
  "unmarked",
  "garbled",
  "deadLetters",
  "goneAfterReceipt",
  "lost",
];

function write(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

function carrierOf({ transport, queueType }: CampaignPlan): string {
  return transport === "amqp" ? `amqp ${queueType}` : transport;
}

function writeResult(plan: CampaignPlan, result: CampaignResult): void {
  const { fault, seed } = plan;
  for (const { line: { route, mode }, counts } of result.lines) {
    const numbers = COUNTS.map((name) => counts[name]).join(" | ");
    write(`| ${carrierOf(plan)} | ${fault} | ${route} | ${mode} | ${seed} | ${numbers} |`);
  }
  for (const leftover of result.leftovers) write(`LEFT with seed ${seed}: ${leftover}`);
}

/** @returns Whether nothing was lost. */
async function runOne(plan: CampaignPlan): Promise<boolean> {
  try {
    const result = await runCampaign(plan);
    writeResult(plan, result);
    if (!isBroken(result)) return true;
    const file = await Deno.makeTempFile({ prefix: `chaos-${plan.seed}-`, suffix: ".log" });
    await Deno.writeTextFile(file, result.evidence);
    write(`BROKEN with seed ${plan.seed}: see ${file}`);
    return false;
  } catch (error) {
    write(`FAILED: ${carrierOf(plan)}, ${plan.fault}, seed ${plan.seed}: ${error}`);
    return false;
  }
}

const values = readOptions();
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const wanted = everyPlan(new Random(seed)).filter(({ transport, queueType, fault }) =>
  (values.transport ?? transport) === transport && (values["queue-type"] ?? queueType) === queueType &&
  (values.fault ?? fault) === fault
);
const skipped = new Map(
  Object.entries(FAULTS).flatMap(([fault, script]) => {
    const reason = obstacle(script);
    return reason === undefined ? [] : [[fault, reason] as const];
  }),
);
const hasBroker = !(await requireRabbitMq()).isSkipped;
if (!hasBroker) skipped.set("everything on amqp", "RabbitMQ is not installed");
const plans = wanted.filter(({ fault, transport }) => !skipped.has(fault) && (hasBroker || transport === "memory"));
if (plans.length === 0) {
  write("There is no such campaign that can be run here.");
  Deno.exit(2);
}
for (const [fault, reason] of skipped) write(`Skipped: ${fault} (${reason})`);
write(`| transport | fault | route | mode | seed | ${COUNTS.join(" | ")} |`);
write(`|${" --- |".repeat(COUNTS.length + 5)}`);

const until = performance.now() + Number(values.minutes) * 60_000;
const requests = Number(values.requests);
let ran = 0;
let broken = 0;
do {
  // With a seed that was given, every campaign has that one, so that it can be repeated by itself.
  const plan = { ...plans[ran % plans.length]!, requests, seed: values.seed === undefined ? seed + ran : seed };
  if (!await runOne(plan)) broken++;
  ran++;
} while (performance.now() < until && (values.seed === undefined || ran < plans.length));
write(`${ran} campaigns ran; there are ${plans.length}.`);
write(
  broken === 0 ? "Nothing was lost." : `${broken} are broken; repeat one with its --seed, --fault and --transport.`,
);
Deno.exit(broken === 0 ? 0 : 1);
