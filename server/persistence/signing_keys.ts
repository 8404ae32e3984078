/**
 * Reads and writes the keys that sign tokens. Keys never change, only how they are kept; there are only a few at a time.
 *
 * @module
 */

import type { Database } from "./schema.ts";

/** A key pair as it is stored. */
export interface StoredSigningKey {
  /** The key's id in token headers and in the published key set. */
  readonly kid: string;
  readonly algorithm: "ES256";
  /** JWK as JSON text, or what `server/auth` has encrypted it to. Never leaves the server. */
  readonly privateJwk: string;
  /** JWK as JSON text. */
  readonly publicJwk: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/** Reads and writes signing keys. */
export class SigningKeyRepository {
  readonly #db: Database;

  /** @param db A migrated database. */
  constructor(db: Database) {
    this.#db = db;
  }

  /** All keys, newest first; in the same order for every reader. */
  async list(): Promise<StoredSigningKey[]> {
    const rows = await this.#db.selectFrom("signing_keys").selectAll()
      .orderBy("created_at", "desc").orderBy("kid").execute();
    return rows.map((row) => ({
      kid: row.kid,
      algorithm: row.algorithm,
      privateJwk: row.private_jwk,
      publicJwk: row.public_jwk,
      createdAt: row.created_at,
    }));
  }

  /** Adds a key. */
  async insert(key: StoredSigningKey): Promise<void> {
    await this.#db.insertInto("signing_keys")
      .values({
        kid: key.kid,
        algorithm: key.algorithm,
        private_jwk: key.privateJwk,
        public_jwk: key.publicJwk,
        created_at: key.createdAt,
      })
      .execute();
  }

  /** Replaces how the private part is kept, unless somebody else has replaced it. */
  async replacePrivateJwk(kid: string, { from, to }: { readonly from: string; readonly to: string }): Promise<void> {
    await this.#db.updateTable("signing_keys").set({ private_jwk: to })
      .where("kid", "=", kid).where("private_jwk", "=", from).execute();
  }

  /** Removes a key, if it is still there. */
  async remove(kid: string): Promise<void> {
    await this.#db.deleteFrom("signing_keys").where("kid", "=", kid).execute();
  }
}
