/**
 * Connectors of RelayServer v3 speak SignalR, which begins with `POST /connector/negotiate`. They find this server by the discovery document and
 * get a token, so it must be said clearly why they get no further.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { getLogger } from "../../shared/log/mod.ts";
import { SUB_PROTOCOL } from "../../shared/protocol/frame.ts";

const logger = getLogger("connectors");
const NEGOTIATE_TARGET = /^\/connector\/negotiate(?:\?|$)/;
/** Such a connector tries again every few seconds, for ever: one line a minute is enough for all of them. */
const LOG_INTERVAL_MS = 60_000;

/** Tells v3 connectors that they are too old. */
export class V3Knock {
  readonly #now: () => number;
  #loggedAtMs = -Infinity;
  #unlogged = 0;

  /** @param now The time in milliseconds. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Whether a request is the beginning of SignalR. */
  covers(target: string): boolean {
    return NEGOTIATE_TARGET.test(target);
  }

  /** What such a request is answered with. Also writes a line into the log, unless there was one within the last minute. */
  refusal(peerAddress: string): RelayError {
    const nowMs = this.#now();
    if (nowMs - this.#loggedAtMs >= LOG_INTERVAL_MS) {
      logger.warn(
        "A connector of RelayServer v3 at {peerAddress} cannot connect: it speaks SignalR. Replace it; {others} more tries since the last line",
        { peerAddress, others: this.#unlogged },
      );
      this.#loggedAtMs = nowMs;
      this.#unlogged = 0;
    } else this.#unlogged++;
    return new RelayError(
      "invalid_request",
      `This server speaks ${SUB_PROTOCOL} with connectors, over a WebSocket at /connector, and not the SignalR protocol of RelayServer v3: ` +
        "replace the connector by one of this version",
    );
  }
}
