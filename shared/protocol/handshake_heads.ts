/**
 * Heads of the frames that set a connection up (protocol §3), and how they are checked. They are rare, so a schema does it.
 *
 * @module
 */

import { z } from "zod";
import { MIN_MAX_MESSAGE_BYTES } from "./frame.ts";
import { ProtocolError } from "./protocol_error.ts";

const text = z.string().max(1024);
const durationMs = z.number().int().min(1).max(24 * 60 * 60 * 1000);
const limits = z.object({ maxMessageBytes: z.number().int().min(MIN_MAX_MESSAGE_BYTES).max(2 ** 30) });

const settings = z.object({
  /** Milliseconds of silence after which the peer is dead. */
  keepAliveIntervalMs: durationMs,
  /** Bodies of known length up to this travel in one frame with their head. */
  inlineBodyLimitBytes: z.number().int().min(0).max(2 ** 30),
  /** Shortest delay before connecting again after a lost connection. */
  reconnectMinimumDelayMs: z.number().int().min(0).max(24 * 60 * 60 * 1000),
  /** Longest delay before connecting again after a lost connection. */
  reconnectMaximumDelayMs: durationMs,
  /** How long the server waits for the head of a response. */
  requestExpirationMs: durationMs.optional().catch(undefined),
  /** Bodies whose length is known and not below this go by HTTP. */
  httpBodyMinimumBytes: z.number().int().min(1).optional().catch(undefined),
});

/** What a connector serves, in hello and whenever it changes. */
const servedTargets = {
  /** Names. */
  targets: z.array(text).max(10_000),
  /** Names of those whose health check fails. */
  unhealthy: z.array(text).max(10_000).optional(),
};

const targets = z.object(servedTargets);

const hello = z.object({
  versions: z.array(z.number().int()).min(1).max(100),
  connector: z.object({ version: text, machineName: text }),
  ...servedTargets,
  limits,
  /** Whether it can fetch and post bodies by HTTP. */
  httpBodies: z.boolean().optional().catch(undefined),
});

const welcome = z.object({
  version: z.number().int(),
  server: z.object({ version: text, machineName: text, originId: text }),
  connectionId: text,
  tenantName: text,
  limits,
  settings,
});

/** What the server tells a connector, at the start and whenever it changes. */
export type ConnectionSettings = z.infer<typeof settings>;
/** What a connector serves. */
export type ServedTargets = z.infer<typeof targets>;
/** A connector's first word. */
export type Hello = z.infer<typeof hello>;
/** The server's answer to it. */
export type Welcome = z.infer<typeof welcome>;

/** @throws {ProtocolError} `malformed_head` naming the first member that is wrong. */
export const readHello = reader("hello", hello);
/** @throws {ProtocolError} `malformed_head` naming the first member that is wrong. */
export const readWelcome = reader("welcome", welcome);
/** @throws {ProtocolError} `malformed_head` naming the first member that is wrong. */
export const readSettings = reader("configure", settings);
/** @throws {ProtocolError} `malformed_head` naming the first member that is wrong. */
export const readTargets = reader("targets", targets);

function reader<T extends z.ZodType>(name: string, schema: T): (head: unknown) => z.infer<T> {
  return (head) => {
    const result = schema.safeParse(head);
    if (result.success) return result.data;
    const where = result.error.issues[0]?.path.join(".") ?? "";
    throw new ProtocolError("malformed_head", `The head of ${name} is wrong at "${where}"`, { cause: result.error });
  };
}
