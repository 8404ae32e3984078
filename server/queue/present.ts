/**
 * A stored request as its target sees it.
 *
 * @module
 */

import type { Body, HeaderLine, RelayRequest } from "../../shared/http/message.ts";
import type { StoredRequest } from "../persistence/mod.ts";
import type { AcknowledgeTokens } from "./acknowledge_tokens.ts";

/** What may differ between the deliveries of a request. */
export interface Presentation {
  readonly body: Body;
  /** Deliveries, this one included. */
  readonly attempts: number;
  /** UUID of the origin that delivers it. */
  readonly originId: string;
  readonly tokens: Pick<AcknowledgeTokens, "urlFor">;
}

/** The request as its target is to see it this time, with the headers about delivery. */
export function present(request: StoredRequest, { body, attempts, originId, tokens }: Presentation): RelayRequest {
  const { id, tenantId, mode, method, target, path, isTraced, acknowledgeBase } = request;
  const headers: HeaderLine[] = [...request.headers, ["RelayServer-RequestId", id]];
  if (isTraced) headers.push(["RelayServer-RequestOriginId", originId]);
  if (attempts > 1) headers.push(["RelayServer-Redelivered", String(attempts - 1)]);
  if (mode === "manual") {
    const url = tokens.urlFor({ tenantId, requestId: id }, { base: acknowledgeBase, originId });
    headers.push(["RelayServer-AcknowledgeUrl", url]);
  }
  return { requestId: id, method, target, path, headers, body };
}
