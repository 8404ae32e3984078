/**
 * A real OIDC authority (`npm:oidc-provider`) in the test's own process, which can be stopped, started again, and given new keys.
 *
 * @module
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, importJWK, type JWK, type JWTHeaderParameters, SignJWT } from "jose";
import Provider from "oidc-provider";

/** A client of the authority: in RelayServer's words a tenant. */
export interface AuthorityClient {
  readonly id: string;
  readonly secret: string;
  /** Claims of its tokens beside the usual ones. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** How it authenticates; `client_secret_basic` unless given, as the protocol has it. */
  readonly method?: "client_secret_basic" | "client_secret_post";
}

/** How a token that is signed by hand differs from a good one. */
export interface HandSigned {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Partial<JWTHeaderParameters>;
  /** Instead of the authority's. */
  readonly key?: CryptoKey | Uint8Array;
}

/** What this file uses of the provider, which comes without types. */
interface OidcProvider {
  callback(): (request: IncomingMessage, response: ServerResponse) => void;
}

const AUDIENCE = "relayserver";
const TOKEN_LIFETIME_SECONDS = 3_600;

/** An OIDC authority on a port of its own. */
export class TestAuthority implements AsyncDisposable {
  readonly url: string;
  readonly #port: number;
  readonly #clients = new Map<string, AuthorityClient>();
  #server: Server | undefined;
  #keys: JWK[] = [];
  #provider: OidcProvider | undefined;

  private constructor(port: number) {
    this.#port = port;
    this.url = `http://127.0.0.1:${port}`;
  }

  /** Takes a port and starts, unless it is to be down at first. */
  static async start({ isDown = false }: { readonly isDown?: boolean } = {}): Promise<TestAuthority> {
    const server = await listen(0);
    const authority = new TestAuthority((server.address() as AddressInfo).port);
    await close(server);
    await authority.rotate({ keepsOld: false });
    if (!isDown) await authority.resume();
    return authority;
  }

  /** Registers a client, or changes it. */
  register(client: AuthorityClient): void {
    this.#clients.set(client.id, client);
  }

  /** Gets a token with the client's secret. */
  async token(clientId: string, scope: string): Promise<string> {
    const { secret = "", method = "client_secret_basic" } = this.#clients.get(clientId) ?? {};
    const isBasic = method === "client_secret_basic";
    const response = await fetch(`${this.url}/token`, {
      method: "POST",
      headers: isBasic ? { authorization: `Basic ${btoa(`${clientId}:${secret}`)}` } : {},
      body: new URLSearchParams({
        grant_type: "client_credentials",
        scope,
        ...(isBasic ? {} : { client_id: clientId, client_secret: secret }),
      }),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(`No token: ${JSON.stringify(answer)}`);
    return answer.access_token;
  }

  /** Signs a token as the authority would, with its newest key, but for what is given. */
  async sign(clientId: string, scope: string, { claims = {}, header = {}, key }: HandSigned = {}): Promise<string> {
    const [jwk = {}] = this.#keys;
    const now = Math.floor(Date.now() / 1_000);
    return await new SignJWT({
      iss: this.url,
      aud: AUDIENCE,
      sub: clientId,
      client_id: clientId,
      scope,
      iat: now,
      nbf: now,
      exp: now + TOKEN_LIFETIME_SECONDS,
      ...claims,
    })
      .setProtectedHeader({ alg: "RS256", typ: "at+jwt", kid: jwk.kid ?? "", ...header })
      .sign(key ?? await importJWK(jwk, "RS256"));
  }

  /** The published keys. */
  async publicKeys(): Promise<JWK[]> {
    return (await (await fetch(`${this.url}/jwks`)).json()).keys;
  }

  /** Signs with a new key from now on. */
  async rotate({ keepsOld = true }: { readonly keepsOld?: boolean } = {}): Promise<void> {
    const { privateKey } = await generateKeyPair("RS256", { extractable: true });
    const jwk = { ...await exportJWK(privateKey), kid: crypto.randomUUID(), alg: "RS256", use: "sig" };
    this.#keys = [jwk, ...keepsOld ? this.#keys : []];
    this.#provider = this.#createProvider();
  }

  /** Stops it; its clients and keys stay. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server !== undefined) await close(server);
  }

  /** Starts it again, on the same port. */
  async resume(): Promise<void> {
    this.#server = await listen(this.#port, (request, response) => this.#provider?.callback()(request, response));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #createProvider(): OidcProvider {
    const clients = this.#clients;
    return new Provider(this.url, {
      adapter: (model: string) => new Store(model, clients),
      jwks: { keys: this.#keys },
      scopes: ["connector", "client"],
      ttl: { ClientCredentials: TOKEN_LIFETIME_SECONDS },
      clientDefaults: { id_token_signed_response_alg: "RS256" },
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => "urn:relayserver",
          useGrantedResource: () => true,
          getResourceServerInfo: () => ({
            scope: "connector client",
            audience: AUDIENCE,
            accessTokenTTL: TOKEN_LIFETIME_SECONDS,
            accessTokenFormat: "jwt",
            jwt: { sign: { alg: "RS256" } },
          }),
        },
      },
      extraTokenClaims: (_context: unknown, token: { clientId: string }) => clients.get(token.clientId)?.claims,
    });
  }
}

/** What the provider keeps: clients are looked up, everything else is as short-lived as the test. */
class Store {
  readonly #model: string;
  readonly #clients: ReadonlyMap<string, AuthorityClient>;
  readonly #entries = new Map<string, unknown>();

  constructor(model: string, clients: ReadonlyMap<string, AuthorityClient>) {
    this.#model = model;
    this.#clients = clients;
  }

  upsert(id: string, payload: unknown): Promise<void> {
    this.#entries.set(id, payload);
    return Promise.resolve();
  }

  find(id: string): Promise<unknown> {
    if (this.#model !== "Client") return Promise.resolve(this.#entries.get(id));
    const client = this.#clients.get(id);
    return Promise.resolve(
      client && {
        client_id: client.id,
        client_secret: client.secret,
        token_endpoint_auth_method: client.method ?? "client_secret_basic",
        redirect_uris: [],
        response_types: [],
        grant_types: ["client_credentials"],
        scope: "connector client",
      },
    );
  }

  destroy(id: string): Promise<void> {
    this.#entries.delete(id);
    return Promise.resolve();
  }
}

async function listen(
  port: number,
  handler?: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Server> {
  const server = createServer(handler);
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

async function close(server: Server): Promise<void> {
  const closed = once(server, "close");
  server.close();
  server.closeAllConnections();
  await closed;
}
