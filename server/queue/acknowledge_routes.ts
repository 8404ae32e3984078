/**
 * `POST /acknowledge/{originId}/{requestId}?token=...`: a target says that it is done with a request.
 *
 * @module
 */

import { Hono } from "hono";
import type { StoredRequests } from "./stored_requests.ts";

const STATUS = { done: 204, wrong: 403, gone: 410 } as const;
const DETAIL = {
  wrong: "The token is not that of this request",
  gone: "The request is acknowledged already, or was given up",
} as const;

/** How the routes answer when they refuse. */
export type AnswerProblem = (problem: { readonly status: 403 | 410; readonly detail: string }) => Response;

/** Makes the routes. Which origin is named in the address does not matter: all of them can tell. */
export function createAcknowledgeRoutes(requests: Pick<StoredRequests, "acknowledge">, answer: AnswerProblem): Hono {
  const routes = new Hono();
  routes.post("/acknowledge/:originId/:requestId", async (context) => {
    const token = context.req.query("token") ?? "";
    const result = await requests.acknowledge(context.req.param("requestId"), token);
    if (result === "done") return context.body(null, STATUS.done, { "Cache-Control": "no-store" });
    return answer({ status: STATUS[result], detail: DETAIL[result] });
  });
  return routes;
}
