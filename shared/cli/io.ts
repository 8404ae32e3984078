/**
 * What a program has from the outside: arguments aside, everything its commands read and write. Tests give their own.
 *
 * @module
 */

/** Output of commands. */
export interface Output {
  /** Writes results to standard output, as they are. */
  write(text: string): void;
  /** Writes problems to standard error, as they are. */
  writeError(text: string): void;
}

/** The surroundings of a program. */
export interface Io {
  readonly output: Output;
  readonly env: Readonly<Record<string, string>>;
  /** Takes the log of the commands that have one. */
  readonly logStream: WritableStream<Uint8Array>;
  readonly isTerminal: boolean;
  /**
   * Reads standard input to its end, as text.
   *
   * @throws {Error} When it is longer than 64 KiB.
   */
  readInput(): Promise<string>;
  /** Calls back for each request to end the program (SIGINT, SIGTERM) until the returned object is disposed. */
  onTermination(listener: () => void): Disposable;
  /**
   * Calls back for each request to read the configuration again (SIGHUP; there is none on Windows) until the object is disposed. Absent where
   * nobody can ask.
   */
  onReload?(listener: () => void): Disposable;
}

/** A Ctrl-C reaches a program under `deno task` twice: from the terminal, and passed on by the task runner. */
const REPEATED_SIGNAL_MS = 500;
const MAX_INPUT_BYTES = 64 * 1024;

/** The surroundings that the operating system gives. */
export function systemIo(): Io {
  const encoder = new TextEncoder();
  return {
    output: {
      write: (text) => writeAll(Deno.stdout, encoder.encode(text)),
      writeError: (text) => writeAll(Deno.stderr, encoder.encode(text)),
    },
    env: Deno.env.toObject(),
    logStream: Deno.stdout.writable,
    isTerminal: Deno.stdout.isTerminal(),
    readInput: () => readText(Deno.stdin.readable),
    onTermination: listenToSignals,
    onReload: listenToHangup,
  };
}

async function readText(stream: ReadableStream<Uint8Array>): Promise<string> {
  let [text, sizeBytes] = ["", 0];
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_INPUT_BYTES) throw new Error("Cannot read standard input: it is longer than 64 KiB");
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function listenToSignals(listener: () => void): Disposable {
  const signals: readonly Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT", "SIGBREAK"] : ["SIGINT", "SIGTERM"];
  let last = -Infinity;
  const onSignal = () => {
    const isRepeated = performance.now() - last < REPEATED_SIGNAL_MS;
    last = performance.now();
    if (!isRepeated) listener();
  };
  signals.forEach((signal) => Deno.addSignalListener(signal, onSignal));
  return { [Symbol.dispose]: () => signals.forEach((signal) => Deno.removeSignalListener(signal, onSignal)) };
}

function listenToHangup(listener: () => void): Disposable {
  if (Deno.build.os === "windows") return { [Symbol.dispose]() {} };
  Deno.addSignalListener("SIGHUP", listener);
  return { [Symbol.dispose]: () => Deno.removeSignalListener("SIGHUP", listener) };
}

function writeAll(file: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  try {
    for (let written = 0; written < bytes.length;) written += file.writeSync(bytes.subarray(written));
  } catch (error) {
    // Whoever read the output has read enough.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/**
 * Writes a secret that is shown only once, alone on the last line of standard output, so that a script takes it with `tail -n 1`. What
 * people should know beside it goes to standard error.
 */
export function writeSecret(output: Output, secret: string): void {
  output.writeError("This secret is shown only once:\n");
  output.write(`${secret}\n`);
}
