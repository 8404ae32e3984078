/**
 * Many small requests, by `wrk`.
 *
 * @module
 */

import { join } from "node:path";
import { findTool, runTool } from "../tools.ts";

/** What `wrk` found. */
export interface WrkResult {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** What to send. */
export interface WrkOptions {
  readonly clients: number;
  /** A whole number, since `wrk` takes no other. */
  readonly seconds: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** `%d` in the URL becomes 1 to this in turn. */
  readonly paths?: number;
}

/**
 * Sends GET requests over kept connections, each client the next one as soon as it has its answer.
 *
 * @throws {Error} When a request failed: a peer that answers errors quickly must not win.
 */
export async function wrk(url: string, options: WrkOptions): Promise<WrkResult> {
  const { clients, seconds, headers = {}, paths } = options;
  const script = join(import.meta.dirname ?? "", "wrk.lua");
  const output = await runTool([
    await findTool("wrk"),
    ...["-t", "1", "-c", String(clients), "-d", `${seconds}s`, "--timeout", "10s", "-s", script],
    ...Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]),
    url,
    ...(paths === undefined ? [] : ["--", String(paths)]),
  ]);
  return parseWrk(output);
}

/**
 * Reads what `wrk.lua` printed.
 *
 * @throws {Error} When it printed nothing, or requests failed.
 */
export function parseWrk(output: string): WrkResult {
  const line = /^RESULT (\{.*\})$/m.exec(output)?.[1];
  if (line === undefined) throw new Error(`wrk printed no result: ${output.slice(-300)}`);
  const { requests, durationUs, p50Us, p99Us, errors } = JSON.parse(line) as Record<string, number>;
  const isNumber = [requests, durationUs, p50Us, p99Us, errors].every(Number.isFinite);
  if (!isNumber || requests === undefined || durationUs === undefined) throw new Error(`wrk printed ${line}`);
  if (errors !== 0 || requests === 0) throw new Error(`${errors} of ${requests} requests failed`);
  return {
    requests,
    requestsPerSecond: requests / durationUs * 1e6,
    p50Us: p50Us ?? NaN,
    p99Us: p99Us ?? NaN,
  };
}
