/**
 * How a connector is connected: a secret, shown this once, in a file and in a command to paste.
 *
 * @module
 */

import type { FC } from "hono/jsx";
import { Card, Copyable, Notice } from "./blocks.tsx";

const LOOPBACK = /^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::|\/|$)/;

/** What a connector must know. */
export interface ConnectorFacts {
  /** The base of the public listener. */
  readonly baseUrl: string;
  readonly tenant: string;
  readonly secret: string;
}

/** Everything to be pasted at the site. */
export const ConnectorInstructions: FC<ConnectorFacts> = (facts) => {
  const isPlain = facts.baseUrl.startsWith("http:") && !LOOPBACK.test(facts.baseUrl);
  return (
    <Card title="Connect a connector">
      <Notice kind="warn" title="The secret is shown only now">
        <p>Only its hash is kept. If it gets lost, make another one and remove this one.</p>
      </Notice>
      <Copyable id="secret" label="Secret" text={facts.secret} />
      <Copyable id="configuration" label="Configuration: connector.json" text={configuration(facts, isPlain)} />
      <Copyable id="command" label="Or as one command" text={command(facts, isPlain)} />
      <p class="muted small">
        The target <code>app</code>{" "}
        is an example: give it the name and the address of an application at the site. The address of the server,{" "}
        <code>{facts.baseUrl}</code>, is {isPlain
          ? "not encrypted, which is why the connector must be told allowInsecure: secrets and data travel in clear."
          : "how this server is reached from here; with publicUrl in its configuration it is the same from everywhere."}
      </p>
    </Card>
  );
};

function configuration({ baseUrl, tenant, secret }: ConnectorFacts, isPlain: boolean): string {
  return JSON.stringify(
    {
      relayServerBaseUri: baseUrl,
      ...(isPlain ? { allowInsecure: true } : {}),
      tenantName: tenant,
      tenantSecret: secret,
      targets: { app: { type: "web", url: "http://localhost:5000" } },
    },
    null,
    2,
  );
}

/** By the environment, so that the secret is in no list of processes. Names, secrets and URLs need no quotes in a shell. */
function command({ baseUrl, tenant, secret }: ConnectorFacts, isPlain: boolean): string {
  return [
    `RELAY_CONNECTOR__RELAY_SERVER_BASE_URI=${baseUrl}`,
    ...(isPlain ? ["RELAY_CONNECTOR__ALLOW_INSECURE=true"] : []),
    `RELAY_CONNECTOR__TENANT_NAME=${tenant}`,
    `RELAY_CONNECTOR__TENANT_SECRET=${secret}`,
    "RELAY_CONNECTOR__TARGETS__APP__URL=http://localhost:5000",
    "deno task connector",
  ].join(" \\\n  ");
}
