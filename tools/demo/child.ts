/**
 * The demo's child processes: started with the running `deno`, their last lines kept, stopped by their process id within a time limit.
 *
 * @module
 */

import { fileURLToPath } from "node:url";

/** The folder of `deno.json`, where the commands run. */
const PROJECT_ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Elsewhere Ctrl+C reaches all programs of the terminal by itself. */
const HAS_PROCESS_GROUPS = Deno.build.os !== "windows";

const LOG_LINES = 20;
const STOP_TIMEOUT_MS = 3_000;

/** What a child process is started with. */
export interface ChildOptions {
  /** Its whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Takes the lines of standard output, which otherwise belong to the log. */
  readonly onOutput?: (line: string) => void;
  /** Called when Deno downloads something for it. */
  readonly onDownload?: () => void;
}

/** A running child process. Disposing it stops it. */
export class Child implements AsyncDisposable {
  /** How it ended, once nothing that it started runs any more. Never rejects. */
  readonly ended: Promise<Deno.CommandStatus>;
  readonly #process: Deno.ChildProcess;
  readonly #log: string[] = [];
  #isAskedToStop = false;

  /**
   * Starts `deno`.
   *
   * @param args Its arguments; they must not contain secrets, since every user of the machine can read them.
   */
  constructor(args: readonly string[], options: ChildOptions) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: [...args],
      cwd: PROJECT_ROOT,
      env: { ...options.env },
      clearEnv: true,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      // A process group of its own: Ctrl+C in the terminal reaches the demo only, which then stops its children in order.
      detached: HAS_PROCESS_GROUPS,
    }).spawn();
    this.ended = this.#watch(options);
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Whether its end is wanted. */
  get isAskedToStop(): boolean {
    return this.#isAskedToStop;
  }

  /** The last lines that it printed. */
  get log(): readonly string[] {
    return this.#log;
  }

  /** Asks it to end, and kills it when it does not within 3 s. May be called again. */
  async stop(): Promise<void> {
    this.#isAskedToStop = true;
    ignoreEnded(() => this.#process.kill("SIGTERM"));
    const timer = setTimeout(() => this.#kill(), STOP_TIMEOUT_MS);
    await this.ended;
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #watch({ onOutput, onDownload }: ChildOptions): Promise<Deno.CommandStatus> {
    const keep = (line: string) => {
      this.#log.push(line);
      if (this.#log.length > LOG_LINES) this.#log.shift();
      if (line.startsWith("Download ")) onDownload?.();
    };
    const read = Promise.all([
      readLines(this.#process.stdout, onOutput ?? keep),
      readLines(this.#process.stderr, keep),
    ]);
    const status = await this.#process.status;
    // The program that `deno task` runs survives when `deno task` is killed, and would keep the pipes open.
    this.#kill();
    await read;
    return status;
  }

  #kill(): void {
    ignoreEnded(() => HAS_PROCESS_GROUPS ? Deno.kill(-this.pid, "SIGKILL") : this.#process.kill("SIGKILL"));
  }
}

function ignoreEnded(kill: () => void): void {
  try {
    kill();
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
  }
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
