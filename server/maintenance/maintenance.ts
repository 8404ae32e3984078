/**
 * Runs the maintenance jobs, at one origin at a time.
 *
 * @module
 */

import { getLogger } from "../../shared/log/mod.ts";
import { sleep } from "../../shared/time/sleep.ts";
import type { MaintenanceJob } from "./jobs.ts";

const logger = getLogger("maintenance");

const LEASE = "maintenance";
/** The first run waits no longer, whatever the interval. */
const LONGEST_FIRST_DELAY_MS = 60_000;
/** Whoever has the lease keeps it, so that the jobs run once in an interval and not once in an interval of every origin. */
const LEASE_INTERVALS = 1.5;
/** How long a job under way may take to end, in milliseconds: a body store promises no time limit. */
const STOP_TIMEOUT_MS = 5_000;

/** Who may run the jobs. */
export interface Leases {
  /** Takes a free lease, or prolongs one's own. @returns Whether it is the holder's now. */
  acquire(name: string, options: { readonly holder: string; readonly durationMs: number }): Promise<boolean>;
  release(name: string, holder: string): Promise<void>;
}

/** What {@link Maintenance} works with. */
export interface MaintenanceOptions {
  readonly leases: Leases;
  /** UUID of this server instance. */
  readonly originId: string;
  /** Milliseconds between two runs. */
  readonly intervalMs: number;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
  /** From 0 to 1, for the delays. */
  readonly random?: () => number;
}

/** How a job went at this origin since the start. */
export interface JobReport {
  readonly name: string;
  readonly succeeded: number;
  readonly failed: number;
  readonly removed: number;
  /** Milliseconds since 1970; `undefined` when it has not succeeded here yet. */
  readonly succeededAtMs: number | undefined;
}

type GrowingReport = { -readonly [Key in keyof JobReport]: JobReport[Key] };

/** Runs jobs again and again. Disposing ends it, also in the middle of a job. */
export class Maintenance implements AsyncDisposable {
  readonly #jobs: readonly MaintenanceJob[];
  readonly #options: Required<MaintenanceOptions>;
  readonly #reports: ReadonlyMap<string, GrowingReport>;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;

  constructor(jobs: readonly MaintenanceJob[], options: MaintenanceOptions) {
    this.#jobs = jobs;
    this.#options = { random: Math.random, ...options };
    this.#reports = new Map(jobs.map(({ name }) => [name, emptyReport(name)]));
  }

  /** Every job, as it went so far. */
  get reports(): Iterable<JobReport> {
    return this.#reports.values();
  }

  /** Starts running. Idempotent. */
  start(): void {
    this.#running ??= this.#runAgainAndAgain();
  }

  /**
   * Runs every job once, if no other origin does it. Never rejects: what fails is logged and done the next time.
   *
   * @returns Whether it was this origin's turn.
   */
  async runOnce(): Promise<boolean> {
    if (!await this.#acquire()) return false;
    for (const job of this.#jobs) {
      if (this.#stopping.signal.aborted) break;
      await this.#run(job);
    }
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    const over = new AbortController();
    await Promise.race([this.#running, sleep(STOP_TIMEOUT_MS, { signal: over.signal })]);
    over.abort();
    try {
      await this.#options.leases.release(LEASE, this.#options.originId);
    } catch (error) {
      // It ends by itself.
      logger.debug("Cannot give the lease of the maintenance back: {error}", { error });
    }
  }

  async #runAgainAndAgain(): Promise<void> {
    const { intervalMs, random } = this.#options;
    const { signal } = this.#stopping;
    await sleep(random() * Math.min(intervalMs, LONGEST_FIRST_DELAY_MS), { signal });
    while (!signal.aborted) {
      await this.runOnce();
      // A tenth more or less, so that origins that were started together do not stay together.
      await sleep(intervalMs * (0.9 + random() / 5), { signal });
    }
  }

  async #acquire(): Promise<boolean> {
    const { leases, originId, intervalMs } = this.#options;
    try {
      return await leases.acquire(LEASE, { holder: originId, durationMs: LEASE_INTERVALS * intervalMs });
    } catch (error) {
      logger.warn("Cannot begin the maintenance: {error}", { error });
      return false;
    }
  }

  async #run(job: MaintenanceJob): Promise<void> {
    const report = this.#reports.get(job.name)!;
    const startedMs = performance.now();
    // A job that takes long must not lose the lease, and one that lost it must not go on.
    const lost = new AbortController();
    const prolonging = setInterval(async () => {
      if (!await this.#acquire()) lost.abort();
    }, this.#options.intervalMs / 2);
    const signal = AbortSignal.any([this.#stopping.signal, lost.signal]);
    signal.addEventListener("abort", () => clearInterval(prolonging), { once: true });
    try {
      const removed = await job.run(signal);
      report.succeeded++;
      report.removed += removed;
      report.succeededAtMs = this.#options.now();
      const facts = { job: job.name, removed, durationMs: Math.round(performance.now() - startedMs) };
      if (removed > 0) logger.info("Maintenance {job} removed {removed} rows in {durationMs} ms", facts);
    } catch (error) {
      report.failed++;
      logger.warn("Maintenance {job} failed, it is tried again the next time: {error}", { job: job.name, error });
    } finally {
      clearInterval(prolonging);
    }
  }
}

function emptyReport(name: string): GrowingReport {
  return { name, succeeded: 0, failed: 0, removed: 0, succeededAtMs: undefined };
}
