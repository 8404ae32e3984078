/**
 * Pings of connectors and targets.
 *
 * @module
 */

import { z } from "zod";
import type { ConnectionDirectory } from "../connection_service.ts";
import type { Store } from "../store.ts";
import { requireTenant } from "../tenant_service.ts";
import { targetNameSchema } from "./recording_document.ts";
import { targetPathSchema } from "./sent_request.ts";
import type { Sending, TryService } from "./try_service.ts";

/** How long a connector may take, in milliseconds. */
const TIMEOUT_MS = 5_000;

/** What is to be pinged. */
export const pingSchema = z.strictObject({
  target: targetNameSchema.optional().meta({ description: "A target that is pinged besides the connectors." }),
  path: targetPathSchema.optional().meta({ description: "Where it is asked; / unless given." }),
}).meta({ id: "PingRequest" });

/** What is to be pinged. */
export type PingInput = z.output<typeof pingSchema>;

/** How long it took, as it is shown. */
export const pingDocumentSchema = z.object({
  connections: z.array(z.object({
    id: z.guid(),
    machineName: z.string(),
    roundTripMs: z.number().nullable().meta({ description: "Null when nothing came back within five seconds." }),
  })),
  target: z.object({
    requestId: z.guid(),
    status: z.int(),
    errorCode: z.string().nullable().meta({ description: "Why the target could not be reached." }),
    targetMs: z.number().nullable(),
    totalMs: z.number(),
  }).nullable(),
}).meta({ id: "Ping" });

/** How long it took, as it is shown. */
export type PingDocument = z.output<typeof pingDocumentSchema>;

/** What {@link PingService} works with. */
export interface PingServiceParts {
  readonly store: Store;
  readonly directory: ConnectionDirectory;
  readonly tries: TryService;
}

/** Pings. */
export class PingService {
  readonly #parts: PingServiceParts;

  constructor(parts: PingServiceParts) {
    this.#parts = parts;
  }

  /** Pings the connectors of a tenant at this origin, and then a target if one is named. @throws {ManagementError} `tenant_unknown`. */
  async ping(
    tenantName: string,
    { input, ...sending }: { readonly input: PingInput } & Sending,
  ): Promise<PingDocument> {
    const { store, directory } = this.#parts;
    const tenant = await requireTenant(store, tenantName);
    const listed = await directory.list(tenant.id);
    const connections = await Promise.all(
      listed.map(async ({ id, machineName }) => {
        const roundTripMs = await directory.ping(tenant.id, id, { timeoutMs: TIMEOUT_MS }) ?? null;
        return { id, machineName, roundTripMs };
      }),
    );
    const { target, path } = input;
    return {
      connections,
      target: target === undefined ? null : await this.#pingTarget(tenantName, { target, path }, sending),
    };
  }

  async #pingTarget(
    tenantName: string,
    { target, path = "/" }: { readonly target: string; readonly path: string | undefined },
    sending: Sending,
  ): Promise<NonNullable<PingDocument["target"]>> {
    const input = { target, path, method: "HEAD", headers: [], body: null };
    const { requestId, response, errorCode, times } = await this.#parts.tries.send(tenantName, { input, ...sending });
    return { requestId, status: response.status, errorCode, targetMs: times.targetMs, totalMs: times.totalMs };
  }
}
