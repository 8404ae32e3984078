/**
 * What goes wrong in campaigns.
 *
 * @module
 */

import { findPostgresPrograms } from "../testkit/postgres_cluster.ts";
import type { ServerOverrides } from "../testkit/server.ts";
import { pause } from "./chaos_target.ts";
import { LINES } from "./lines.ts";
import { canMount, fillVolume, type Point, type Stage } from "./stage.ts";

/** A fault, and what it needs besides. */
export interface FaultScript {
  /** Before the first request. */
  readonly prepare?: (stage: Stage) => void;
  /** In the middle of the load. Resolves when everything is there again. */
  readonly strike: (stage: Stage) => Promise<void>;
  /** How long each client waits, in milliseconds. */
  readonly patience?: (stage: Stage) => number;
  readonly config?: ServerOverrides;
  /** What must be there. */
  readonly needs?: "broker" | "postgres" | "volume";
}

const SLOW_MS = 200;
const VOLUME_BYTES = 8 * 1024 * 1024;

/** Answers take a while, so that a fault finds requests at every stage. */
function answerSlowly(stage: Stage): void {
  stage.target.onRequest = async (id) => {
    await stage.passing("at the target", [id]);
    await pause(stage.random.between(0, SLOW_MS));
  };
}

/** Kills something when a request of each line is at a point, and starts it again after a while. */
function killedAt(
  point: Point,
  program: { kill(stage: Stage): Promise<void>; start(stage: Stage): Promise<void> },
  { minimumMs = 0, maximumMs = 300 } = {},
): FaultScript {
  return {
    prepare: answerSlowly,
    async strike(stage) {
      for (const line of LINES) {
        if (!await stage.strikeAt(point, line, () => program.kill(stage))) continue;
        await pause(stage.random.between(minimumMs, maximumMs));
        await program.start(stage);
      }
    },
  };
}

const CONNECTOR = {
  kill: (stage: Stage) => stage.killConnector(),
  start: (stage: Stage) => stage.startConnector(),
};

/** One server after the other, where there are several. */
function nextServer() {
  let index = -1;
  return {
    kill(stage: Stage): Promise<void> {
      index = (index + 1) % stage.servers.length;
      return stage.killServer(index);
    },
    start: (stage: Stage) => stage.startServer(index),
  };
}

const NOTHING = () => Promise.resolve();

/** All faults. */
export const FAULTS: Readonly<Record<string, FaultScript>> = {
  "none": { strike: NOTHING },
  "connector killed, handed over": killedAt("handed over", CONNECTOR),
  "connector killed, received": killedAt("received", CONNECTOR),
  "connector killed, at the target": killedAt("at the target", CONNECTOR),
  "connector killed, answered": killedAt("answered", CONNECTOR),
  // Longer than tickets live, shorter than requests wait for a connector.
  "connector killed, answered, away for long": killedAt("answered", CONNECTOR, { minimumMs: 2_500, maximumMs: 4_000 }),
  "server killed, handed over": killedAt("handed over", nextServer()),
  "server killed, received": killedAt("received", nextServer()),
  "server killed, at the target": killedAt("at the target", nextServer()),
  "server killed, answered": killedAt("answered", nextServer()),
  "target down": {
    async strike(stage) {
      await stage.target.stop();
      await pause(stage.random.between(500, 2_500));
      stage.target.start();
    },
  },
  "response after the deadline": {
    config: { requestExpiration: "1s", acknowledgeTimeout: "1s" },
    prepare(stage) {
      stage.target.onRequest = async (id, deliveries) => {
        if (deliveries === 1 && id.endsWith("3")) await pause(1_800);
      };
    },
    strike: () => pause(1_000),
  },
  "client gone early": {
    prepare: answerSlowly,
    strike: () => pause(1_000),
    patience: (stage) => stage.random.between(1, SLOW_MS),
  },
  "acknowledged twice": {
    prepare(stage) {
      answerSlowly(stage);
      stage.target.habit = "twice";
      for (const wire of stage.wires) wire.habit = "twice";
    },
    strike: NOTHING,
  },
  "acknowledged late": {
    prepare(stage) {
      answerSlowly(stage);
      stage.target.habit = "late";
      stage.target.lateMs = 5_000;
      for (const wire of stage.wires) wire.habit = "late";
    },
    strike: NOTHING,
  },
  "acknowledged for another": {
    prepare(stage) {
      answerSlowly(stage);
      stage.target.habit = "wrong";
      for (const wire of stage.wires) wire.habit = "wrong";
    },
    strike: NOTHING,
  },
  "poison": {
    // The pauses between so many deliveries would make a campaign long.
    config: { redeliveryLimit: 3 },
    prepare(stage) {
      stage.target.onRequest = async (id) => {
        if (id.endsWith("-0")) await stage.replaceConnector();
      };
    },
    strike: () => pause(1_000),
  },
  "database stopped": {
    needs: "postgres",
    prepare: answerSlowly,
    async strike({ postgres, random }) {
      await postgres.stop();
      await pause(random.between(500, 3_000));
      await postgres.start();
    },
  },
  "database killed": {
    needs: "postgres",
    prepare: answerSlowly,
    async strike({ postgres, random }) {
      await postgres.kill();
      await pause(random.between(0, 1_000));
      await postgres.start();
    },
  },
  "body store full": {
    needs: "volume",
    prepare: answerSlowly,
    strike: (stage) => fillVolume(stage.bodiesPath, stage.random.between(1_000, 3_000)),
  },
  "body store gone": {
    prepare: answerSlowly,
    async strike({ bodiesPath, random }) {
      await Deno.rename(bodiesPath, `${bodiesPath}.gone`);
      await pause(random.between(500, 3_000));
      await Deno.rename(`${bodiesPath}.gone`, bodiesPath);
    },
  },
  "broker killed": {
    needs: "broker",
    prepare: answerSlowly,
    async strike({ broker, random }) {
      await broker.kill();
      await pause(random.between(0, 1_000));
      await broker.start();
    },
  },
  "broker restarted": {
    needs: "broker",
    prepare: answerSlowly,
    async strike({ broker }) {
      await broker.stop();
      await broker.start();
    },
  },
  "broker restarted empty": {
    needs: "broker",
    prepare: answerSlowly,
    async strike({ broker }) {
      await broker.stop();
      await broker.empty();
      await broker.start();
    },
  },
  "broker paused": {
    needs: "broker",
    prepare: answerSlowly,
    async strike({ broker, random }) {
      broker.pause();
      await pause(random.between(500, 5_000));
      broker.resume();
    },
  },
};

/** Size of the volume that bodies wait on, where a fault needs one of its own. */
export function volumeBytes({ needs }: FaultScript): number | undefined {
  return needs === "volume" ? VOLUME_BYTES : undefined;
}

/** Why a fault cannot be tried here; `undefined` when it can. */
export function obstacle({ needs }: FaultScript): string | undefined {
  if (needs === "postgres" && findPostgresPrograms() === undefined) return "PostgreSQL is not installed";
  if (needs === "volume" && !canMount()) return "only root can mount a volume";
  return undefined;
}
