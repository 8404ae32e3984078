/**
 * `/management/tenants/{name}/try` and `/ping`.
 *
 * @module
 */

import { pingDocumentSchema, pingSchema, type PingService } from "../recordings/ping_service.ts";
import { sentAnswerSchema } from "../recordings/sent_answer.ts";
import { newRequestSchema } from "../recordings/sent_request.ts";
import type { TryService } from "../recordings/try_service.ts";
import { actorOf, type Api, type ApiBasics } from "./environment.ts";
import { describeRoute, jsonAnswer, jsonBody, tenantParameter } from "./route.ts";

const TAGS = ["Try it"];

/** What the routes work with. */
export interface TryRoutesParts extends ApiBasics {
  readonly tries: TryService;
  readonly pings: PingService;
}

/** Adds the routes. */
export function addTryRoutes(api: Api, parts: TryRoutesParts): void {
  const trying = describeRoute({
    method: "post",
    path: "/management/tenants/{name}/try",
    tags: TAGS,
    summary: "Send a request to a target of a tenant",
    description: "Tells what came back and where the time went. Neither authentication nor access policy of the " +
      "tenant is in its way. Who has sent it is in the audit.",
    request: { params: tenantParameter, body: jsonBody(newRequestSchema) },
    responses: { 200: jsonAnswer("What came back, also when it is an error of the relay.", sentAnswerSchema) },
  }, { role: "writer", credentials: parts.credentials, refusals: [404] });
  api.openapi(trying, async (context) => {
    const { name } = context.req.valid("param");
    const input = context.req.valid("json");
    const sending = { actor: actorOf(context, parts), signal: context.req.raw.signal };
    return context.json(await parts.tries.send(name, { input, ...sending }), 200);
  });

  const ping = describeRoute({
    method: "post",
    path: "/management/tenants/{name}/ping",
    tags: TAGS,
    summary: "Ping the connectors of a tenant and one of its targets",
    description: "Connectors are pinged by their WebSocket, those of this server only. A target is sent HEAD.",
    request: { params: tenantParameter, body: jsonBody(pingSchema) },
    responses: { 200: jsonAnswer("How long it took.", pingDocumentSchema) },
  }, { role: "writer", credentials: parts.credentials, refusals: [404] });
  api.openapi(ping, async (context) => {
    const input = context.req.valid("json");
    const sending = { actor: actorOf(context, parts), signal: context.req.raw.signal };
    return context.json(await parts.pings.ping(context.req.valid("param").name, { input, ...sending }), 200);
  });
}
