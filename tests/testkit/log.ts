/**
 * The log of what runs in the test's own process: tests wait for its records instead of sleeping.
 *
 * @module
 */

import { configureSync, type LogRecord } from "@logtape/logtape";
import { within } from "./deadline.ts";

/** Which record. */
export interface RecordPattern {
  /** Matches the message with its placeholders, for example `/ connected from /`. */
  readonly message: RegExp;
  /** Properties it must have. */
  readonly properties?: Readonly<Record<string, unknown>>;
}

/** How to wait for a record. */
export interface WaitOptions {
  /** How many matching records there must be; 1 unless given. */
  readonly count?: number;
  readonly timeoutMs?: number;
}

/** All records since the test file was loaded. */
class TestLog {
  readonly #records: LogRecord[] = [];
  readonly #listeners = new Set<() => void>();

  constructor() {
    configureSync({
      reset: true,
      sinks: {
        test: (record) => {
          this.#records.push(record);
          this.#listeners.forEach((listener) => listener());
        },
      },
      loggers: [
        { category: [], sinks: ["test"], lowestLevel: "debug" },
        { category: ["logtape", "meta"], sinks: ["test"], lowestLevel: "error", parentSinks: "override" },
      ],
    });
  }

  /** Records so far that match. */
  find(pattern: RecordPattern): LogRecord[] {
    return this.#records.filter((record) => matches(record, pattern));
  }

  /**
   * Waits until so many records match; earlier ones count.
   *
   * @returns The last of them.
   * @throws {Error} After `timeoutMs` (10 s unless given).
   */
  async waitFor(pattern: RecordPattern, { count = 1, timeoutMs = 10_000 }: WaitOptions = {}): Promise<LogRecord> {
    const { promise, resolve } = Promise.withResolvers<LogRecord>();
    const check = () => {
      const record = this.find(pattern)[count - 1];
      if (record !== undefined) resolve(record);
    };
    this.#listeners.add(check);
    check();
    try {
      const what = `${count} log records like ${pattern.message} with ${JSON.stringify(pattern.properties ?? {})}`;
      return await within(promise, { timeoutMs, what });
    } finally {
      this.#listeners.delete(check);
    }
  }
}

/** The log of this process. */
export const testLog = new TestLog();

function matches({ rawMessage, properties }: LogRecord, pattern: RecordPattern): boolean {
  if (!pattern.message.test(String(rawMessage))) return false;
  return Object.entries(pattern.properties ?? {}).every(([name, value]) => properties[name] === value);
}
