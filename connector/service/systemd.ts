/**
 * The connector as a systemd service: a user of its own, and no right that it does not need.
 *
 * @module
 */

import { dirname } from "node:path/posix";
import type { ServiceOptions, ServicePlan, ServicePlatform } from "./plan.ts";

/** User and group of the service. */
export const LINUX_USER = "relayserver-connector";
const UNIT = "relayserver-connector.service";
const UNIT_FILE = `/etc/systemd/system/${UNIT}`;
const SYSTEMCTL = "/usr/bin/systemctl";
/** `useradd` says so of a user that is already there. */
const USER_EXISTS = 9;
/** What the unit's sandbox hides from the service. */
const HIDDEN_FOLDERS = ["/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/"];

/** systemd's services. */
export const systemd: ServicePlatform = {
  definitionFile: UNIT_FILE,
  status: { argv: [SYSTEMCTL, "status", "--no-pager", "--lines=20", UNIT] },
  fault({ program, configFile }) {
    const hidden = [...program, configFile].find((path) => HIDDEN_FOLDERS.some((folder) => path.startsWith(folder)));
    if (hidden === undefined) return undefined;
    return `${hidden} is in a folder that the service cannot see: move it, the configuration for example to ` +
      "/etc/relayserver and the program to /usr/local/bin";
  },
  install(options): ServicePlan {
    const { configFile } = options;
    return {
      folders: [],
      files: [{ path: UNIT_FILE, content: systemdUnit(options) }],
      commands: [
        // Whether a user comes with a group of its name differs between distributions.
        {
          argv: [
            "/usr/sbin/useradd",
            "--system",
            "--user-group",
            "--no-create-home",
            "--shell",
            "/usr/sbin/nologin",
            LINUX_USER,
          ],
          goodCodes: [USER_EXISTS],
        },
        { argv: ["/usr/bin/chown", `root:${LINUX_USER}`, configFile] },
        { argv: ["/usr/bin/chmod", "0640", configFile] },
        { argv: [SYSTEMCTL, "daemon-reload"] },
        { argv: [SYSTEMCTL, "enable", UNIT] },
        { argv: [SYSTEMCTL, "restart", UNIT] },
      ],
      removed: [],
      notes: [
        `It runs as ${LINUX_USER}: files that the configuration names (secrets, certificates) must be readable for that user`,
        `Its log: journalctl --unit ${UNIT}`,
      ],
    };
  },
  uninstall(): ServicePlan {
    return {
      folders: [],
      files: [],
      commands: [{ argv: [SYSTEMCTL, "disable", "--now", UNIT] }],
      removed: [UNIT_FILE],
      notes: [`The configuration and the user ${LINUX_USER} are left as they are`],
    };
  },
};

/** The unit file. */
export function systemdUnit({ program, configFile }: ServiceOptions): string {
  const command = [...program, "run", "--config", configFile].map(quote).join(" ");
  return `# Written by "service install", which overwrites it: put changes into ${UNIT_FILE}.d/*.conf
[Unit]
Description=RelayServer connector
Wants=network-online.target
After=network-online.target
# It keeps trying: a server that is away for long must not end it for good.
StartLimitIntervalSec=0

[Service]
Type=exec
User=${LINUX_USER}
Group=${LINUX_USER}
WorkingDirectory=${dirname(configFile).replaceAll("%", "%%")}
ExecStart=${command}
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=5
# Requests under way are finished first.
TimeoutStopSec=45
StandardOutput=journal
StandardError=journal
LimitNOFILE=65536

CapabilityBoundingSet=
AmbientCapabilities=
NoNewPrivileges=yes
PrivateDevices=yes
PrivateTmp=yes
PrivateUsers=yes
ProtectSystem=strict
ProtectHome=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
UMask=0077
# MemoryDenyWriteExecute is left out: the JavaScript engine compiles to machine code.

[Install]
WantedBy=multi-user.target
`;
}

/** systemd.service(5): words are quoted, and neither specifiers nor variables are meant. */
function quote(word: string): string {
  const escaped = word.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("%", "%%").replaceAll("$", "$$$$");
  return `"${escaped}"`;
}
