import assert from "node:assert/strict";
import { relayRequest } from "../targets/testkit.ts";
import { PublicPlace } from "./public_place.ts";

function from(host: string, target = "ERP") {
  return relayRequest({ target, headers: [["X-Forwarded-Host", host]] });
}

Deno.test("PublicPlace names the path under which a client sees a target, with the names as they are spelled", () => {
  const place = new PublicPlace("acme");
  assert.equal(place.pathOf(from("relay.example")), "/relay/acme/ERP");
  place.set({ tenantName: "Acme", basePath: "/tunnel" });
  assert.equal(place.pathOf(from("relay.example:8443")), "/tunnel/relay/Acme/ERP");
  assert.equal(place.pathOf(relayRequest({ target: "t" })), "/tunnel/relay/Acme/t");
});

Deno.test("PublicPlace is empty where the whole host belongs to the target", () => {
  const place = new PublicPlace("Acme");
  assert.equal(place.pathOf(from("erp--acme.relay.example")), "");
  assert.equal(place.pathOf(from("ERP--ACME.relay.example:8443")), "");
  assert.equal(place.pathOf(from("other--acme.relay.example")), "/relay/Acme/ERP");
  assert.equal(place.pathOf(from("erp--acme2.relay.example")), "/relay/Acme/ERP");
});
