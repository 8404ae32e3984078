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
  /** UUID of the origin that delivers it. */
  readonly originId: string;
  readonly tokens: Pick<AcknowledgeTokens, "urlFor">;
}

/** The request as its target is to see it, but for how often it may have been delivered. */
export function present(request: StoredRequest, { body, originId, tokens }: Presentation): RelayRequest {
  const { id, tenantId, mode, method, target, path, isTraced, acknowledgeBase } = request;
  const headers: HeaderLine[] = [...request.headers, ["RelayServer-RequestId", id]];
  if (isTraced) headers.push(["RelayServer-RequestOriginId", originId]);
  if (mode === "manual") {
    const url = tokens.urlFor({ tenantId, requestId: id }, { base: acknowledgeBase, originId });
    headers.push(["RelayServer-AcknowledgeUrl", url]);
  }
  return { requestId: id, method, target, path, headers, body };
}
