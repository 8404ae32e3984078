/**
 * The built-in target that tells that the tunnel works up to the connector, and nothing about the machine it runs on.
 *
 * @module
 */

import type { RelayRequest, RelayResponse } from "../../shared/http/message.ts";
import { isStreamBody } from "../../shared/http/message.ts";
import { refuseUpgrade, type Target } from "./target.ts";

/** Answers every request with 200 and a JSON document: `status`, `target`, `requestId`, `time`. */
export class PingTarget implements Target {
  /** {@inheritDoc Target.handle} */
  async handle(request: RelayRequest): Promise<RelayResponse> {
    refuseUpgrade(request);
    if (isStreamBody(request.body)) await request.body.stream.cancel();
    const { target, requestId } = request;
    const document = { status: "ok", target, requestId, time: new Date().toISOString() };
    const body = new TextEncoder().encode(JSON.stringify(document));
    return {
      status: 200,
      headers: [
        ["Content-Type", "application/json"],
        ["Content-Length", String(body.byteLength)],
        ["Cache-Control", "no-store"],
      ],
      body: request.method === "HEAD" ? null : body,
    };
  }
}
