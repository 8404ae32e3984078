/**
 * Tenants: validated, written together with their audit, and made effective.
 *
 * @module
 */

import {
  type Actor,
  isTenantName,
  type ListTenantsOptions,
  PersistenceError,
  type RemovedRequest,
  STORED_STATES,
  type Tenant,
  type TenantPage,
} from "../persistence/mod.ts";
import { record } from "./audit_trail.ts";
import { ManagementError } from "./management_error.ts";
import type { StoredRequestEvents } from "./queue_service.ts";
import type { Repositories, Store } from "./store.ts";
import { type NewTenant, settingsOf, type TenantChange, toTenantDocument } from "./tenant_document.ts";
import type { TenantEvents } from "./tenant_events.ts";

/** How often a change is made anew that met another one. */
const MAX_ATTEMPTS = 5;

/** Which versions a change may start from; any when it is absent. */
export interface ExpectedVersion {
  readonly versions?: readonly number[] | undefined;
}

/** What {@link TenantService} works with. */
export interface TenantServiceParts {
  readonly store: Store;
  readonly events: TenantEvents;
  /** Hears of stored requests that went with their tenant. */
  readonly storedRequestEvents?: Pick<StoredRequestEvents, "removed">;
}

/** Lists, makes, changes and removes tenants. */
export class TenantService {
  readonly #store: Store;
  readonly #events: TenantEvents;
  readonly #storedRequestEvents: Pick<StoredRequestEvents, "removed"> | undefined;

  constructor({ store, events, storedRequestEvents }: TenantServiceParts) {
    this.#store = store;
    this.#events = events;
    this.#storedRequestEvents = storedRequestEvents;
  }

  /** Tenants in their order. */
  list(options: ListTenantsOptions): Promise<TenantPage> {
    return this.#store.tenants.list(options);
  }

  /** @throws {ManagementError} `tenant_unknown`. */
  get(name: string): Promise<Tenant> {
    return requireTenant(this.#store, name);
  }

  /** @throws {PersistenceError} `name_taken` when there is a tenant of that name. */
  async create(input: NewTenant, actor: Actor): Promise<Tenant> {
    const tenant = await this.#store.transaction(async (repositories) => {
      const tenant = await repositories.tenants.insert(input.name, settingsOf(input));
      await record(repositories, { actor, action: "tenant.create", subject: tenant, after: toTenantDocument(tenant) });
      return tenant;
    });
    this.#events.tenantChanged(tenant.id, tenant.name);
    return tenant;
  }

  /**
   * Changes a tenant's settings.
   *
   * @throws {ManagementError} `tenant_unknown`; `version_conflict` when it is none of the expected versions; `invalid_request` when the input
   * has another name.
   */
  async update(
    name: string,
    { input, actor, versions }: { readonly input: TenantChange; readonly actor: Actor } & ExpectedVersion,
  ): Promise<Tenant> {
    const tenant = await this.#atOnce(async (repositories) => {
      const before = await requireTenant(repositories, name);
      requireVersion(before, versions);
      requireSameName(before, input);
      const after = await repositories.tenants.update(before.id, { ...settingsOf(input), version: before.version });
      if (after === undefined) throw tenantUnknown();
      await record(repositories, {
        actor,
        action: "tenant.update",
        subject: after,
        before: toTenantDocument(before),
        after: toTenantDocument(after),
      });
      return after;
    });
    this.#events.tenantChanged(tenant.id, tenant.name);
    return tenant;
  }

  /**
   * Removes a tenant and its secrets. A tenant of that name that is made later inherits nothing.
   *
   * @throws {ManagementError} `tenant_unknown`; `version_conflict` when it is none of the expected versions; `queue_not_empty` when it has
   * queued requests or dead letters, which are only removed when that is said.
   */
  async remove(
    name: string,
    { actor, versions, discardQueued = false }:
      & { readonly actor: Actor; readonly discardQueued?: boolean }
      & ExpectedVersion,
  ): Promise<void> {
    let discarded: readonly RemovedRequest[] = [];
    const removed = await this.#store.transaction(async (repositories) => {
      // Else what another origin stores in between would go with the tenant, unseen.
      const tenant = await requireLockedTenant(repositories, name);
      requireVersion(tenant, versions);
      discarded = await repositories.stored.discard(tenant.id, { states: STORED_STATES });
      if (discarded.length > 0 && !discardQueued) throw queueNotEmpty(discarded.length);
      if (!await repositories.tenants.remove(tenant.id)) throw tenantUnknown();
      await record(repositories, { actor, action: "tenant.remove", subject: tenant, before: toTenantDocument(tenant) });
      return tenant;
    });
    this.#storedRequestEvents?.removed(discarded);
    this.#events.tenantRemoved(removed.id, removed.name);
  }

  /** Between reading and writing somebody else may write: then it is read anew, and its version checked anew. */
  async #atOnce<T>(work: (repositories: Repositories) => Promise<T>): Promise<T> {
    for (let attempt = 1;; attempt++) {
      try {
        return await this.#store.transaction(work);
      } catch (error) {
        const isConflict = error instanceof PersistenceError && error.code === "version_conflict";
        if (!isConflict || attempt === MAX_ATTEMPTS) throw error;
      }
    }
  }
}

/**
 * The tenant of that name.
 *
 * @throws {ManagementError} `tenant_unknown`.
 */
export async function requireTenant({ tenants }: Pick<Repositories, "tenants">, name: string): Promise<Tenant> {
  // What no tenant can be called the database need not be asked for, nor need it be able to store it.
  const tenant = isTenantName(name) ? await tenants.findByName(name) : undefined;
  if (tenant === undefined) throw tenantUnknown();
  return tenant;
}

/**
 * The tenant of that name, which stays as it is until the transaction ends.
 *
 * @throws {ManagementError} `tenant_unknown`.
 */
export async function requireLockedTenant(
  { tenants }: Pick<Repositories, "tenants">,
  name: string,
): Promise<Tenant> {
  const tenant = isTenantName(name) ? await tenants.lockByName(name) : undefined;
  if (tenant === undefined) throw tenantUnknown();
  return tenant;
}

function requireVersion({ version }: Tenant, versions: readonly number[] | undefined): void {
  if (versions === undefined || versions.includes(version)) return;
  throw new ManagementError("version_conflict", "Cannot change tenant: somebody else has changed it in the meantime");
}

function requireSameName({ name }: Tenant, input: TenantChange): void {
  if (input.name === undefined || input.name.toLowerCase() === name.toLowerCase()) return;
  throw new ManagementError("invalid_request", "Cannot change tenant: its name never changes", {
    problems: [{ in: "body", path: "name", message: "Must be the name in the address, or absent" }],
  });
}

/** Thrown in the transaction, which takes everything back. */
function queueNotEmpty(count: number): ManagementError {
  return new ManagementError(
    "queue_not_empty",
    `Cannot remove tenant: it has ${count} queued requests and dead letters, which would be lost`,
  );
}

function tenantUnknown(): ManagementError {
  return new ManagementError("tenant_unknown", "There is no tenant of that name");
}
