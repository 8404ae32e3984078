/**
 * What all suites share: what they get, and how peers take turns.
 *
 * @module
 */

import type { Measurements } from "../measurements.ts";
import type { Peer, PeerOptions, RunningPeer } from "../peers/mod.ts";
import { readUsage, type Usage } from "../processes.ts";
import type { Targets } from "../targets/targets.ts";

/** Load before anything is measured, until the compilers of V8 have done most of their work: on a slow machine a server is a fifth slower after 3 s. */
export const WARM_UP_SECONDS = 8;

/** What a suite works with. */
export interface Bench {
  readonly targets: Targets;
  /** Removed after the run. */
  readonly folder: string;
  /** Fewer rounds and shorter ones. */
  readonly isQuick: boolean;
  readonly measurements: Measurements;
  /** Tells what happens now. */
  readonly progress: (text: string) => void;
}

/** One kind of measurement. */
export interface Suite {
  /** A word for the command line; series have it too. */
  readonly name: string;
  run(bench: Bench): Promise<void>;
}

/** How peers take turns. */
export interface Turns {
  readonly suite: string;
  readonly peers: readonly Peer[];
  readonly rounds: number;
  readonly start: Omit<PeerOptions, "folder">;
  /** Measures one peer once, in processes that were started for it. */
  readonly measure: (running: RunningPeer, peer: Peer) => Promise<void>;
}

/**
 * Lets peers take turns in fresh processes, in the opposite order every other round. A peer that fails once is left out and told of; the others go on.
 */
export async function takeTurns(bench: Bench, { suite, peers, rounds, start, measure }: Turns): Promise<void> {
  const missing = new Set<Peer>();
  for (let round = 0; round < rounds; round++) {
    for (const peer of round % 2 === 0 ? peers : peers.toReversed()) {
      if (missing.has(peer)) continue;
      bench.progress(`${suite} ${round + 1}/${rounds}: ${peer.name}`);
      try {
        await using running = await peer.start({ ...start, folder: bench.folder });
        await measure(running, peer);
      } catch (error) {
        missing.add(peer);
        const reason = error instanceof Error ? error.message : String(error);
        bench.measurements.missing.push({ suite, peer: peer.name, reason });
      }
    }
  }
}

/**
 * Does something and tells what it cost the programs of a peer.
 *
 * @returns Its result; CPU time during it, and memory after it, by program.
 */
export async function withUsage<T>(
  { programs }: Pick<RunningPeer, "programs">,
  act: () => Promise<T>,
): Promise<{ result: T; usage: readonly (readonly [name: string, usage: Usage])[] }> {
  const before = await readUsage(programs);
  const result = await act();
  const after = await readUsage(programs);
  const usage = Object.entries(after).map(([name, { cpuMs, residentBytes }]) =>
    [name, { cpuMs: cpuMs - (before[name]?.cpuMs ?? 0), residentBytes }] as const
  );
  return { result, usage };
}
