import assert from "node:assert/strict";
import { DISCOVERY_PATH, discoveryDocument } from "./discovery.ts";

Deno.test("discoveryDocument() has the fields of RelayServer v3, with time spans", () => {
  const document = discoveryDocument("https://relay.example/base", {
    authorizationServer: "https://login.example/realm",
    version: "1.2.3",
    originId: "origin",
    endpointTimeoutMs: 120_000,
    reconnectMinimumDelayMs: 1500,
    reconnectMaximumDelayMs: 30_000,
    handshakeTimeoutMs: 15_000,
    keepAliveIntervalMs: 3_600_000,
  });
  assert.deepEqual(document, {
    serverVersion: "1.2.3",
    authorizationServer: "https://login.example/realm",
    connectorEndpoint: "https://relay.example/base/connector",
    acknowledgeEndpoint: "https://relay.example/base/acknowledge/origin",
    requestEndpoint: "https://relay.example/base/body/request",
    responseEndpoint: "https://relay.example/base/body/response",
    endpointTimeout: "00:02:00",
    reconnectMinimumDelay: "00:00:01.500",
    reconnectMaximumDelay: "00:00:30",
    handshakeTimeout: "00:00:15",
    keepAliveInterval: "01:00:00",
  });
  assert.equal(DISCOVERY_PATH, "/.well-known/relayserver-configuration");
});
