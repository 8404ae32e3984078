/**
 * Secrets of tenants: made, listed without their values, removed at once.
 *
 * @module
 */

import { z } from "zod";
import { generateSecret, hashSecret } from "../auth/mod.ts";
import { type Actor, type Secret, SECRET_USES } from "../persistence/mod.ts";
import { record } from "./audit_trail.ts";
import { futureSchema } from "./input.ts";
import { ManagementError } from "./management_error.ts";
import type { Store } from "./store.ts";
import type { TenantEvents } from "./tenant_events.ts";
import { requireLockedTenant, requireTenant } from "./tenant_service.ts";

/** Schema of what is said about a new secret. */
export const newSecretSchema = z.strictObject({
  use: z.enum(SECRET_USES).default("connector").meta({
    description: "Who is to use it; also the scope of the tokens it gets.",
  }),
  expiration: futureSchema.nullish().meta({ description: "Until when it is valid; for ever unless given." }),
}).meta({ id: "NewSecret" });

/** What is said about a new secret. */
export type NewSecretInput = z.output<typeof newSecretSchema>;

/** A secret as it is shown. */
export const secretDocumentSchema = z.object({
  id: z.guid(),
  use: z.enum(SECRET_USES),
  created: z.iso.datetime(),
  expiration: z.iso.datetime().nullable(),
  lastUsed: z.iso.datetime().nullable().meta({ description: "A minute exact." }),
}).meta({ id: "Secret" });

/** A secret as it is shown. */
export type SecretDocument = z.output<typeof secretDocumentSchema>;

/** Shows a secret. */
export function toSecretDocument({ id, use, createdAt, expiresAt, lastUsedAt }: Secret): SecretDocument {
  const time = (milliseconds: number | null) => milliseconds === null ? null : new Date(milliseconds).toISOString();
  return {
    id,
    use,
    created: new Date(createdAt).toISOString(),
    expiration: time(expiresAt),
    lastUsed: time(lastUsedAt),
  };
}

/** A secret and, this once, its value. */
export interface CreatedSecret {
  readonly secret: Secret;
  readonly value: string;
}

/** Makes, lists and removes secrets. */
export class SecretService {
  readonly #store: Store;
  readonly #events: TenantEvents;

  constructor({ store, events }: { readonly store: Store; readonly events: TenantEvents }) {
    this.#store = store;
    this.#events = events;
  }

  /**
   * A tenant's secrets, expired ones too, oldest first.
   *
   * @throws {ManagementError} `tenant_unknown`.
   */
  async list(tenantName: string): Promise<Secret[]> {
    const tenant = await requireTenant(this.#store, tenantName);
    return await this.#store.secrets.listByTenant(tenant.id);
  }

  /** @throws {ManagementError} `tenant_unknown`. */
  async create(
    tenantName: string,
    { input, actor }: { readonly input: NewSecretInput; readonly actor: Actor },
  ): Promise<CreatedSecret> {
    const value = generateSecret();
    const hash = await hashSecret(value);
    const secret = await this.#store.transaction(async (repositories) => {
      const tenant = await requireLockedTenant(repositories, tenantName);
      const { use, expiration = null } = input;
      const secret = await repositories.secrets.insert({ tenantId: tenant.id, hash, use, expiresAt: expiration });
      const subject = { id: secret.id, name: tenant.name };
      await record(repositories, { actor, action: "secret.create", subject, after: toSecretDocument(secret) });
      return secret;
    });
    return { secret, value };
  }

  /**
   * Removes a secret. Connections that used it end.
   *
   * @throws {ManagementError} `tenant_unknown`; `not_found` when the tenant has no such secret, whoever else has it.
   */
  async remove(tenantName: string, { id, actor }: { readonly id: string; readonly actor: Actor }): Promise<void> {
    const tenantId = await this.#store.transaction(async (repositories) => {
      const tenant = await requireTenant(repositories, tenantName);
      const secret = await repositories.secrets.findById(id);
      if (secret?.tenantId !== tenant.id || !await repositories.secrets.remove(tenant.id, id)) {
        throw new ManagementError("not_found", "The tenant has no such secret");
      }
      const subject = { id, name: tenant.name };
      await record(repositories, { actor, action: "secret.remove", subject, before: toSecretDocument(secret) });
      return tenant.id;
    });
    this.#events.secretRemoved(tenantId, id);
  }
}
