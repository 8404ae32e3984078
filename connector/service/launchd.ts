/**
 * The connector as a launchd daemon: a role account of its own, started with the machine, started again when it ends.
 *
 * @module
 */

import { dirname } from "node:path/posix";
import type { ServiceOptions, ServicePlan, ServicePlatform } from "./plan.ts";
import { escapeXml } from "./xml.ts";

/** The account of the daemon. */
export const MACOS_USER = "_relayserver";
/** In the range that macOS keeps for role accounts of others. */
const MACOS_USER_ID = "468";
const LABEL = "relayserver.connector";
const PLIST_FILE = `/Library/LaunchDaemons/${LABEL}.plist`;
const LOG_FOLDER = "/Library/Logs/RelayServer";
const LOG_FILE = `${LOG_FOLDER}/connector.log`;
const ROTATION_FILE = "/etc/newsyslog.d/relayserver-connector.conf";
const LAUNCHCTL = "/bin/launchctl";
/** `launchctl bootout` says so of a daemon that is not loaded. */
const NOT_LOADED = [3, 5, 36, 113];

/** launchd's daemons. */
export const launchd: ServicePlatform = {
  definitionFile: PLIST_FILE,
  status: { argv: [LAUNCHCTL, "print", `system/${LABEL}`] },
  fault({ program, configFile }) {
    const hidden = [...program, configFile].find((path) => path.startsWith("/Users/") || path.startsWith("/tmp/"));
    if (hidden === undefined) return undefined;
    return `${hidden} is in a folder that belongs to somebody else than the service: move it, for example to /usr/local/etc and ` +
      "/usr/local/bin";
  },
  install(options): ServicePlan {
    return {
      folders: [LOG_FOLDER],
      files: [
        { path: PLIST_FILE, content: launchdPlist(options) },
        // Owner, mode, files kept, size in KiB, any time, compressed, no process to signal.
        { path: ROTATION_FILE, content: `${LOG_FILE} ${MACOS_USER}: 640 5 10240 * NZ\n` },
      ],
      commands: [
        {
          argv: [
            "/usr/sbin/sysadminctl",
            ...["-addUser", MACOS_USER, "-UID", MACOS_USER_ID, "-roleAccount"],
            ...["-fullName", "RelayServer connector", "-shell", "/usr/bin/false", "-home", "/var/empty"],
          ],
        },
        { argv: ["/usr/sbin/chown", MACOS_USER, LOG_FOLDER, options.configFile] },
        { argv: ["/bin/chmod", "0600", options.configFile] },
        { argv: [LAUNCHCTL, "bootout", `system/${LABEL}`], goodCodes: NOT_LOADED },
        { argv: [LAUNCHCTL, "bootstrap", "system", PLIST_FILE] },
      ],
      removed: [],
      notes: [
        `It runs as ${MACOS_USER}: files that the configuration names (secrets, certificates) must be readable for that account`,
        `Its log: ${LOG_FILE}`,
      ],
    };
  },
  uninstall(): ServicePlan {
    return {
      folders: [],
      files: [],
      commands: [{ argv: [LAUNCHCTL, "bootout", `system/${LABEL}`], goodCodes: NOT_LOADED }],
      removed: [PLIST_FILE, ROTATION_FILE],
      notes: [`The configuration, the log and the account ${MACOS_USER} are left as they are`],
    };
  },
};

/** The daemon's property list. */
export function launchdPlist({ program, configFile }: ServiceOptions): string {
  const words = [...program, "run", "--config", configFile];
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key><string>${LABEL}</string>
  <key>ProgramArguments</key>
  <array>
${words.map((word) => `    <string>${escapeXml(word)}</string>`).join("\n")}
  </array>
  <key>WorkingDirectory</key><string>${escapeXml(dirname(configFile))}</string>
  <key>UserName</key><string>${MACOS_USER}</string>
  <key>RunAtLoad</key><true/>
  <key>KeepAlive</key><true/>
  <key>ThrottleInterval</key><integer>5</integer>
  <key>ExitTimeOut</key><integer>45</integer>
  <key>ProcessType</key><string>Background</string>
  <key>Umask</key><integer>63</integer>
  <key>StandardOutPath</key><string>${LOG_FILE}</string>
  <key>StandardErrorPath</key><string>${LOG_FILE}</string>
  <key>SoftResourceLimits</key><dict><key>NumberOfFiles</key><integer>65536</integer></dict>
</dict>
</plist>
`;
}
