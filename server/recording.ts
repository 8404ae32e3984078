/**
 * The part of the composition root that records tenants' traffic and sends requests for those who look after it.
 *
 * @module
 */

import type { ServerConfig } from "./config/server_config.ts";
import { type Database, RecordingRepository } from "./persistence/mod.ts";
import { Recorder, RelayClient } from "./recordings/mod.ts";
import type { Relay } from "./relay/relay.ts";

/** How long the answer to a request of management may take after its head, in milliseconds. */
const BODY_TIMEOUT_MS = 10_000;

/** What recording is put together from. */
export interface RecordingParts {
  readonly config: ServerConfig;
  readonly database: Database;
  readonly isDatabaseUp: () => boolean;
  /** The relay, once there is one. */
  readonly relay: () => Relay;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
}

/** Recording, put together. */
export interface Recording {
  /** For the relay. */
  readonly recorder: Recorder;
  /** For management. */
  readonly client: RelayClient;
}

/** Puts recording together. */
export function createRecording({ config, database, isDatabaseUp, relay, now }: RecordingParts): Recording {
  const maxBodyBytes = config.recordings.maxBodySize;
  return {
    recorder: new Recorder(new RecordingRepository(database, now), {
      maxBodyBytes,
      now,
      isStoreAvailable: isDatabaseUp,
    }),
    client: new RelayClient(relay, { maxBodyBytes, bodyTimeoutMs: BODY_TIMEOUT_MS }),
  };
}
