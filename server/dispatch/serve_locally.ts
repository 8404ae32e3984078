/**
 * Passes a request of another origin on to a connection here.
 *
 * @module
 */

import type { IncomingRequest, TracedResponse } from "../../shared/protocol/exchange.ts";
import type { Connection } from "./connections.ts";

/**
 * Delivers a request as it came. Whoever sent it decides about repeats, so a lost connection is told as it is.
 *
 * @param connection One that was just picked.
 */
export async function serveLocally(request: IncomingRequest, connection: Connection): Promise<TracedResponse> {
  const { requestId, method, target, path, headers, body, signal, trace, expiresInMs, acknowledge, upgrade } = request;
  const delivery = connection.deliver(
    { requestId, method, target, path, headers, body, upgrade },
    { acknowledge: true, trace, onAcknowledged: acknowledge, ...(expiresInMs === undefined ? {} : { expiresInMs }) },
  );
  const cancel = () => delivery.cancel("client_gone");
  signal.addEventListener("abort", cancel, { once: true });
  if (signal.aborted) cancel();
  const { id, connector: { machineName, version } } = connection;
  return { ...await delivery.response, connection: { id, machineName, version } };
}
