/**
 * The built-in target that sends a request's body back, to try a tunnel without an application.
 *
 * @module
 */

import type { RelayRequest, RelayResponse } from "../../shared/http/message.ts";
import { refuseUpgrade, type Target } from "./target.ts";

/** Answers 200 with the request's own body and `Content-Type`, as the echo target of RelayServer v3 does. */
export class EchoTarget implements Target {
  /** {@inheritDoc Target.handle} */
  async handle(request: RelayRequest): Promise<RelayResponse> {
    refuseUpgrade(request);
    return await Promise.resolve({
      status: 200,
      headers: request.headers.filter(([name]) => name.toLowerCase() === "content-type"),
      body: request.method === "HEAD" ? null : request.body,
    });
  }
}
