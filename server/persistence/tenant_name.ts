/**
 * The rules for names of tenants.
 *
 * @module
 */

/** 1 to 100 characters. */
const TENANT_NAME = /^[A-Za-z0-9._-]{1,100}$/;

/** Whether a value may be the name of a tenant: 1 to 100 of `[A-Za-z0-9._-]`, but neither `.` nor `..`, which are path segments. */
export function isTenantName(value: string): boolean {
  return TENANT_NAME.test(value) && value !== "." && value !== "..";
}

/** What two spellings of the same name have in common. */
export function tenantNameKey(name: string): string {
  return name.toLowerCase();
}
