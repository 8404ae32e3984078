/**
 * `/management/events`: what happens, as server-sent events.
 *
 * @module
 */

import { z } from "@hono/zod-openapi";
import { type EventHub, MANAGEMENT_EVENT_TYPES, type Watched, type Watcher } from "../event_hub.ts";
import { ManagementError } from "../management_error.ts";
import { tenantNameSchema } from "../tenant_document.ts";
import type { TenantService } from "../tenant_service.ts";
import type { Api, ApiBasics, Caller } from "./environment.ts";
import { describeRoute } from "./route.ts";

const HEARTBEAT_MS = 15_000;
/** How long a client should wait before it connects again, in milliseconds. */
const RETRY_MS = 2_000;

/** What the routes work with. */
export interface EventRoutesParts extends ApiBasics {
  readonly events: EventHub;
  readonly tenants: Pick<TenantService, "get">;
  /** Time between signs of life, in milliseconds; after each it is asked whether the credentials still count. */
  readonly heartbeatMs?: number;
}

const typesSchema = z.string().max(500).transform((text) => text.split(",")).pipe(
  z.array(z.enum(MANAGEMENT_EVENT_TYPES)),
);

const encoder = new TextEncoder();

/** Adds the routes. */
export function addEventRoutes(api: Api, parts: EventRoutesParts): void {
  const { credentials, events, tenants, heartbeatMs = HEARTBEAT_MS } = parts;
  const route = describeRoute({
    method: "get",
    path: "/management/events",
    tags: ["Events"],
    summary: "Watch what happens at this origin, as server-sent events",
    description: "An event `lost` says that the client missed some, because it was too slow or away for too long: " +
      "read again what matters. There is a comment every 15 seconds as a sign of life.",
    request: {
      query: z.strictObject({
        types: typesSchema.optional().meta({
          description: `Only these, separated by commas: ${MANAGEMENT_EVENT_TYPES.join(", ")}; all unless given.`,
          example: "tenantOnline,tenantOffline",
        }),
        tenant: tenantNameSchema.optional().meta({ description: "Only events about this tenant." }),
      }),
      headers: z.object({
        "last-event-id": z.string().max(200).optional().meta({ description: "Go on after this event." }),
      }),
    },
    responses: {
      200: { description: "The events.", content: { "text/event-stream": { schema: z.string() } } },
    },
  }, { role: "reader", credentials, refusals: [404] });
  api.openapi(route, async (context) => {
    const { types, tenant } = context.req.valid("query");
    const tenantId = tenant === undefined ? undefined : (await tenants.get(tenant)).id;
    const headers = { "Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no" };
    if (context.req.method === "HEAD") return context.body(null, 200, headers);
    const watcher = events.watch({ types, tenantId, afterId: context.req.valid("header")["last-event-id"] });
    if (watcher === undefined) {
      throw new ManagementError("overloaded", "Cannot send events: too many clients watch, or the server stops");
    }
    return context.body(eventStream(watcher, { caller: context.get("caller"), heartbeatMs }), 200, headers);
  });
}

/** Reads an event only when the client has taken the one before, so that what it does not take stays in the watcher's bounded buffer. */
function eventStream(
  watcher: Watcher,
  { caller, heartbeatMs }: { readonly caller: Caller; readonly heartbeatMs: number },
): ReadableStream<Uint8Array> {
  let checkedAtMs = performance.now();
  let isPulling = false;
  const isDue = () => performance.now() - checkedAtMs >= heartbeatMs;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(encoder.encode(`retry: ${RETRY_MS}\n\n`));
      watcher.ended.then(() => {
        // A client that does not read must not keep the listener from closing: its connection breaks off.
        if (!isPulling) controller.error(new Error("Cannot end events: the client does not read them"));
      });
    },
    async pull(controller) {
      isPulling = true;
      const watched = await watcher.next(heartbeatMs);
      if (isDue()) {
        if (!await isStillKnown(caller)) watcher[Symbol.dispose]();
        checkedAtMs = performance.now();
      }
      if (watcher.isEnded) return controller.close();
      isPulling = false;
      controller.enqueue(encoder.encode(watched === undefined ? ": still here\n\n" : format(watched)));
    },
    cancel() {
      watcher[Symbol.dispose]();
    },
  }, { highWaterMark: 0 });
}

/** Without the database nobody can tell, and what is open stays. */
async function isStillKnown(caller: Caller): Promise<boolean> {
  return await caller.isStillKnown().catch(() => true);
}

function format(watched: Watched): string {
  if ("lost" in watched) return `event: lost\ndata: ${JSON.stringify({ count: watched.lost ?? null })}\n\n`;
  const { id, type, data } = watched.event;
  const idLine = id === undefined ? "" : `id: ${id}\n`;
  return `${idLine}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}
