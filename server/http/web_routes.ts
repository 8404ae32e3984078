/**
 * Lets Hono applications answer requests of a listener.
 *
 * @module
 */

import type { Hono } from "hono";
import { RelayError } from "../../shared/errors/relay_error.ts";
import type { RelayResponse } from "../../shared/http/message.ts";
import { getLogger } from "../../shared/log/mod.ts";
import type { ListenerRequest } from "../listener/listener.ts";
import { PersistenceError } from "../persistence/mod.ts";
import { answerFailure } from "../relay/failure.ts";

const logger = getLogger("server");

/** What a route sees of its request besides the web standard one, as Hono's `env`. */
export interface WebBindings {
  readonly incoming: ListenerRequest;
}

/** A Hono application on a listener. */
export type WebRoutes = Hono<{ Bindings: WebBindings }>;

/** Gives all routes of an application the relay's own answers for what is not found or fails. */
export function withProblemDocuments(app: WebRoutes): WebRoutes {
  app.notFound(() => toResponse(new RelayError("not_found", "There is nothing at this address")));
  app.onError((error) => {
    logger.error("A request failed: {error}", { error });
    if (error instanceof PersistenceError && error.code === "database_unavailable") {
      return toResponse(new RelayError("transport_unavailable", "The database is unavailable", { cause: error }));
    }
    return toResponse(new RelayError("internal_error", "The server failed to answer", { cause: error }));
  });
  return app;
}

/** Has an application answer a request. */
export async function answerByRoutes(app: WebRoutes, incoming: ListenerRequest): Promise<RelayResponse> {
  const response = await app.fetch(incoming.toRequest(), { incoming });
  const { status, headers, body } = response;
  return { status, headers: [...headers], body: body === null ? null : { stream: body } };
}

/** A middleware that lets nobody pass. */
export function refuseUnauthenticated(): Promise<Response> {
  return Promise.resolve(toResponse(new RelayError("authentication_required", "Who asks is not known")));
}

/** Answers with a problem document of a status that no code of the relay has. */
export function problemResponse({ status, detail }: { readonly status: 403 | 410; readonly detail: string }): Response {
  const code = status === 403 ? "access_denied" : "gone";
  const title = status === 403 ? "Access denied" : "Gone";
  return new Response(JSON.stringify({ type: "about:blank", title, status, detail, code }), {
    status,
    headers: { "Content-Type": "application/problem+json", "Cache-Control": "no-store", "RelayServer-Error": code },
  });
}

function toResponse(error: RelayError): Response {
  const { status, headers, body } = answerFailure(error);
  return new Response(body as Uint8Array<ArrayBuffer>, { status, headers: headers as [string, string][] });
}
