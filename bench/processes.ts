/**
 * Programs that the benchmarks start: output goes to a file, CPU and memory are read from the kernel, and they are stopped by their process id.
 *
 * @module
 */

import { join } from "node:path";
import { pickPorts } from "../tools/demo/ports.ts";

/** What `utime` and `stime` of `/proc/PID/stat` are counted in; Linux gives 100 a second to every program. */
const TICK_MS = 10;
const POLL_MS = 20;
const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 5_000;
/** More than 10,000 connections need. A limit below it stays as it is. */
const OPEN_FILES = 20_000;

const running = new Set<{ kill(): void }>();

/** CPU time and memory of a program and of all that it started. */
export interface Usage {
  /** User and system time since the start, in milliseconds. */
  readonly cpuMs: number;
  readonly residentBytes: number;
}

/** How a program is started. */
export interface ProgramOptions {
  /** Folder for the file with its output. */
  readonly folder: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A running program. Hold it with `await using`. */
export class Program implements AsyncDisposable {
  readonly #name: string;
  readonly #child: Deno.ChildProcess;
  readonly #logFile: string;
  #hasEnded = false;

  private constructor(name: string, child: Deno.ChildProcess, logFile: string) {
    this.#name = name;
    this.#child = child;
    this.#logFile = logFile;
    running.add(this);
    child.status.then(() => {
      this.#hasEnded = true;
      running.delete(this);
    });
  }

  /**
   * Starts a program with as many open files as it may have.
   *
   * @param command The program and its arguments.
   */
  static start(command: readonly string[], options: ProgramOptions): Program {
    const logFile = join(options.folder, `${crypto.randomUUID()}.log`);
    const script = `ulimit -n ${OPEN_FILES} 2>/dev/null; exec "$@" >"$0" 2>&1`;
    const child = new Deno.Command("sh", {
      args: ["-c", script, logFile, ...command],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { NO_COLOR: "1", ...options.env },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    return new Program(command[0] ?? "", child, logFile);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /**
   * Waits for something in the program's output.
   *
   * @throws {Error} When the program ends before, or after 20 s unless `timeoutMs` is given; with the end of its output.
   */
  async waitFor(pattern: RegExp, options: { readonly timeoutMs?: number } = {}): Promise<RegExpExecArray> {
    const found = await poll(async () => pattern.exec(await this.#output()), () => this.#hasEnded, options.timeoutMs);
    if (found !== null) return found;
    throw new Error(`${this.#name} did not print ${pattern}: ${(await this.#output()).slice(-1000)}`);
  }

  /**
   * Waits until somebody listens on a port.
   *
   * @throws {Error} When the program ends before, or after 20 s; with the end of its output.
   */
  async waitForPort(port: number): Promise<void> {
    if (await poll(() => isListening(port), () => this.#hasEnded) !== null) return;
    throw new Error(`${this.#name} does not listen on port ${port}: ${(await this.#output()).slice(-1000)}`);
  }

  /** Ends the program at once, without waiting for it. */
  kill(): void {
    this.#signal("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal("SIGTERM");
    const timer = setTimeout(() => this.kill(), STOP_TIMEOUT_MS);
    await this.#child.status;
    clearTimeout(timer);
  }

  #signal(signal: Deno.Signal): void {
    try {
      if (!this.#hasEnded) this.#child.kill(signal);
    } catch (error) {
      // It ended by itself in the meantime.
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  async #output(): Promise<string> {
    try {
      return await Deno.readTextFile(this.#logFile);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return "";
      throw error;
    }
  }
}

/** Lets {@linkcode killAll} end something that is not a {@linkcode Program}, until it is disposed of. */
export function endWithRun(kill: () => void): Disposable {
  const entry = { kill };
  running.add(entry);
  return { [Symbol.dispose]: () => void running.delete(entry) };
}

/** Ends everything that was started. For when the benchmarks themselves are ended. */
export function killAll(): void {
  for (const program of running) program.kill();
}

/** Finds a free port. Somebody else can still take it before it is used. */
export function freePort(): number {
  return pickPorts({ any: 0 }).any;
}

/**
 * Reads what programs have used so far.
 *
 * @param programs Programs by name.
 * @returns Their use under the same names; zero for one that has ended.
 */
export async function readUsage<Name extends string>(
  programs: Readonly<Record<Name, Program>>,
): Promise<Record<Name, Usage>> {
  const script = "getconf PAGESIZE; cat /proc/[0-9]*/stat 2>/dev/null";
  const { stdout } = await new Deno.Command("sh", { args: ["-c", script] }).output();
  const [pageBytes, ...lines] = new TextDecoder().decode(stdout).trim().split("\n");
  const processes = lines.map((line) => parseStat(line, Number(pageBytes)));
  const names = Object.keys(programs) as Name[];
  return Object.fromEntries(names.map((name) => [name, sumOfTree(programs[name].pid, processes)])) as Record<
    Name,
    Usage
  >;
}

interface ProcessStat extends Usage {
  readonly pid: number;
  readonly parentPid: number;
}

function parseStat(line: string, pageBytes: number): ProcessStat {
  // The second field is the program's name, in parentheses, and may contain anything.
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ").map(Number);
  const [, parentPid = 0] = fields;
  const cpuMs = ((fields[11] ?? 0) + (fields[12] ?? 0)) * TICK_MS;
  return { pid: Number.parseInt(line), parentPid, cpuMs, residentBytes: (fields[21] ?? 0) * pageBytes };
}

function sumOfTree(pid: number, processes: readonly ProcessStat[]): Usage {
  const own = processes.find((process) => process.pid === pid) ?? { cpuMs: 0, residentBytes: 0 };
  const children = processes.filter(({ parentPid }) => parentPid === pid).map((child) =>
    sumOfTree(child.pid, processes)
  );
  return [own, ...children].reduce((sum, { cpuMs, residentBytes }) => ({
    cpuMs: sum.cpuMs + cpuMs,
    residentBytes: sum.residentBytes + residentBytes,
  }), { cpuMs: 0, residentBytes: 0 });
}

async function isListening(port: number): Promise<true | null> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return null;
    throw error;
  }
}

/** Asks until there is an answer; `null` when the program has ended or the time is up. */
async function poll<T>(
  ask: () => Promise<T | null>,
  isOver: () => boolean,
  timeoutMs = START_TIMEOUT_MS,
): Promise<T | null> {
  const deadline = performance.now() + timeoutMs;
  while (true) {
    const answer = await ask();
    if (answer !== null || isOver() || performance.now() > deadline) return answer;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
