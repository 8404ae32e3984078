/**
 * How a list of tenants can be ordered and narrowed down.
 *
 * @module
 */

import { z } from "zod";
import { type ListTenantsOptions, TENANT_ORDERS } from "../persistence/mod.ts";
import type { ConnectionService } from "./connection_service.ts";

/** What tenants can be ordered by, the last first with a minus before it. */
export const TENANT_SORTS = TENANT_ORDERS.flatMap((order) => [order, `-${order}`] as const);

/** What a tenant can be asked to be. */
export const TENANT_STATES = ["online", "enabled", "disabled"] as const;

/** The query parameters. */
export const tenantListFields = {
  sort: z.enum(TENANT_SORTS).optional().meta({
    description: "By what; the last first with a minus. By name unless given.",
  }),
  state: z.enum(TENANT_STATES).optional().meta({ description: "Only those that are; all unless given." }),
};

const tenantListSchema = z.object(tenantListFields);

/** How to order and narrow down. */
export type TenantListInput = z.output<typeof tenantListSchema>;

/** What the repository is to be asked. */
export function tenantListOptions(
  { sort = "name", state }: TenantListInput,
  connections: Pick<ConnectionService, "totals">,
): ListTenantsOptions {
  const isDescending = sort.startsWith("-");
  const order = (isDescending ? sort.slice(1) : sort) as NonNullable<ListTenantsOptions["order"]>;
  return {
    order,
    isDescending,
    ...(state === "online" ? { ids: connections.totals().tenantIds } : {}),
    ...(state === "enabled" || state === "disabled" ? { enabled: state === "enabled" } : {}),
  };
}
