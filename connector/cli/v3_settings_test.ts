import assert from "node:assert/strict";
import { connectorConfigSchema } from "../config.ts";
import { importV3Settings } from "./v3_settings.ts";

const FILE = `\uFEFF{
  // written by hand
  "Serilog": { "MinimumLevel": "Debug" },
  "RelayConnector": {
    "RelayServerBaseUri": "https://relay.example.com",
    "tenantname": "acme",
    "TenantSecret": "hunter2",
    "UseHttpKeepAlive": false,
    "Color": "red",
    "Targets": {
      "swapi": { "Type": "RelayWebTarget", "Url": "https://swapi.example/", "Timeout": "00:00:30", "Options": "FollowRedirect, Magic" },
      "plain": { "Url": "http://localhost:5000" },
      "Echo": { "Type": "Thinktecture.Relay.Connector.Targets.RelayEchoTarget, Thinktecture.Relay.Connector", "Timeout": "00:00:05" },
      "p": { "Type": "ping" },
      "** Catch-all **": { "Url": "http://localhost:5001" },
      "own": { "Type": "Acme.InProcTarget, Acme" },
    },
  },
}`;

Deno.test("importV3Settings() takes over servers, credentials and targets", () => {
  const { config } = importV3Settings(FILE);
  assert.deepEqual(config, {
    relayServerBaseUri: "https://relay.example.com",
    tenantName: "acme",
    tenantSecret: "hunter2",
    targets: {
      swapi: { type: "web", url: "https://swapi.example/", timeout: "00:00:30", followRedirects: true },
      plain: { type: "web", url: "http://localhost:5000" },
      Echo: { type: "echo", timeout: "00:00:05" },
      p: { type: "ping" },
      "*": { type: "web", url: "http://localhost:5001" },
    },
  });
  const { targets } = connectorConfigSchema.parse(config);
  assert.equal(targets.swapi?.timeout, 30_000);
});

Deno.test("importV3Settings() names what it does not take over, without values", () => {
  const { notes } = importV3Settings(FILE);
  assert.deepEqual(notes.map((note) => note.split(":", 1)[0]), [
    "Serilog",
    "RelayConnector.UseHttpKeepAlive",
    "RelayConnector.Color",
    "RelayConnector.Targets.swapi.Options",
    "RelayConnector.Targets.own",
  ]);
  assert.doesNotMatch(notes.join(), /red|hunter2|Debug/);
});

Deno.test("importV3Settings() names what is missing, and plain http", () => {
  const { config, notes } = importV3Settings('{ "RelayConnector": { "RelayServerBaseUri": "http://relay" } }');
  assert.deepEqual(config, { relayServerBaseUri: "http://relay" });
  assert.match(notes.join("\n"), /is http.*\ntenantName: is missing.*\ntenantSecret: is missing/);
});

Deno.test("importV3Settings() refuses what is no such file", () => {
  for (const text of ["", "[]", "{", '{ "RelayServer": {} }', '{ "RelayConnector": 1 }']) {
    assert.throws(() => importV3Settings(text), /^TypeError: Cannot import the file: it (?:is no JSON|has no section)/);
  }
});
