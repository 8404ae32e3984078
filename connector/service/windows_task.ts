/**
 * The connector as a scheduled task of Windows: started with the machine under LOCAL SERVICE, started again when it fails. A real service would
 * have to speak with the service control manager, which a console program does not.
 *
 * @module
 */

import { dirname } from "node:path/win32";
import type { ServiceOptions, ServicePlan, ServicePlatform } from "./plan.ts";
import { escapeXml } from "./xml.ts";

const TASK = "RelayServer Connector";
const FOLDER = "C:\\ProgramData\\RelayServer";
const TASK_FILE = `${FOLDER}\\connector-task.xml`;
const LOG_FILE = `${FOLDER}\\connector.log`;
const SCHTASKS = "C:\\Windows\\System32\\schtasks.exe";
const ICACLS = "C:\\Windows\\System32\\icacls.exe";
/** Well-known identifiers: names of accounts differ with the language of Windows. */
const [LOCAL_SERVICE, SYSTEM, ADMINISTRATORS] = ["S-1-5-19", "S-1-5-18", "S-1-5-32-544"];

/** Scheduled tasks of Windows. */
export const windowsTask: ServicePlatform = {
  definitionFile: TASK_FILE,
  status: { argv: [SCHTASKS, "/Query", "/TN", TASK, "/V", "/FO", "LIST"] },
  fault({ program, configFile }) {
    const wrong = [...program, configFile].find((path) => /["%\r\n]/.test(path));
    if (wrong !== undefined) return `${wrong} has a character that the command line of a task cannot hold`;
    const own = [...program, configFile].find((path) => /^[a-z]:\\users\\/i.test(path));
    if (own === undefined) return undefined;
    return `${own} is in a user's folder, which LOCAL SERVICE cannot read: move it, for example to ${FOLDER}`;
  },
  install(options): ServicePlan {
    return {
      folders: [FOLDER],
      files: [{ path: TASK_FILE, content: windowsTaskXml(options), encoding: "utf-16le" }],
      commands: [
        { argv: [ICACLS, FOLDER, "/grant", `*${LOCAL_SERVICE}:(OI)(CI)M`] },
        {
          argv: [
            ICACLS,
            ...[options.configFile, "/inheritance:r", "/grant:r"],
            ...[`*${SYSTEM}:F`, `*${ADMINISTRATORS}:F`, `*${LOCAL_SERVICE}:R`],
          ],
        },
        { argv: [SCHTASKS, "/Create", "/TN", TASK, "/XML", TASK_FILE, "/F"] },
        { argv: [SCHTASKS, "/Run", "/TN", TASK] },
      ],
      removed: [],
      notes: [
        "It runs as LOCAL SERVICE: files that the configuration names (secrets, certificates) must be readable for that account",
        `Its log: ${LOG_FILE}, which grows: rotate it while the task is stopped`,
      ],
    };
  },
  uninstall(): ServicePlan {
    return {
      folders: [],
      files: [],
      commands: [
        { argv: [SCHTASKS, "/End", "/TN", TASK], goodCodes: [1] },
        { argv: [SCHTASKS, "/Delete", "/TN", TASK, "/F"] },
      ],
      removed: [TASK_FILE],
      notes: [`The configuration and the log in ${FOLDER} are left as they are`],
    };
  },
};

/** The task's definition. Every five minutes it is started again if it does not run, however often it failed before. */
export function windowsTaskXml({ program, configFile }: ServiceOptions): string {
  const command = [...program, "run", "--config", configFile].map((word) => `"${word}"`).join(" ");
  return `<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>RelayServer connector</Description>
  </RegistrationInfo>
  <Triggers>
    <BootTrigger>
      <Repetition>
        <Interval>PT5M</Interval>
        <StopAtDurationEnd>false</StopAtDurationEnd>
      </Repetition>
      <Enabled>true</Enabled>
    </BootTrigger>
  </Triggers>
  <Principals>
    <Principal id="Connector">
      <UserId>${LOCAL_SERVICE}</UserId>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <AllowHardTerminate>true</AllowHardTerminate>
    <StartWhenAvailable>true</StartWhenAvailable>
    <RunOnlyIfNetworkAvailable>false</RunOnlyIfNetworkAvailable>
    <IdleSettings>
      <StopOnIdleEnd>false</StopOnIdleEnd>
      <RestartOnIdle>false</RestartOnIdle>
    </IdleSettings>
    <AllowStartOnDemand>true</AllowStartOnDemand>
    <Enabled>true</Enabled>
    <RunOnlyIfIdle>false</RunOnlyIfIdle>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>5</Priority>
    <RestartOnFailure>
      <Interval>PT1M</Interval>
      <Count>255</Count>
    </RestartOnFailure>
  </Settings>
  <Actions Context="Connector">
    <Exec>
      <Command>C:\\Windows\\System32\\cmd.exe</Command>
      <Arguments>${escapeXml(`/d /s /c "${command} >> "${LOG_FILE}" 2>&1"`)}</Arguments>
      <WorkingDirectory>${escapeXml(dirname(configFile))}</WorkingDirectory>
    </Exec>
  </Actions>
</Task>
`;
}
