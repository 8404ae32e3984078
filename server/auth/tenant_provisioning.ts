/**
 * Makes tenants of the clients of an authority, as RelayServer v3 does with `EnableAutomaticTenantCreation`: a connector's valid token makes
 * the tenant that it names, and keeps its display name and description what the authority says they are.
 *
 * @module
 */

import { getLogger } from "../../shared/log/mod.ts";
import { type Actor, type NewAuditEntry, PersistenceError, type Tenant } from "../persistence/mod.ts";

const LONGEST_DISPLAY_NAME = 200;
const LONGEST_DESCRIPTION = 4_000;
const ACTOR: Actor = { kind: "system", id: "authority", name: "automatic tenant creation", clientAddress: null };

const logger = getLogger("auth");

/** What an authority says of a tenant. */
export interface ClaimedTenant {
  readonly name: string;
  /** The claim `client_name`. */
  readonly displayName: string | undefined;
  /** The claim `client_description`. */
  readonly description: string | undefined;
}

type Described = Partial<Pick<Tenant, "displayName" | "description">>;

/** What is written together. */
export interface ProvisioningWork {
  readonly tenants: {
    /** @throws {PersistenceError} `name_taken` when there is a tenant of that name. */
    insert(name: string, settings: Described): Promise<Tenant>;
    update(id: string, settings: Described): Promise<Tenant | undefined>;
  };
  readonly audit: { insert(entry: NewAuditEntry): Promise<unknown> };
}

/** Where tenants are kept. */
export interface ProvisioningStore {
  findByName(name: string): Promise<Tenant | undefined>;
  /** Runs a change whole or not at all. */
  transaction<T>(work: (work: ProvisioningWork) => Promise<T>): Promise<T>;
}

/** What {@link TenantProvisioning} works with. */
export interface TenantProvisioningOptions {
  readonly store: ProvisioningStore;
  /** Told after a tenant was made or changed. */
  readonly changed: (tenantId: string) => void;
}

/** Makes tenants and keeps their descriptions. */
export class TenantProvisioning {
  readonly #options: TenantProvisioningOptions;

  constructor(options: TenantProvisioningOptions) {
    this.#options = options;
  }

  /** The tenant, as the authority describes it. Several servers may be asked for the same one at once. */
  async findByClaims(claimed: ClaimedTenant): Promise<Tenant> {
    const { store } = this.#options;
    const tenant = await store.findByName(claimed.name) ?? await this.#create(claimed);
    const changes = changesOf(tenant, claimed);
    return changes === undefined ? tenant : await this.#change(tenant, changes);
  }

  async #create(claimed: ClaimedTenant): Promise<Tenant> {
    const { store, changed } = this.#options;
    try {
      const tenant = await store.transaction(async ({ tenants, audit }) => {
        const settings = describe(claimed);
        const tenant = await tenants.insert(claimed.name, settings);
        await audit.insert({
          ...entryOf("tenant.create", tenant),
          before: null,
          after: { name: tenant.name, ...settings },
        });
        return tenant;
      });
      logger.info("Made the tenant {tenant} for a connector of the authority", { tenant: tenant.name });
      changed(tenant.id);
      return tenant;
    } catch (error) {
      if (!(error instanceof PersistenceError && error.code === "name_taken")) throw error;
      // Another connector of the same tenant was faster.
      const tenant = await store.findByName(claimed.name);
      if (tenant === undefined) throw error;
      return tenant;
    }
  }

  async #change(tenant: Tenant, changes: Described): Promise<Tenant> {
    const { store, changed } = this.#options;
    const before = Object.fromEntries(Object.keys(changes).map((key) => [key, tenant[key as keyof Described]]));
    const updated = await store.transaction(async ({ tenants, audit }) => {
      const updated = await tenants.update(tenant.id, changes);
      if (updated !== undefined) await audit.insert({ ...entryOf("tenant.update", tenant), before, after: changes });
      return updated;
    });
    changed(tenant.id);
    return updated ?? tenant;
  }
}

function entryOf(action: string, { id, name }: Tenant): Pick<NewAuditEntry, "actor" | "action" | "subject"> {
  return { actor: ACTOR, action, subject: { kind: "tenant", id, name } };
}

/** A claim that is missing changes nothing. */
function changesOf(tenant: Tenant, claimed: ClaimedTenant): Described | undefined {
  const { displayName, description } = describe(claimed);
  const changes: Described = {
    ...(displayName === undefined || displayName === tenant.displayName ? {} : { displayName }),
    ...(description === undefined || description === tenant.description ? {} : { description }),
  };
  return Object.keys(changes).length === 0 ? undefined : changes;
}

function describe({ displayName, description }: ClaimedTenant): Described {
  return {
    ...(displayName === undefined ? {} : { displayName: cut(displayName, LONGEST_DISPLAY_NAME) }),
    ...(description === undefined ? {} : { description: cut(description, LONGEST_DESCRIPTION) }),
  };
}

/** Between characters, and without what is no text. */
function cut(text: string, length: number): string {
  return [...text.replaceAll(/[\p{ASCII}&&\p{Cc}]+/gv, " ")].slice(0, length).join("").toWellFormed();
}
