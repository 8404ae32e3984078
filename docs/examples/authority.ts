/**
 * A small OIDC authority to try things out with (`npm:oidc-provider`): one site and its clients, tokens for this server. Not for production:
 * its keys are new at every start, and what it knows is in this file.
 *
 * ```sh
 * deno run --no-prompt --allow-net --allow-env --allow-read --allow-sys docs/examples/authority.ts
 * ```
 *
 * @module
 */

import { createServer } from "node:http";
import { exportJWK, generateKeyPair } from "jose";
import Provider from "oidc-provider";

const PORT = 9090;
const ISSUER = `http://127.0.0.1:${PORT}`;

const { privateKey } = await generateKeyPair("RS256", { extractable: true });
const key = { ...await exportJWK(privateKey), kid: crypto.randomUUID(), alg: "RS256", use: "sig" };

const provider = new Provider(ISSUER, {
  jwks: { keys: [key] },
  scopes: ["connector", "client"],
  ttl: { ClientCredentials: 3600 },
  clients: [{
    // The tenant's name.
    client_id: "site-7",
    client_secret: "a-secret-that-only-the-site-has",
    grant_types: ["client_credentials"],
    redirect_uris: [],
    response_types: [],
    scope: "connector client",
  }],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => "urn:relayserver",
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: "connector client",
        // auth.audience of the server.
        audience: "relayserver",
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: "RS256" } },
      }),
    },
  },
  // Only automaticTenantCreation reads these.
  extraTokenClaims: () => ({ client_name: "Site 7", client_description: "In the north" }),
});

createServer(provider.callback()).listen(PORT, "127.0.0.1");
