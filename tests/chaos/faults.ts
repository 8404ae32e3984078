/**
 * What goes wrong in campaigns.
 *
 * @module
 */

import type { Stage } from "./campaign.ts";
import { pause } from "./chaos_target.ts";

/** A fault, and what it needs besides. */
interface FaultScript {
  /** Before the first request. */
  readonly prepare?: (stage: Stage) => void;
  /** In the middle of the load. Resolves when everything is there again. */
  readonly strike: (stage: Stage) => Promise<void>;
  /** How long each client waits, in milliseconds. */
  readonly patience?: (stage: Stage) => () => number;
}

const SLOW_MS = 200;

/** Answers take a while, so that a fault finds requests at every stage. */
function answerSlowly(stage: Stage): void {
  stage.target.onRequest = () => pause(stage.random.between(0, SLOW_MS));
}

/** All faults. */
export const FAULTS = {
  "none": { strike: () => Promise.resolve() },
  "connector killed": {
    prepare: answerSlowly,
    async strike(stage) {
      await stage.killConnector();
      await pause(stage.random.between(0, 1_000));
      await stage.startConnector();
    },
  },
  "server killed": {
    prepare: answerSlowly,
    async strike(stage) {
      const index = stage.random.between(0, stage.servers - 1);
      await stage.killServer(index);
      await pause(stage.random.between(0, 500));
      await stage.startServer(index);
    },
  },
  "target down": {
    async strike(stage) {
      await stage.target.stop();
      await pause(stage.random.between(500, 2_500));
      stage.target.start();
    },
  },
  "client gone early": {
    prepare: answerSlowly,
    strike: () => Promise.resolve(),
    patience: (stage) => () => stage.random.between(1, SLOW_MS),
  },
  "acknowledged twice": { prepare: (stage) => void (stage.target.habit = "twice"), strike: () => Promise.resolve() },
  "acknowledged late": {
    prepare(stage) {
      stage.target.habit = "late";
      stage.target.lateMs = 5_000;
    },
    strike: () => Promise.resolve(),
  },
  "acknowledged for another": {
    prepare: (stage) => void (stage.target.habit = "wrong"),
    strike: () => Promise.resolve(),
  },
  "poison": {
    prepare(stage) {
      stage.target.onRequest = async (id) => {
        if (id.endsWith("-0")) await stage.replaceConnector();
      };
    },
    strike: () => Promise.resolve(),
  },
  "broker killed": {
    prepare: answerSlowly,
    async strike({ broker, random }) {
      await broker?.kill();
      await pause(random.between(0, 1_000));
      await broker?.start();
    },
  },
  "broker restarted": {
    prepare: answerSlowly,
    async strike({ broker }) {
      await broker?.stop();
      await broker?.start();
    },
  },
  "broker paused": {
    prepare: answerSlowly,
    async strike({ broker, random }) {
      broker?.pause();
      await pause(random.between(500, 5_000));
      broker?.resume();
    },
  },
} satisfies Readonly<Record<string, FaultScript>> as Readonly<Record<Fault, FaultScript>>;

/** The name of a fault. */
export type Fault =
  | "none"
  | "connector killed"
  | "server killed"
  | "target down"
  | "client gone early"
  | "acknowledged twice"
  | "acknowledged late"
  | "acknowledged for another"
  | "poison"
  | "broker killed"
  | "broker restarted"
  | "broker paused";
