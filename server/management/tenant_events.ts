/**
 * Who hears of changes, so that they take effect on what is connected now.
 *
 * @module
 */

/** Told after a change was committed. Implementations must not throw; what they start, they finish by themselves. */
export interface TenantEvents {
  /** A tenant was made, or its settings changed. */
  tenantChanged(tenantId: string, tenantName: string): void;
  /** A tenant and all that belonged to it is gone. */
  tenantRemoved(tenantId: string, tenantName: string): void;
  /** Who authenticated with this secret may stay no longer. */
  secretRemoved(tenantId: string, secretId: string): void;
}

/** Tells several in their order. */
export function tellAll(listeners: readonly TenantEvents[]): TenantEvents {
  return {
    tenantChanged: (...change) => listeners.forEach((listener) => listener.tenantChanged(...change)),
    tenantRemoved: (...change) => listeners.forEach((listener) => listener.tenantRemoved(...change)),
    secretRemoved: (...change) => listeners.forEach((listener) => listener.secretRemoved(...change)),
  };
}
