/**
 * Signing keys at rest: what the database keeps of them is encrypted with a key from the configuration, so that whoever reads the database or a
 * backup cannot make tokens.
 *
 * The private part becomes `enc:v1:KEY-ID:NONCE:DATA`: AES-256-GCM under a key made from the configured one by HKDF-SHA-256 (RFC 5869), bound to
 * the signing key's id. Rows from before, in plain text or under the previous key, are read and rewritten.
 *
 * @module
 */

import type { StoredSigningKey } from "../persistence/mod.ts";
import type { SigningKeyStore } from "./signing_keys.ts";

/** Where the keys are kept, and can be rewritten. */
export interface RewritableSigningKeyStore extends SigningKeyStore {
  /** Replaces the private part, unless somebody else has replaced it. */
  replacePrivateJwk(kid: string, replacement: { readonly from: string; readonly to: string }): Promise<void>;
}

/** The configured keys. */
export interface EncryptionKeys {
  /** Encrypts; without it keys are kept in plain text. */
  readonly current?: string | undefined;
  /** Only reads, while one key is replaced by another. */
  readonly previous?: string | undefined;
}

const PREFIX = "enc:v1:";
const NONCE_BYTES = 12;
const KEY_ID_BYTES = 8;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A {@link SigningKeyStore} that keeps private parts encrypted. */
export class ProtectedSigningKeys implements SigningKeyStore {
  readonly #store: RewritableSigningKeyStore;
  readonly #current: Promise<Cipher | undefined>;
  readonly #previous: Promise<Cipher | undefined>;

  constructor(store: RewritableSigningKeyStore, { current, previous }: EncryptionKeys) {
    this.#store = store;
    this.#current = current === undefined ? Promise.resolve(undefined) : Cipher.from(current);
    this.#previous = previous === undefined ? Promise.resolve(undefined) : Cipher.from(previous);
  }

  /** @throws {Error} When a key was encrypted with another key than the configured ones. */
  async list(): Promise<StoredSigningKey[]> {
    return await Promise.all((await this.#store.list()).map((key) => this.#revealed(key)));
  }

  async insert(key: StoredSigningKey): Promise<void> {
    const current = await this.#current;
    await this.#store.insert(current === undefined ? key : { ...key, privateJwk: await current.encrypt(key) });
  }

  async remove(kid: string): Promise<void> {
    await this.#store.remove(kid);
  }

  async #revealed(stored: StoredSigningKey): Promise<StoredSigningKey> {
    const [current, previous] = await Promise.all([this.#current, this.#previous]);
    const cipher = [current, previous].find((each) => each?.hasEncrypted(stored));
    const isEncrypted = stored.privateJwk.startsWith(PREFIX);
    if (isEncrypted && cipher === undefined) throw unreadable(current !== undefined);
    const key = cipher === undefined ? stored : { ...stored, privateJwk: await cipher.decrypt(stored) };
    if (current !== undefined && cipher !== current) {
      await this.#store.replacePrivateJwk(key.kid, { from: stored.privateJwk, to: await current.encrypt(key) });
    }
    return key;
  }
}

function unreadable(hasKey: boolean): Error {
  return new Error(
    hasKey
      ? "Cannot read signing keys: they were encrypted with another auth.encryptionKey than the configured one"
      : "Cannot read signing keys: they are encrypted, and auth.encryptionKey is not set",
  );
}

class Cipher {
  readonly #key: CryptoKey;
  readonly #start: string;

  private constructor(key: CryptoKey, keyId: string) {
    this.#key = key;
    this.#start = `${PREFIX}${keyId}:`;
  }

  static async from(secret: string): Promise<Cipher> {
    const material = await crypto.subtle.importKey("raw", encoder.encode(secret), "HKDF", false, [
      "deriveBits",
      "deriveKey",
    ]);
    const derivation = (info: string) => ({
      name: "HKDF",
      hash: "SHA-256",
      salt: encoder.encode("relayserver"),
      info: encoder.encode(info),
    });
    const key = await crypto.subtle.deriveKey(
      derivation("signing keys at rest"),
      material,
      { name: "AES-GCM", length: 256 },
      false,
      ["encrypt", "decrypt"],
    );
    const id = await crypto.subtle.deriveBits(derivation("id of the key"), material, KEY_ID_BYTES * 8);
    return new Cipher(key, new Uint8Array(id).toHex());
  }

  hasEncrypted({ privateJwk }: StoredSigningKey): boolean {
    return privateJwk.startsWith(this.#start);
  }

  async encrypt({ kid, privateJwk }: StoredSigningKey): Promise<string> {
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    const data = await crypto.subtle.encrypt(parameters(nonce, kid), this.#key, encoder.encode(privateJwk));
    return `${this.#start}${toText(nonce)}:${toText(new Uint8Array(data))}`;
  }

  async decrypt({ kid, privateJwk }: StoredSigningKey): Promise<string> {
    const [nonce = "", data = ""] = privateJwk.slice(this.#start.length).split(":");
    try {
      const bytes = await crypto.subtle.decrypt(parameters(fromText(nonce), kid), this.#key, fromText(data));
      return decoder.decode(bytes);
    } catch (cause) {
      throw new Error(`Cannot read signing key "${kid}": its encrypted part was changed`, { cause });
    }
  }
}

function parameters(nonce: Uint8Array<ArrayBuffer>, kid: string): AesGcmParams {
  return { name: "AES-GCM", iv: nonce, additionalData: encoder.encode(kid) };
}

function toText(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

function fromText(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromBase64(text, { alphabet: "base64url" });
}
