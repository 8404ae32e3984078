/**
 * Programs as child processes: started by their command line, watched by their output, stopped by their process id.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { within } from "./deadline.ts";

/** The folder of `deno.json`. */
export const PROJECT_ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Where and with what a child process runs. */
export interface ProcessOptions {
  /** Working directory; the project's root unless it is given. */
  readonly cwd?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Network namespace it runs in; this process's own when absent. */
  readonly namespace?: string;
}

interface Waiter {
  readonly pattern: RegExp;
  /** Matching lines still to come. */
  remaining: number;
  readonly found: (match: RegExpExecArray) => void;
  readonly failed: (error: Error) => void;
}

/** A running child process. Hold it with `await using`, so that it ends with the test. */
export class ChildProcess implements AsyncDisposable {
  /** How it ended. Never rejects. */
  readonly status: Promise<Deno.CommandStatus>;
  readonly #child: Deno.ChildProcess;
  readonly #lines: string[] = [];
  readonly #waiters = new Set<Waiter>();
  #stdout = "";
  #stderr = "";
  #hasEnded = false;

  /** @param child A process whose standard output and error are piped. */
  constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.status = this.#watch();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Complete lines of standard output so far. */
  get stdout(): string {
    return this.#stdout;
  }

  /** Complete lines of standard error so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /** All lines so far, in the order they were seen. */
  get output(): string {
    return this.#lines.join("\n");
  }

  /**
   * Waits for a line on standard output or standard error; lines that are there already count.
   *
   * @param pattern Without the flags `g` and `y`.
   * @param options `count` waits for so many of them.
   * @returns The match of the first such line, or of the last one that was waited for.
   * @throws {Error} When the process ends without it, or after `timeoutMs` (15 s unless given); with the output.
   */
  async waitForLine(
    pattern: RegExp,
    options: { readonly timeoutMs?: number; readonly count?: number } = {},
  ): Promise<RegExpExecArray> {
    let remaining = options.count ?? 1;
    for (const line of this.#lines) {
      const match = pattern.exec(line);
      if (match !== null && --remaining === 0) return match;
    }
    if (this.#hasEnded) throw this.#endedWithout(pattern);
    const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>();
    const waiter: Waiter = { pattern, remaining, found: resolve, failed: reject };
    this.#waiters.add(waiter);
    try {
      const { timeoutMs = 15_000 } = options;
      return await within(promise, { timeoutMs, what: `a line like ${pattern}`, detail: () => this.output });
    } finally {
      this.#waiters.delete(waiter);
    }
  }

  /**
   * Asks the process to stop and waits until it has; kills it when it does not in time. May be called again.
   *
   * @returns How it ended; `signal` is `SIGKILL` when it had to be killed.
   */
  async stop(
    options: { readonly signal?: Deno.Signal; readonly timeoutMs?: number } = {},
  ): Promise<Deno.CommandStatus> {
    const { signal = "SIGTERM", timeoutMs = 10_000 } = options;
    this.#kill(signal);
    const timer = setTimeout(() => this.#kill("SIGKILL"), timeoutMs);
    try {
      return await this.status;
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #kill(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch (error) {
      // It ended by itself in the meantime.
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  async #watch(): Promise<Deno.CommandStatus> {
    const [status] = await Promise.all([
      this.#child.status,
      readLines(this.#child.stdout, (line) => {
        this.#stdout += `${line}\n`;
        this.#take(line);
      }),
      readLines(this.#child.stderr, (line) => {
        this.#stderr += `${line}\n`;
        this.#take(line);
      }),
    ]);
    this.#hasEnded = true;
    for (const { pattern, failed } of this.#waiters) failed(this.#endedWithout(pattern));
    return status;
  }

  #take(line: string): void {
    this.#lines.push(line);
    for (const waiter of this.#waiters) {
      const match = waiter.pattern.exec(line);
      if (match !== null && --waiter.remaining === 0) waiter.found(match);
    }
  }

  #endedWithout(pattern: RegExp): Error {
    return new Error(`Process ended without a line like ${pattern}\n${this.output}`);
  }
}

/**
 * Starts `deno` with some arguments: `startDeno(["task", "server"])`, `startDeno(["run", "x.ts"])`. Colours are off.
 *
 * @returns The process; what it prints is collected from the start.
 */
export function startDeno(args: readonly string[], options: ProcessOptions = {}): ChildProcess {
  const { cwd = PROJECT_ROOT, env = {}, namespace } = options;
  // `ip netns exec` becomes the program, under the same process id.
  const [program, prefix] = namespace === undefined
    ? [Deno.execPath(), []]
    : ["ip", ["netns", "exec", namespace, Deno.execPath()]];
  return new ChildProcess(
    new Deno.Command(program, {
      args: [...prefix, ...args],
      cwd,
      env: { NO_COLOR: "1", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn(),
  );
}

async function readLines(stream: ReadableStream<Uint8Array<ArrayBuffer>>, take: (line: string) => void): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split(/\r?\n/);
    rest = lines.pop() ?? "";
    lines.forEach(take);
  }
  if (rest !== "") take(rest);
}
