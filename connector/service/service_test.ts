import assert from "node:assert/strict";
import { join } from "node:path";
import { requireCommands } from "../../tests/testkit/requirement.ts";
import { launchd, launchdPlist } from "./launchd.ts";
import { describePlan, performPlan } from "./perform.ts";
import type { ServiceOptions } from "./plan.ts";
import { servicePlatform } from "./platform.ts";
import { systemd, systemdUnit } from "./systemd.ts";
import { windowsTask, windowsTaskXml } from "./windows_task.ts";

const LINUX: ServiceOptions = {
  program: ["/usr/local/bin/relayserver-connector"],
  configFile: "/etc/relayserver/connector.json",
};

Deno.test("systemdUnit() runs the connector with its configuration, unprivileged, and starts it again", () => {
  const lines = systemdUnit(LINUX).split("\n");
  for (
    const line of [
      'ExecStart="/usr/local/bin/relayserver-connector" "run" "--config" "/etc/relayserver/connector.json"',
      "User=relayserver-connector",
      "Restart=always",
      "NoNewPrivileges=yes",
      "CapabilityBoundingSet=",
      "ProtectSystem=strict",
      "StandardOutput=journal",
      "WantedBy=multi-user.target",
    ]
  ) assert.ok(lines.includes(line), line);
});

Deno.test("a service works in the folder of its configuration, which relative paths in it are meant from", () => {
  assert.match(systemdUnit(LINUX), /^WorkingDirectory=\/etc\/relayserver$/m);
  assert.match(systemdUnit({ ...LINUX, configFile: "/etc/50%/c.json" }), /^WorkingDirectory=\/etc\/50%%$/m);
  assert.match(launchdPlist(LINUX), /<key>WorkingDirectory<\/key><string>\/etc\/relayserver<\/string>/);
  const onOtherDrive = { ...WINDOWS, configFile: "D:\\a & b\\c.json" };
  assert.match(windowsTaskXml(onOtherDrive), /<WorkingDirectory>D:\\a &amp; b<\/WorkingDirectory>/);
});

Deno.test("systemdUnit() quotes what systemd would read as something else", () => {
  const unit = systemdUnit({ program: ["/opt/a b/c"], configFile: '/etc/50%/"$x"\\.json' });
  assert.match(unit, /^ExecStart="\/opt\/a b\/c" "run" "--config" "\/etc\/50%%\/\\"\$\$x\\"\\\\\.json"$/m);
});

const analyze = await requireCommands(["systemd-analyze"], { requirement: "systemd" });

Deno.test({
  name: analyze.label("systemdUnit() passes systemd-analyze verify, and its exposure is below 2"),
  ignore: analyze.isSkipped,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const file = join(folder, "relayserver-connector.service");
      await Deno.writeTextFile(file, systemdUnit({ ...LINUX, program: [Deno.execPath()] }));
      const run = async (...args: string[]) => {
        const { code, stdout, stderr } = await new Deno.Command(analyze.path("systemd-analyze"), { args }).output();
        return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
      };
      const verified = await run("verify", "--man=no", file);
      assert.equal(verified.code, 0, verified.text);
      assert.doesNotMatch(verified.text, /relayserver-connector\.service/, "it has something to say of the unit");
      const security = await run("security", "--no-pager", "--offline=true", file);
      const [, exposure] = /Overall exposure level for \S+: (\d+\.\d+)/.exec(security.text) ?? [];
      assert.ok(Number(exposure) < 2, security.text);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("systemd.fault() refuses files that the sandbox hides", () => {
  assert.equal(systemd.fault(LINUX), undefined);
  assert.match(systemd.fault({ ...LINUX, configFile: "/home/me/connector.json" }) ?? "", /\/home\/me\/connector\.json/);
  assert.match(systemd.fault({ ...LINUX, program: ["/root/connector"] }) ?? "", /\/usr\/local\/bin/);
});

Deno.test("systemd.install() makes the user, guards the configuration, and starts the service last", () => {
  const { files, commands } = systemd.install(LINUX);
  assert.deepEqual(files.map(({ path }) => path), ["/etc/systemd/system/relayserver-connector.service"]);
  const lines = commands.map(({ argv }) => argv.join(" "));
  assert.ok(lines.includes("/usr/bin/chown root:relayserver-connector /etc/relayserver/connector.json"));
  assert.ok(lines.includes("/usr/bin/chmod 0640 /etc/relayserver/connector.json"));
  assert.equal(lines.at(-1), "/usr/bin/systemctl restart relayserver-connector.service");
});

Deno.test("launchdPlist() holds the command, the account and the log, escaped", () => {
  const plist = launchdPlist({ program: ["/usr/local/bin/a&b"], configFile: "/usr/local/etc/<c>.json" });
  const words = [...plist.matchAll(/^ {4}<string>(.*)<\/string>$/gm)].map(([, word]) => word);
  assert.deepEqual(words, ["/usr/local/bin/a&amp;b", "run", "--config", "/usr/local/etc/&lt;c&gt;.json"]);
  assert.match(plist, /<key>UserName<\/key><string>_relayserver<\/string>/);
  assert.match(plist, /<key>KeepAlive<\/key><true\/>/);
  assert.match(plist, /<key>StandardErrorPath<\/key><string>\/Library\/Logs\/RelayServer\/connector\.log<\/string>/);
});

Deno.test("launchd.install() loads the daemon last, uninstall() removes what install() wrote", () => {
  const { files, commands } = launchd.install(LINUX);
  assert.deepEqual(commands.at(-1)?.argv, [
    "/bin/launchctl",
    "bootstrap",
    "system",
    "/Library/LaunchDaemons/relayserver.connector.plist",
  ]);
  assert.deepEqual(launchd.uninstall().removed, files.map(({ path }) => path));
});

const WINDOWS: ServiceOptions = {
  program: ["C:\\Program Files\\RelayServer\\connector.exe"],
  configFile: "C:\\ProgramData\\RelayServer\\a&b.json",
};

Deno.test("windowsTaskXml() runs under LOCAL SERVICE at start-up and restarts on failure", () => {
  const xml = windowsTaskXml(WINDOWS);
  for (
    const part of [
      "<BootTrigger>",
      "<UserId>S-1-5-19</UserId>",
      "<RunLevel>LeastPrivilege</RunLevel>",
      "<ExecutionTimeLimit>PT0S</ExecutionTimeLimit>",
      "<RestartOnFailure>",
    ]
  ) assert.ok(xml.includes(part), part);
  const [, args = ""] = /<Arguments>(.*)<\/Arguments>/.exec(xml) ?? [];
  assert.equal(
    args.replaceAll("&quot;", '"').replaceAll("&gt;", ">").replaceAll("&amp;", "&"),
    '/d /s /c ""C:\\Program Files\\RelayServer\\connector.exe" "run" "--config" "C:\\ProgramData\\RelayServer\\a&b.json" ' +
      '>> "C:\\ProgramData\\RelayServer\\connector.log" 2>&1"',
  );
});

Deno.test("windowsTask.fault() refuses what a command line cannot hold, and users' folders", () => {
  assert.equal(windowsTask.fault(WINDOWS), undefined);
  assert.match(windowsTask.fault({ ...WINDOWS, configFile: "C:\\%x%.json" }) ?? "", /character/);
  assert.match(windowsTask.fault({ ...WINDOWS, configFile: "C:\\Users\\me\\c.json" }) ?? "", /user's folder/);
});

/** Every element is closed in its turn, and neither text nor attributes hold what would begin another. */
function assertWellFormed(xml: string): void {
  const open: string[] = [];
  const body = xml.replace(/^<\?xml [^>]*\?>\s*(?:<!DOCTYPE [^>]*>)?/, "");
  for (const [, text = "", close, name = "", empty] of body.matchAll(/([^<]*)<(\/?)([A-Za-z]+)(?: [^<>]*?)?(\/?)>/g)) {
    assert.doesNotMatch(text, /&(?!(?:amp|lt|gt|quot|apos);)|>/);
    if (close === "/") assert.equal(open.pop(), name);
    else if (empty !== "/") open.push(name);
  }
  assert.deepEqual(open, []);
  assert.equal(body.replaceAll(/[^<]*<[^<>]*>/g, "").trim(), "");
}

Deno.test("launchdPlist() and windowsTaskXml() are well-formed, whatever stands in the paths", () => {
  const awkward: ServiceOptions = { program: ["/opt/<a>&\"b'/c"], configFile: "/etc/]]>&amp;.json" };
  for (const options of [LINUX, WINDOWS, awkward]) {
    assertWellFormed(launchdPlist(options));
    assertWellFormed(windowsTaskXml(options));
  }
});

Deno.test("servicePlatform() knows three systems and names another", () => {
  assert.deepEqual(["linux", "darwin", "windows"].map(servicePlatform), [systemd, launchd, windowsTask]);
  assert.throws(() => servicePlatform("freebsd"), /freebsd is not supported/);
});

Deno.test("performPlan() does what a plan says in its order, and names what it could not do", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const [text, wide] = [join(folder, "sub", "text"), join(folder, "wide")];
    await performPlan({
      folders: [join(folder, "made")],
      files: [{ path: text, content: "a" }, { path: wide, content: "<x>", encoding: "utf-16le" }],
      commands: [
        { argv: ["/bin/cp", text, join(folder, "made", "copy")] },
        { argv: ["/bin/sh", "-c", "exit 9"], goodCodes: [9] },
      ],
      removed: [text],
      notes: [],
    });
    assert.equal(await Deno.readTextFile(join(folder, "made", "copy")), "a");
    assert.deepEqual([...await Deno.readFile(wide)], [0xff, 0xfe, 0x3c, 0, 0x78, 0, 0x3e, 0]);
    await assert.rejects(Deno.stat(text), Deno.errors.NotFound);
    const failing = { folders: [], files: [], removed: [], notes: [] };
    const command = { argv: ["/bin/sh", "-c", "printf 'no such unit\\n here\\n' >&2; exit 5"] as const };
    await assert.rejects(performPlan({ ...failing, commands: [command] }), (error) => {
      assert.match((error as Error).message, /^Cannot run \/bin\/sh -c 'printf /);
      assert.match(((error as Error).cause as Error).message, /ended with 5: no such unit; here$/);
      return true;
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("describePlan() shows files with their content, and commands as a shell takes them", () => {
  const text = describePlan(systemd.install(LINUX));
  assert.match(text, /^# write \/etc\/systemd\/system\/relayserver-connector\.service\n/);
  assert.match(text, /\n\/usr\/bin\/systemctl daemon-reload\n/);
  assert.match(describePlan(windowsTask.install(WINDOWS)), /\/TN 'RelayServer Connector'/);
});
