/**
 * Who may do what.
 *
 * @module
 */

import { type Role, ROLES } from "../persistence/mod.ts";
import { ManagementError } from "./management_error.ts";

/** Whether a role includes what another one may do. */
export function includesRole(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

/** @throws {ManagementError} `access_denied` when a role does not include the needed one. */
export function requireRole(role: Role, needed: Role): void {
  if (includesRole(role, needed)) return;
  throw new ManagementError("access_denied", `Cannot do this with the role ${role}: it takes the role ${needed}`);
}
