/**
 * One campaign: requests under load, one fault, and then the counting.
 *
 * @module
 */

import { type AcknowledgeMode, StoredRequestRepository } from "../../server/persistence/mod.ts";
import { within } from "../testkit/deadline.ts";
import { DataFolder, type ServerProcess, startConnectorProcess, startServerProcess } from "../testkit/programs.ts";
import type { ChildProcess } from "../testkit/process.ts";
import { TestBroker } from "../testkit/rabbitmq.ts";
import type { ServerOverrides } from "../testkit/server.ts";
import { closedPort } from "../testkit/target.ts";
import type { TestTenant } from "../testkit/tenants.ts";
import { ChaosTarget, ID_HEADER, pause } from "./chaos_target.ts";
import { type Fault, FAULTS } from "./faults.ts";
import { Random } from "./random.ts";

/** What a campaign is about. */
export interface CampaignPlan {
  readonly mode: AcknowledgeMode;
  readonly route: "relay" | "queue";
  readonly fault: Fault;
  readonly transport: "memory" | "amqp";
  readonly queueType: "quorum" | "classic";
  /** How many. */
  readonly requests: number;
  /** The same seed has the same things happen at the same times, as far as programs let themselves be timed. */
  readonly seed: number;
}

/** What was counted. */
export interface CampaignCounts {
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
  readonly deadLetters: number;
  /** Accepted, and neither delivered nor a dead letter, though the mode promises it. */
  readonly lost: number;
  /** What a killed connector had received, in the modes that promise no more than that. */
  readonly goneWithConnector: number;
  /** Still stored when everything was over. */
  readonly left: number;
}

const CONCURRENCY = 16;
const QUIET_TIMEOUT_MS = 90_000;
const POLL_MS = 50;
const FAILURE_PAUSE_MS = 400;
/** A client that gets no answer by then counts as not answered, in milliseconds. */
const CLIENT_PATIENCE_MS = 60_000;

/** Short times, so that a campaign is short. */
const CONFIG: ServerOverrides = {
  keepAliveInterval: "1s",
  acknowledgeTimeout: "4s",
  requestExpiration: "30s",
  redeliveryLimit: 8,
  connectionGrace: "5s",
  log: { level: "warning", format: "text" },
};

/** The programs of a campaign, and what faults may do to them. */
export class Stage implements AsyncDisposable {
  readonly plan: CampaignPlan;
  readonly random: Random;
  readonly folder: DataFolder;
  readonly tenant: TestTenant;
  readonly target: ChaosTarget;
  readonly broker: TestBroker | undefined;
  readonly #ports: readonly number[];
  readonly #servers: ServerProcess[] = [];
  #connector: ChildProcess | undefined;
  #replacing: Promise<void> | undefined;

  private constructor(
    parts: Pick<Stage, "plan" | "folder" | "tenant" | "target"> & { readonly broker: TestBroker | undefined },
  ) {
    this.plan = parts.plan;
    this.folder = parts.folder;
    this.tenant = parts.tenant;
    this.target = parts.target;
    this.broker = parts.broker;
    this.random = new Random(parts.plan.seed);
    this.#ports = Array.from({ length: parts.plan.transport === "amqp" ? 2 : 1 }, closedPort);
  }

  static async open(plan: CampaignPlan): Promise<Stage> {
    await using resources = new AsyncDisposableStack();
    const folder = resources.use(await DataFolder.create());
    const broker = plan.transport === "amqp" ? resources.use(await TestBroker.start()) : undefined;
    const target = resources.use(new ChaosTarget());
    const tenant = await folder.database.createTenant({ acknowledgeMode: plan.mode });
    const stage = new Stage({ plan, folder, tenant, target, broker });
    target.start();
    for (let index = 0; index < stage.#ports.length; index++) await stage.startServer(index);
    await stage.startConnector();
    resources.move();
    return stage;
  }

  /** Where clients send their requests. */
  get url(): string {
    return `http://127.0.0.1:${this.#ports[0]}`;
  }

  /** How many servers there are. */
  get servers(): number {
    return this.#ports.length;
  }

  async startServer(index: number): Promise<void> {
    const { transport, queueType, fault } = this.plan;
    const amqp = { urls: this.broker === undefined ? [] : [this.broker.url], queueType };
    this.#servers[index] = await startServerProcess(this.folder, {
      ...CONFIG,
      // The pauses between so many deliveries would make a campaign long.
      ...(fault === "poison" ? { redeliveryLimit: 3 } : {}),
      port: this.#ports[index]!,
      transport: { type: transport, amqp },
      log: { level: "info", format: "text" },
    });
  }

  async killServer(index: number): Promise<void> {
    await this.#servers[index]?.kill();
  }

  /** The connector prefers the last server, so that requests go from one to the other where there are two. */
  async startConnector(): Promise<void> {
    const [first, ...others] = this.#ports.toReversed().map((port) => `http://127.0.0.1:${port}`);
    this.#connector = await startConnectorProcess({ url: first! }, this.tenant, {
      folder: this.folder,
      targets: { app: this.target.url },
      relayServerBaseUri: [first!, ...others],
    });
  }

  async killConnector(): Promise<void> {
    await this.#connector?.stop({ signal: "SIGKILL" });
  }

  /** Kills the connector and starts another; once at a time. */
  replaceConnector(): Promise<void> {
    return this.#replacing ??= (async () => {
      await this.killConnector();
      await this.startConnector();
      this.#replacing = undefined;
    })();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#replacing;
    await this.killConnector();
    for (const server of this.#servers) await server.kill();
    await this.target[Symbol.asyncDispose]();
    await this.broker?.[Symbol.asyncDispose]();
    await this.folder[Symbol.asyncDispose]();
  }
}

/** Runs a campaign. */
export async function runCampaign(plan: CampaignPlan): Promise<CampaignCounts> {
  await using stage = await Stage.open(plan);
  const { prepare, strike, patience } = FAULTS[plan.fault];
  prepare?.(stage);
  const sent = Array.from({ length: plan.requests }, (_, index) => `${plan.seed}-${index}`);
  const load = sendAll(stage, sent, patience?.(stage));
  await pause(stage.random.between(50, 400));
  await strike(stage);
  const clients = await load;
  const left = await quiet(stage);
  return count(stage, { sent, clients, left });
}

/** What a client got. */
interface ClientResult {
  readonly isAccepted: boolean;
  readonly isAnswered: boolean;
}

async function sendAll(
  stage: Stage,
  ids: readonly string[],
  patienceMs: () => number = () => CLIENT_PATIENCE_MS,
): Promise<Map<string, ClientResult>> {
  const results = new Map<string, ClientResult>();
  const waiting = ids.values();
  const client = async () => {
    for (const id of waiting) results.set(id, await send(stage, id, patienceMs()));
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, client));
  return results;
}

async function send({ url, plan, tenant }: Stage, id: string, patienceMs: number): Promise<ClientResult> {
  try {
    const response = await fetch(`${url}/${plan.route}/${tenant.name}/app/${id}`, {
      method: "POST",
      body: `body of ${id}`,
      headers: { [ID_HEADER]: id },
      signal: AbortSignal.timeout(patienceMs),
    });
    await response.body?.cancel();
    return { isAccepted: response.status === (plan.route === "queue" ? 202 : 200), isAnswered: true };
  } catch {
    // The server was killed, or the client has left: nothing was promised. The load is to outlast the fault.
    await pause(FAILURE_PAUSE_MS);
    return { isAccepted: false, isAnswered: false };
  }
}

/** Waits until nothing is under way any more. @returns How many requests are stored nevertheless. */
async function quiet({ folder }: Stage): Promise<number> {
  const stored = new StoredRequestRepository(folder.database.handle);
  let left = Infinity;
  const poll = async () => {
    while ((left = (await stored.totals()).queued) > 0) await pause(POLL_MS);
  };
  try {
    await within(poll(), { timeoutMs: QUIET_TIMEOUT_MS, what: "an empty queue" });
  } catch {
    return left;
  }
  return 0;
}

/** Whether connectors are killed that had received requests which were settled by that. */
function losesWithConnector({ mode, fault }: CampaignPlan): boolean {
  return (mode === "disabled" || mode === "connectorReceived") && (fault === "connector killed" || fault === "poison");
}

async function count(
  { folder, tenant, target, plan }: Stage,
  { sent, clients, left }: {
    readonly sent: readonly string[];
    readonly clients: ReadonlyMap<string, ClientResult>;
    readonly left: number;
  },
): Promise<CampaignCounts> {
  const stored = new StoredRequestRepository(folder.database.handle);
  const { results } = await stored.list(tenant.id, { states: ["dead"], skip: 0, take: sent.length + 1 });
  const dead = new Set(results.map(({ path }) => path.slice(1)));
  const accepted = sent.filter((id) => clients.get(id)?.isAccepted);
  const received = [...target.received.values()];
  const missing = accepted.filter((id) => !target.received.has(id) && !dead.has(id)).length;
  return {
    sent: sent.length,
    accepted: accepted.length,
    delivered: received.length,
    answered: sent.filter((id) => clients.get(id)?.isAnswered).length,
    duplicated: received.filter(({ deliveries }) => deliveries > 1).length,
    unmarked: received.reduce((sum, { unmarked }) => sum + unmarked, 0),
    deadLetters: dead.size,
    lost: losesWithConnector(plan) ? 0 : missing,
    goneWithConnector: losesWithConnector(plan) ? missing : 0,
    left,
  };
}
