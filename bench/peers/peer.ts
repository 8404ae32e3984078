/**
 * What is compared: a way from a client to a target.
 *
 * @module
 */

import type { LinkOptions } from "../link.ts";
import type { Program } from "../processes.ts";

/** Where a peer leads to, and over what. */
export interface PeerOptions {
  /** Port of the target on this machine. */
  readonly targetPort: number;
  /** Folder for whatever the peer writes; removed after the run. */
  readonly folder: string;
  /** The delayed link between its two halves; without it they meet directly. */
  readonly link?: LinkOptions;
}

/** A peer that can be used. */
export interface RunningPeer extends AsyncDisposable {
  /** Stands before the target's path; no slash at the end. */
  readonly url: string;
  /** Headers that every request needs. */
  readonly headers: Readonly<Record<string, string>>;
  /** The programs it is made of, by name. */
  readonly programs: Readonly<Record<string, Program>>;
}

/** One of the things that are compared. */
export interface Peer {
  readonly name: string;
  /**
   * Starts it in fresh processes.
   *
   * @throws {UnavailableError} When something is missing that it needs.
   */
  start(options: PeerOptions): Promise<RunningPeer>;
}
