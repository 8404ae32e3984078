/**
 * Runs a service until it is asked to end: drain at the first signal, close at the second.
 *
 * @module
 */

import { configureLogging, type Logger, type LoggingOptions } from "../log/mod.ts";
import type { Io } from "./io.ts";
import { EXIT } from "./run_cli.ts";

/** A service. Disposing it closes it now. */
export interface Service extends AsyncDisposable {
  /** Makes it ready; what it throws ends the program. */
  start(): Promise<void> | void;
  /** Settles when the service ended, asked or unasked. */
  readonly finished: Promise<void>;
  /** Finishes what runs, then ends. */
  drain(): Promise<void>;
}

/** Connects the loggers to a program's log, in colour where it is a terminal and the user did not object (https://no-color.org). */
export function logTo(io: Io, options: Pick<LoggingOptions, "level" | "format">): Promise<AsyncDisposable> {
  const { logStream: stream, isTerminal, env } = io;
  return configureLogging({ ...options, stream, isTerminal, isColored: isTerminal && !env.NO_COLOR });
}

/** What surrounds a service. */
export interface RunServiceOptions {
  readonly io: Io;
  /** Is told what happens. */
  readonly logger: Logger;
  /** Called when the service is ready. Signals are taken from before, so that whoever waits for this may send one. */
  onReady(): void;
  /** The exit code for what the service failed with; 1 unless given. */
  exitCodeOf?(error: unknown): number;
}

/**
 * Starts a service and waits until it has ended.
 *
 * @param service The service; it is left to the caller to dispose it.
 * @param options Its surroundings.
 * @returns The exit code: 0 after a drain, 1 (or what `exitCodeOf` says) when the service ended unasked, failed, or a second signal cut the drain short.
 * @throws What `start` throws.
 */
export async function runService(service: Service, options: RunServiceOptions): Promise<number> {
  const { io, logger, onReady } = options;
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  let isAsked = false;
  using _listener = io.onTermination(() => {
    (isAsked ? second : first).resolve();
    isAsked = true;
  });
  const start = async () => {
    await service.start();
    onReady();
  };
  const cutShort = second.promise.then(() => {
    logger.warn("Stopped at once: what still ran was cut off");
    return EXIT.failure;
  });
  const started = await Promise.race([start(), cutShort]);
  return started ?? await Promise.race([untilDrained(service, { ...options, asked: first.promise }), cutShort]);
}

async function untilDrained(
  service: Service,
  { logger, asked, exitCodeOf }: RunServiceOptions & { readonly asked: Promise<void> },
): Promise<number> {
  try {
    const ended = service.finished.then(() => "ended" as const);
    if (await Promise.race([asked, ended]) === "ended") {
      logger.fatal("Stopped without being asked to");
      return EXIT.failure;
    }
    logger.info("Draining: finishing what runs, a second signal ends at once");
    await service.drain();
    logger.info("Stopped");
    return EXIT.success;
  } catch (error) {
    logger.fatal("Stopped", { error });
    return exitCodeOf?.(error) ?? EXIT.failure;
  }
}
