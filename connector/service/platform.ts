/**
 * Which services this machine has.
 *
 * @module
 */

import { launchd } from "./launchd.ts";
import type { ServicePlatform } from "./plan.ts";
import { systemd } from "./systemd.ts";
import { windowsTask } from "./windows_task.ts";

const PLATFORMS: Readonly<Record<string, ServicePlatform>> = { linux: systemd, darwin: launchd, windows: windowsTask };

/**
 * The services of an operating system.
 *
 * @param os As in `Deno.build.os`.
 * @throws {Error} when there is no way to install a service there.
 */
export function servicePlatform(os: string): ServicePlatform {
  const platform = PLATFORMS[os];
  if (platform === undefined) throw new Error(`Cannot install a service: ${os} is not supported`);
  return platform;
}
