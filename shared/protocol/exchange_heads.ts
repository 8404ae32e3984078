/**
 * Heads of request and response frames (protocol §4). They are read for every relayed request, so they are checked by hand.
 *
 * @module
 */

import type { HeaderLine, HeaderLines } from "../http/message.ts";
import type { CancelReason, GoAwayReason, Reconnect } from "./frame.ts";
import { ProtocolError } from "./protocol_error.ts";

/** What counts of an error's message, in characters: it goes into logs and answers, and has to fit into a frame. */
export const MAX_ERROR_MESSAGE_LENGTH = 1000;

/** The head of a request frame. */
export interface RequestHead {
  readonly requestId: string;
  readonly method: string;
  readonly target: string;
  readonly path: string;
  readonly headers: HeaderLines;
  readonly length?: number | undefined;
  readonly credit?: number | undefined;
  readonly acknowledge?: boolean | undefined;
  readonly trace?: boolean | undefined;
  readonly expiresInMs?: number | undefined;
  readonly upgrade?: "websocket" | undefined;
  readonly tenantId?: string | undefined;
  /** Whether the body is fetched by HTTP. */
  readonly http?: boolean | undefined;
  /** Between servers: set when it is no request for a target. */
  readonly service?: string | undefined;
}

/** Which connection of another server brought a response. */
export interface ServingConnection {
  /** UUID. */
  readonly id: string;
  readonly machineName: string;
  readonly version: string;
}

/** When a traced target was called, and how long it took to answer. */
export interface TargetTrace {
  /** RFC 3339. */
  readonly targetStart: string;
  readonly targetDurationMs: number;
}

/** The head of a response frame. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: HeaderLines;
  readonly length?: number | undefined;
  readonly trace?: TargetTrace | undefined;
  /** How long the target took until its head, in milliseconds. */
  readonly targetMs?: number | undefined;
  readonly connection?: ServingConnection | undefined;
  /** Whether the body is posted by HTTP. */
  readonly http?: boolean | undefined;
}

type Head = Record<string, unknown>;

/** @throws {ProtocolError} `malformed_head` naming the member that is wrong. */
export function readRequestHead(head: Head): RequestHead {
  return {
    requestId: readText(head, "requestId"),
    method: readText(head, "method"),
    target: readText(head, "target"),
    path: readText(head, "path"),
    headers: readHeaders(head),
    length: readCount(head, "length"),
    credit: readCount(head, "credit"),
    acknowledge: head["acknowledge"] === true,
    trace: head["trace"] === true,
    expiresInMs: readCount(head, "expiresInMs"),
    upgrade: head["upgrade"] === "websocket" ? "websocket" : undefined,
    tenantId: head["tenantId"] === undefined ? undefined : readText(head, "tenantId"),
    http: head["http"] === true,
    service: head["service"] === undefined ? undefined : readText(head, "service"),
  };
}

/** Whether a value is the status of a final response. */
export function isStatus(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 200 && value <= 599;
}

/**
 * @param isUpgrade Whether a WebSocket was asked for, so that 101 may come.
 * @throws {ProtocolError} `malformed_head` naming the member that is wrong.
 */
export function readResponseHead(head: Head, isUpgrade = false): ResponseHead {
  const status = head["status"];
  if (!isStatus(status) && !(isUpgrade && status === 101)) throw malformed("status");
  return {
    status,
    headers: readHeaders(head),
    length: readCount(head, "length"),
    trace: readTrace(head["trace"]),
    targetMs: readDuration(head, "targetMs"),
    connection: readConnection(head["connection"]),
    http: head["http"] === true,
  };
}

/** Reads the reason of a cancel frame; an unknown one from a newer peer is `internal`. */
export function readCancelReason(head: Head): CancelReason {
  const reason = head["reason"];
  return reason === "client_gone" || reason === "expired" || reason === "target_broken" || reason === "draining"
    ? reason
    : "internal";
}

/** Reads a go-away frame; unknown values from a newer peer become the harmless ones. */
export function readGoAway(head: Head): { reason: GoAwayReason; reconnect: Reconnect } {
  const { reason, reconnect } = head;
  return {
    reason: reason === "authentication_failed" || reason === "tenant_disabled" || reason === "disconnected" ||
        reason === "shutdown"
      ? reason
      : "draining",
    reconnect: reconnect === "now" || reconnect === "never" ? reconnect : "later",
  };
}

function readTrace(value: unknown): TargetTrace | undefined {
  if (value === undefined) return undefined;
  const { targetStart, targetDurationMs } = (typeof value === "object" && value !== null ? value : {}) as Head;
  if (typeof targetStart !== "string" || typeof targetDurationMs !== "number") throw malformed("trace");
  return { targetStart, targetDurationMs };
}

function readDuration(head: Head, name: string): number | undefined {
  const value = head[name];
  if (value === undefined) return undefined;
  if (typeof value !== "number" || value < 0) throw malformed(name);
  return value;
}

function readConnection(value: unknown): ServingConnection | undefined {
  if (value === undefined) return undefined;
  const connection = (typeof value === "object" && value !== null ? value : {}) as Head;
  return {
    id: readText(connection, "id"),
    machineName: readText(connection, "machineName"),
    version: readText(connection, "version"),
  };
}

function readHeaders(head: Head): HeaderLines {
  const headers = head["headers"];
  if (!Array.isArray(headers)) throw malformed("headers");
  for (const line of headers as unknown[]) {
    if (!Array.isArray(line) || line.length !== 2 || typeof line[0] !== "string" || typeof line[1] !== "string") {
      throw malformed("headers");
    }
  }
  return headers as HeaderLine[];
}

function readText(head: Head, name: string): string {
  const value = head[name];
  if (typeof value !== "string") throw malformed(name);
  return value;
}

function readCount(head: Head, name: string): number | undefined {
  const value = head[name];
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw malformed(name);
  return value;
}

function malformed(name: string): ProtocolError {
  return new ProtocolError("malformed_head", `The head of a message is wrong at "${name}"`);
}
