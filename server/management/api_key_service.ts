/**
 * Keys with which programs use management.
 *
 * @module
 */

import { z } from "zod";
import { generateApiKey, hashSecret } from "../auth/mod.ts";
import { type Actor, type ApiKey, type ListApiKeysOptions, type Page, ROLES } from "../persistence/mod.ts";
import { record } from "./audit_trail.ts";
import { futureSchema, nameSchema } from "./input.ts";
import { ManagementError } from "./management_error.ts";
import type { Repositories, Store } from "./store.ts";

/** Schema of what is said about a new key. */
export const newApiKeySchema = z.strictObject({
  name: nameSchema.meta({ description: "What the key is for." }),
  role: z.enum(ROLES),
  expiration: futureSchema.nullish().meta({ description: "Until when it is valid; for ever unless given." }),
}).meta({ id: "NewApiKey" });

/** What is said about a new key. */
export type NewApiKeyInput = z.output<typeof newApiKeySchema>;

/** A key as it is shown. */
export const apiKeyDocumentSchema = z.object({
  id: z.guid(),
  name: z.string(),
  role: z.enum(ROLES),
  created: z.iso.datetime(),
  expiration: z.iso.datetime().nullable(),
  lastUsed: z.iso.datetime().nullable().meta({ description: "A minute exact." }),
}).meta({ id: "ApiKey" });

/** A key as it is shown. */
export type ApiKeyDocument = z.output<typeof apiKeyDocumentSchema>;

/** Shows a key, without its value. */
export function toApiKeyDocument({ id, name, role, createdAt, expiresAt, lastUsedAt }: ApiKey): ApiKeyDocument {
  const time = (milliseconds: number | null) => milliseconds === null ? null : new Date(milliseconds).toISOString();
  return {
    id,
    name,
    role,
    created: new Date(createdAt).toISOString(),
    expiration: time(expiresAt),
    lastUsed: time(lastUsedAt),
  };
}

/** A key and, this once, its value. */
export interface CreatedApiKey {
  readonly apiKey: ApiKey;
  readonly value: string;
}

/** What {@link ApiKeyService} works with. */
export interface ApiKeyServiceParts {
  readonly store: Store;
  /** Told that a key counts no longer. */
  readonly removed: (id: string) => void;
}

/** Makes, lists and removes API keys. */
export class ApiKeyService {
  readonly #store: Store;
  readonly #removed: ApiKeyServiceParts["removed"];

  constructor({ store, removed }: ApiKeyServiceParts) {
    this.#store = store;
    this.#removed = removed;
  }

  /** Keys ordered by name, expired ones too. */
  list(options: ListApiKeysOptions): Promise<Page<ApiKey>> {
    return this.#store.apiKeys.list(options);
  }

  /** @throws {ManagementError} `not_found`. */
  get(id: string): Promise<ApiKey> {
    return requireApiKey(this.#store, id);
  }

  /** @throws {PersistenceError} `name_taken` when there is a key of that name. */
  async create({ name, role, expiration = null }: NewApiKeyInput, actor: Actor): Promise<CreatedApiKey> {
    const value = generateApiKey();
    const hash = await hashSecret(value);
    const apiKey = await this.#store.transaction(async (repositories) => {
      const apiKey = await repositories.apiKeys.insert({ name, role, hash, expiresAt: expiration });
      await record(repositories, { actor, action: "api_key.create", subject: apiKey, after: toApiKeyDocument(apiKey) });
      return apiKey;
    });
    return { apiKey, value };
  }

  /**
   * Removes a key, which counts no longer.
   *
   * @throws {ManagementError} `not_found`.
   */
  async remove(id: string, actor: Actor): Promise<void> {
    await this.#store.transaction(async (repositories) => {
      const apiKey = await requireApiKey(repositories, id);
      if (!await repositories.apiKeys.remove(id)) throw apiKeyUnknown();
      const before = toApiKeyDocument(apiKey);
      await record(repositories, { actor, action: "api_key.remove", subject: apiKey, before });
    });
    this.#removed(id);
  }
}

async function requireApiKey({ apiKeys }: Pick<Repositories, "apiKeys">, id: string): Promise<ApiKey> {
  const apiKey = await apiKeys.findById(id);
  if (apiKey === undefined) throw apiKeyUnknown();
  return apiKey;
}

function apiKeyUnknown(): ManagementError {
  return new ManagementError("not_found", "There is no such API key");
}
