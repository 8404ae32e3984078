/**
 * Who uses management.
 *
 * @module
 */

import type { Role } from "../persistence/mod.ts";

/** A person or a program that may use management. */
export interface Principal {
  readonly kind: "user" | "api_key";
  /** UUID. */
  readonly id: string;
  readonly name: string;
  readonly role: Role;
}
