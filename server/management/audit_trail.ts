/**
 * Writes changes down, in the transaction that makes them.
 *
 * @module
 */

import type { Actor } from "../persistence/mod.ts";
import type { Repositories } from "./store.ts";

/** What can be changed, and how. */
export const AUDIT_ACTIONS = [
  "tenant.create",
  "tenant.update",
  "tenant.remove",
  "secret.create",
  "secret.remove",
  "connection.close",
  "queue.remove",
  "dead_letter.remove",
  "dead_letter.resend",
  "recording.create",
  "recording.stop",
  "recording.export",
  "recording.remove",
  "request.replay",
  "request.try",
  "user.create",
  "user.update",
  "user.remove",
  "api_key.create",
  "api_key.remove",
  "session.create",
  "session.remove",
] as const;

/** One of {@link AUDIT_ACTIONS}. */
export type AuditAction = typeof AUDIT_ACTIONS[number];

/** One change. Before and after are as they are shown to people, so that no secret is among them. */
export interface Change {
  readonly actor: Actor;
  readonly action: AuditAction;
  readonly subject: { readonly id: string; readonly name: string };
  readonly before?: unknown;
  readonly after?: unknown;
}

/** Whoever uses the command line. There is no login: who can write to the database can do anything. */
export const COMMAND_ACTOR: Actor = { kind: "command", id: "command", name: "command line", clientAddress: null };

/** Writes a change down. */
export async function record(
  { audit }: Pick<Repositories, "audit">,
  { actor, action, subject, before = null, after = null }: Change,
): Promise<void> {
  const kind = action.slice(0, action.indexOf("."));
  await audit.insert({ actor, action, subject: { kind, ...subject }, before, after });
}
