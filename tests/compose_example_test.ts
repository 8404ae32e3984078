import assert from "node:assert/strict";
import { join } from "node:path";
import { parse } from "yaml";
import { serverConfigSchema } from "../server/config/server_config.ts";
import { loadConfig } from "../shared/config/load.ts";
import { PROJECT_ROOT } from "./testkit/process.ts";

interface Service {
  readonly image: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, unknown>> | readonly string[];
  readonly volumes?: readonly string[];
}

async function read(): Promise<{ services: Record<string, Service>; volumes: Record<string, unknown> }> {
  return parse(await Deno.readTextFile(join(PROJECT_ROOT, "docs", "examples", "compose.yaml")), { merge: true });
}

Deno.test("the documented compose file starts nothing that it does not describe", async () => {
  const { services, volumes } = await read();
  for (const [name, { image, depends_on = [], volumes: mounts = [] }] of Object.entries(services)) {
    assert.ok(typeof image === "string" && image !== "", name);
    for (const needed of Array.isArray(depends_on) ? depends_on : Object.keys(depends_on)) {
      assert.ok(needed in services, `${name} depends on ${needed}`);
    }
    for (const mount of mounts) {
      const [source = ""] = mount.split(":");
      if (source.startsWith(".")) await Deno.stat(join(PROJECT_ROOT, "docs", "examples", source));
      else assert.ok(source in volumes, `${name} has the volume ${source}`);
    }
  }
});

Deno.test("the documented compose file configures servers of one cluster behind its balancer", async () => {
  const { services } = await read();
  const balancer = await Deno.readTextFile(join(PROJECT_ROOT, "docs", "examples", "Caddyfile.cluster"));
  for (const name of ["server-1", "server-2"]) {
    assert.ok(balancer.includes(`${name}:8080`), name);
    const env = services[name]!.environment!;
    const config = loadConfig({
      schema: serverConfigSchema,
      envPrefix: "RELAY_SERVER",
      env,
      flags: {},
      file: undefined,
    });
    assert.equal(config.transport.type, "amqp");
    assert.deepEqual(config.transport.amqp.urls, ["amqp://relay:relay@rabbitmq"]);
    assert.match(config.database.url ?? "", /^postgres:/);
    assert.ok(config.shutdownDelay >= 2 * 2_000, "a shutdown delay of two checks");
    assert.equal(config.bodyStore.type, "file");
    assert.deepEqual(services[name]!.volumes, ["data:/data"], "one folder of bodies for all servers");
  }
});
