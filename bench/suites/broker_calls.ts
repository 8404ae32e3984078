/**
 * Programs that call each other over a broker, beside each other.
 *
 * @module
 */

import type { Calls } from "../peers/calls.ts";
import { type Bench, WARM_UP_SECONDS, withUsage } from "./suite.ts";

const IN_FLIGHT = [1, 32];
const PAIRS = 4;

/** One who calls. */
export interface Caller {
  readonly peer: string;
  readonly calls: Calls;
  /** What the load's name begins with. */
  readonly load?: string;
}

/** The load's name. */
export function callLoad(inFlight: number, load?: string): string {
  return [...(load === undefined ? [] : [load]), `${inFlight} in flight`].join(", ");
}

/** All in turn, one call at a time and 32. */
export async function measureCalls(bench: Bench, suite: string, callers: readonly Caller[]): Promise<void> {
  for (const { calls } of callers) await calls.measure({ inFlight: 32, seconds: WARM_UP_SECONDS });
  const seconds = bench.isQuick ? 1 : 2;
  for (let pair = 0; pair < PAIRS; pair++) {
    for (const { peer, calls, load } of pair % 2 === 0 ? callers : callers.toReversed()) {
      for (const inFlight of IN_FLIGHT) {
        const { result, usage } = await withUsage(calls, () => calls.measure({ inFlight, seconds }));
        const add = (metric: string, value: number) =>
          bench.measurements.add({ suite, peer, load: callLoad(inFlight, load), metric }, value);
        add("requests/s", result.requestsPerSecond);
        add("p50 µs", result.p50Us);
        for (const [program, { cpuMs }] of usage) {
          add(`CPU µs/request: ${program}`, cpuMs * 1000 / result.requests);
        }
      }
    }
  }
}
