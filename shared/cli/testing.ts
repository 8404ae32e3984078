/**
 * Surroundings for tests of commands: what they write is kept, signals are given by the test.
 *
 * @module
 */

import type { Io } from "./io.ts";

/** {@link Io} with what was written and a way to ask for the end. */
export interface TestIo extends Io {
  /** Everything written to standard output. */
  readonly out: () => string;
  /** Everything written to standard error. */
  readonly err: () => string;
  /** Everything logged. */
  readonly log: () => string;
  /** Resolves once the program waits for a signal. */
  readonly waitsForSignal: Promise<void>;
  /** Asks the program to end, as a signal does. */
  terminate(): void;
  /** Asks the program to read its configuration again, as a signal does. */
  hangUp(): void;
}

/** Makes surroundings with an environment and what is typed. */
export function testIo(env: Readonly<Record<string, string>> = {}, input = ""): TestIo {
  const written = { out: "", err: "", log: "" };
  const waiting = Promise.withResolvers<void>();
  const listeners = new Set<() => void>();
  const reloadListeners = new Set<() => void>();
  const decoder = new TextDecoder();
  return {
    env,
    isTerminal: false,
    readInput: () => Promise.resolve(input),
    output: { write: (text) => void (written.out += text), writeError: (text) => void (written.err += text) },
    logStream: new WritableStream({ write: (bytes) => void (written.log += decoder.decode(bytes, { stream: true })) }),
    onTermination(listener) {
      listeners.add(listener);
      waiting.resolve();
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    onReload(listener) {
      reloadListeners.add(listener);
      return { [Symbol.dispose]: () => void reloadListeners.delete(listener) };
    },
    waitsForSignal: waiting.promise,
    out: () => written.out,
    err: () => written.err,
    log: () => written.log,
    terminate: () => listeners.forEach((listener) => listener()),
    hangUp: () => reloadListeners.forEach((listener) => listener()),
  };
}
