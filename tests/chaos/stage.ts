/**
 * The programs of a campaign, and what faults may do to them.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PostgresCluster } from "../testkit/postgres_cluster.ts";
import type { ChildProcess } from "../testkit/process.ts";
import { DataFolder, type ServerProcess, startConnectorProcess, startServerProcess } from "../testkit/programs.ts";
import { TestBroker } from "../testkit/rabbitmq.ts";
import type { ServerOverrides } from "../testkit/server.ts";
import { closedPort } from "../testkit/target.ts";
import type { TestTenant } from "../testkit/tenants.ts";
import { ChaosTarget, pause } from "./chaos_target.ts";
import { isOfLine, type Line } from "./lines.ts";
import { Random } from "./random.ts";
import { Wire, type WirePoint } from "./wire.ts";

/** What carries requests from one server to the other. */
export interface Carrier {
  readonly transport: "memory" | "amqp";
  readonly queueType: "quorum" | "classic";
}

/** What a stage is made of. */
export interface StagePlan extends Carrier {
  readonly seed: number;
  readonly hasPostgres: boolean;
  /** Where bodies wait on a volume of its own, its size in bytes. */
  readonly volumeBytes?: number | undefined;
  readonly config?: ServerOverrides | undefined;
}

/** Where a request is seen on its way. */
export type Point = WirePoint | "at the target";

/** Somebody waits for a request at a point. */
interface Watch {
  readonly point: Point;
  readonly line: Line;
  readonly act: () => Promise<void>;
  readonly done: () => void;
}

/** Short times, so that a campaign is short. */
const CONFIG: ServerOverrides = {
  keepAliveInterval: "1s",
  acknowledgeTimeout: "4s",
  requestExpiration: "30s",
  redeliveryLimit: 8,
  connectionGrace: "5s",
  inlineBodyLimit: "4KiB",
};
const INTERCEPTOR = fileURLToPath(new URL("mode_interceptor.ts", import.meta.url));
/** A line may have no request that passes a point, in milliseconds. */
const WATCH_MS = 1_500;

/** Everything that runs. Hold it with `await using`. */
export class Stage implements AsyncDisposable {
  readonly random: Random;
  readonly target = new ChaosTarget();
  /** Requests that a server knows to be received or answered, if it lived to hear it. */
  readonly settled = new Set<string>();
  readonly #plan: StagePlan;
  readonly #ports: readonly number[];
  readonly #servers: ServerProcess[] = [];
  readonly #wires: Wire[] = [];
  #folder: DataFolder | undefined;
  #tenant: TestTenant | undefined;
  #broker: TestBroker | undefined;
  #postgres: PostgresCluster | undefined;
  #resources: AsyncDisposableStack | undefined;
  #connector: ChildProcess | undefined;
  #replacing: Promise<void> | undefined;
  #replacingNext: Promise<void> | undefined;
  #watch: Watch | undefined;

  private constructor(plan: StagePlan) {
    this.#plan = plan;
    this.random = new Random(plan.seed);
    this.#ports = Array.from({ length: plan.transport === "amqp" ? 2 : 1 }, closedPort);
  }

  static async open(plan: StagePlan): Promise<Stage> {
    const stage = new Stage(plan);
    await using resources = new AsyncDisposableStack();
    await stage.#prepare(resources);
    stage.target.start();
    for (let index = 0; index < stage.#ports.length; index++) await stage.startServer(index);
    await stage.startConnector();
    stage.#resources = resources.move();
    return stage;
  }

  get folder(): DataFolder {
    return required(this.#folder, "data folder");
  }

  get tenant(): TestTenant {
    return required(this.#tenant, "tenant");
  }

  get broker(): TestBroker {
    return required(this.#broker, "broker");
  }

  get postgres(): PostgresCluster {
    return required(this.#postgres, "PostgreSQL");
  }

  get hasBroker(): boolean {
    return this.#broker !== undefined;
  }

  /** Where clients send their requests. */
  get url(): string {
    return `http://127.0.0.1:${this.#ports[0]}`;
  }

  get servers(): readonly ServerProcess[] {
    return this.#servers;
  }

  /** What the programs that run now have written. */
  get outputs(): readonly string[] {
    return [...this.#servers.map(({ process }) => process.output), this.#connector?.output ?? ""];
  }

  /** Programs that should run and have ended by themselves, in words. */
  async findEnded(): Promise<string[]> {
    await this.#replaced();
    const programs: [string, ChildProcess][] = this.#servers.map(({ process }, index) => [`server ${index}`, process]);
    if (this.#connector !== undefined) programs.push(["the connector", this.#connector]);
    const ended = await Promise.all(programs.map(async ([name, { status }]) => {
      const hasEnded = await Promise.race([status.then(() => true), pause(0).then(() => false)]);
      return hasEnded ? [`${name} has ended by itself`] : [];
    }));
    return ended.flat();
  }

  get wires(): readonly Wire[] {
    return this.#wires;
  }

  /** Where the body store has its bodies. */
  get bodiesPath(): string {
    return join(this.folder.path, "bodies");
  }

  /** Any server, by chance. */
  anyServer(): number {
    return this.random.between(0, this.#ports.length - 1);
  }

  async startServer(index: number): Promise<void> {
    const { transport, queueType, config, seed } = this.#plan;
    const amqp = { urls: this.#broker === undefined ? [] : [this.#broker.url], queueType };
    this.#servers[index] = await startServerProcess(this.folder, {
      ...CONFIG,
      ...config,
      ...(this.#postgres === undefined ? {} : { database: { url: this.#postgres.url } }),
      bodyTransfer: seed % 2 === 0 ? "http" : "websocket",
      interceptors: [INTERCEPTOR],
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
    const [first, ...others] = this.#wires.map(({ url }) => url).toReversed();
    this.#connector = await startConnectorProcess({ url: first! }, this.tenant, {
      folder: this.folder,
      targets: { app: this.target.url },
      relayServerBaseUri: [first!, ...others],
    });
  }

  async killConnector(): Promise<void> {
    await this.#connector?.stop({ signal: "SIGKILL" });
  }

  /** Kills the connector that runs, and starts another. */
  replaceConnector(): Promise<void> {
    if (this.#replacing === undefined) return this.#replacing = this.#replace();
    // The one that is coming up may have brought what asks for this.
    return this.#replacingNext ??= this.#replacing.then(() => {
      this.#replacingNext = undefined;
      return this.#replacing = this.#replace();
    });
  }

  /**
   * Waits for a request of a line at a point, and acts while it is there.
   *
   * @returns Whether there was one: not every line has requests at every point.
   */
  async strikeAt(point: Point, line: Line, act: () => Promise<void>): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => {
      this.#watch = undefined;
      resolve(false);
    }, WATCH_MS);
    this.#watch = {
      point,
      line,
      act: () => {
        clearTimeout(timer);
        return act();
      },
      done: () => resolve(true),
    };
    return await promise;
  }

  /** A request passes a point. */
  async passing(point: Point, ids: readonly string[]): Promise<void> {
    if (point === "received" || point === "answered") { for (const id of ids) this.settled.add(id); }
    const watch = this.#watch;
    if (watch?.point !== point || !ids.some((id) => isOfLine(id, watch.line))) return;
    this.#watch = undefined;
    // By chance what is held goes on before it, or after.
    const acting = watch.act().finally(watch.done);
    if (this.random.between(0, 1) === 0) await acting;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#replaced();
    await this.killConnector();
    for (const server of this.#servers) await server.kill();
    await this.#resources?.disposeAsync();
  }

  /** No connector that is to be replaced is away any more. */
  async #replaced(): Promise<void> {
    while (this.#replacing !== undefined || this.#replacingNext !== undefined) {
      await this.#replacing;
      await this.#replacingNext;
    }
  }

  async #replace(): Promise<void> {
    await this.killConnector();
    await this.startConnector();
    this.#replacing = undefined;
  }

  async #prepare(resources: AsyncDisposableStack): Promise<void> {
    const { transport, hasPostgres, volumeBytes } = this.#plan;
    if (hasPostgres) this.#postgres = resources.use(await PostgresCluster.start());
    if (transport === "amqp") this.#broker = resources.use(await TestBroker.start());
    this.#folder = resources.use(await DataFolder.create({ databaseUrl: this.#postgres?.url }));
    if (volumeBytes !== undefined) await mountVolume(this.bodiesPath, volumeBytes, resources);
    this.#tenant = await this.#folder.database.createTenant();
    for (const port of this.#ports) {
      const passing = (point: WirePoint, ids: readonly string[]) => this.passing(point, ids);
      this.#wires.push(resources.use(await Wire.start(port, { passing })));
    }
    resources.use(this.target);
  }
}

/** Whether a volume of its own can be mounted here. */
export function canMount(): boolean {
  return Deno.build.os === "linux" && Deno.uid() === 0;
}

async function mountVolume(path: string, sizeBytes: number, resources: AsyncDisposableStack): Promise<void> {
  await Deno.mkdir(path);
  await runMount("mount", ["-t", "tmpfs", "-o", `size=${sizeBytes}`, "tmpfs", path]);
  resources.defer(() => runMount("umount", ["-l", path]));
}

async function runMount(command: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args: [...args] }).output();
  if (!success) throw new Error(`${command} failed: ${new TextDecoder().decode(stderr)}`);
}

function required<T>(part: T | undefined, name: string): T {
  if (part === undefined) throw new Error(`This campaign has no ${name}`);
  return part;
}

/** Fills the volume that the body store is on, for a while. */
export async function fillVolume(folder: string, durationMs: number): Promise<void> {
  const path = join(folder, "ballast");
  const piece = new Uint8Array(256 * 1024);
  try {
    using file = await Deno.open(path, { write: true, create: true });
    for (const deadline = performance.now() + durationMs; performance.now() < deadline;) {
      try {
        await file.write(piece);
      } catch {
        // It is full; what bodies leave free is taken again.
        await pause(20);
      }
    }
  } finally {
    await Deno.remove(path);
  }
}
