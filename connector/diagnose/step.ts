/**
 * One thing that is looked at, and what was seen.
 *
 * @module
 */

/** What became of a step. */
export type StepState = "ok" | "failed" | "skipped";

/** The outcome of one step. */
export interface StepResult {
  /** Such as `dns`. */
  readonly step: string;
  /** What it was about: a server, a target. */
  readonly subject: string;
  readonly state: StepState;
  readonly durationMs: number;
  /** What was seen, or why it failed or was skipped. Never a secret. */
  readonly detail: string;
  /** What a person can do about a failure. */
  readonly advice?: string;
}

/** A step failed, and it is known what can be done. */
export class StepError extends Error {
  override readonly name = "StepError";
  readonly advice: string;

  constructor(message: string, advice: string, options?: ErrorOptions) {
    super(message, options);
    this.advice = advice;
  }
}

/** Steps that stand on each other: after a failed one the others are skipped. */
export class StepSequence {
  readonly #subject: string;
  readonly #report: (result: StepResult) => void;
  #failed: string | undefined;

  /** @param report Is told of each step when it is over. */
  constructor(subject: string, report: (result: StepResult) => void) {
    this.#subject = subject;
    this.#report = report;
  }

  /** Whether no step has failed yet. */
  get isGood(): boolean {
    return this.#failed === undefined;
  }

  /**
   * Takes a step.
   *
   * @param look Looks, and says what it saw: a text, or a text and a value for the steps that follow.
   * @returns The value; `undefined` when the step failed or was skipped.
   */
  async run<T = undefined>(
    step: string,
    look: () => Promise<{ readonly detail: string; readonly value?: T; readonly isSkipped?: boolean }>,
  ): Promise<T | undefined> {
    const base = { step, subject: this.#subject };
    if (this.#failed !== undefined) {
      this.#report({ ...base, state: "skipped", durationMs: 0, detail: `after the failure of ${this.#failed}` });
      return undefined;
    }
    const startedAtMs = performance.now();
    try {
      const { detail, value, isSkipped = false } = await look();
      this.#report({ ...base, state: isSkipped ? "skipped" : "ok", durationMs: since(startedAtMs), detail });
      return value;
    } catch (error) {
      this.#failed = step;
      const detail = error instanceof Error ? error.message : String(error);
      const advice = error instanceof StepError ? { advice: error.advice } : {};
      this.#report({ ...base, state: "failed", durationMs: since(startedAtMs), detail, ...advice });
      return undefined;
    }
  }
}

function since(startedAtMs: number): number {
  return Math.round((performance.now() - startedAtMs) * 10) / 10;
}
