/**
 * Connects the loggers to a stream.
 *
 * @module
 */

import { configure, type LogRecord, reset } from "@logtape/logtape";
import type { LogFormat, LogLevel } from "./config.ts";
import { jsonFormatter } from "./json_format.ts";
import { LineWriter } from "./line_writer.ts";
import { textFormatter } from "./text_format.ts";

/** Where records go, which, and in what form. */
export interface LoggingOptions {
  /** Severity from which on records are written. */
  readonly level: LogLevel;
  /** Form of a record; without it text on a terminal, else JSON. */
  readonly format?: LogFormat | undefined;
  /** Takes the lines; it is not closed. */
  readonly stream: WritableStream<Uint8Array>;
  /** Whether the stream is a terminal. */
  readonly isTerminal?: boolean;
  /** Whether text has colours. */
  readonly isColored?: boolean;
}

/**
 * Connects all loggers of the program to a stream; a second call replaces the first.
 *
 * @returns Disposing it writes what is still buffered and disconnects the loggers.
 */
export async function configureLogging(options: LoggingOptions): Promise<AsyncDisposable> {
  const { level, stream, isTerminal = false, isColored = false } = options;
  const isText = (options.format ?? (isTerminal ? "text" : "json")) === "text";
  const showsStacks = level === "trace" || level === "debug";
  const format = isText ? textFormatter({ showsStacks, isColored }) : jsonFormatter({ showsStacks });
  const writer = new LineWriter(stream, { droppedLine: (count) => format(droppedRecord(count)) });
  await configure({
    reset: true,
    sinks: { lines: immediate((record) => writer.write(format(record))) },
    loggers: [
      { category: [], sinks: ["lines"], lowestLevel: level },
      { category: ["logtape", "meta"], sinks: ["lines"], lowestLevel: "error", parentSinks: "override" },
    ],
  });
  return {
    async [Symbol.asyncDispose]() {
      await reset();
      await writer[Symbol.asyncDispose]();
    },
  };
}

/** LogTape copies every record for its sinks, descriptor by descriptor, unless one is marked as done with it when it returns: 5 µs a line. */
function immediate(sink: (record: LogRecord) => void): (record: LogRecord) => void {
  return Object.assign(sink, { [Symbol.for("LogTape.sinkSnapshotPolicy.immediate")]: true });
}

function droppedRecord(count: number): LogRecord {
  const message = "Lines were dropped: the reader of the log is too slow";
  return {
    category: ["log"],
    level: "warning",
    message: [message],
    rawMessage: message,
    timestamp: Date.now(),
    properties: { count },
  };
}
