/**
 * Tracing headers, named as in RelayServer v3.
 *
 * @module
 */

import type { HeaderLine } from "../../shared/http/message.ts";
import { formatTimeSpan } from "../../shared/time/duration.ts";
import type { DispatchedResponse } from "../dispatch/pending_request.ts";

/** Who this server is. */
export interface ServerFacts {
  /** UUID, new at every start. */
  readonly originId: string;
  readonly version: string;
  readonly machineName: string;
}

/** What the target of a traced request gets. */
export function targetTracing(requestId: string, server: ServerFacts): HeaderLine[] {
  return [["RelayServer-RequestId", requestId], ["RelayServer-RequestOriginId", server.originId]];
}

/** What the client of a traced request gets. */
export function clientTracing(
  requestId: string,
  server: ServerFacts,
  { connection, trace }: DispatchedResponse,
): HeaderLine[] {
  const headers: HeaderLine[] = [
    ["RelayServer-RequestId", requestId],
    ["RelayServer-RequestOriginId", server.originId],
    ["RelayServer-AcknowledgeOriginId", server.originId],
    ["RelayServer-Server-MachineName", server.machineName],
    ["RelayServer-Server-Version", server.version],
    ["RelayServer-Connector-MachineName", headerText(connection.connector.machineName)],
    ["RelayServer-Connector-Version", headerText(connection.connector.version)],
  ];
  if (trace !== undefined) {
    headers.push(["RelayServer-TargetStart", headerText(trace.targetStart)]);
    headers.push(["RelayServer-TargetDuration", formatTimeSpan(trace.targetDurationMs)]);
  }
  return headers;
}

/** A connector's words about itself, without what a header cannot carry. */
function headerText(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?");
}
