/**
 * What a program says of itself: version, commit, runtime, platform. The commit is written into `build.json` when an executable is made;
 * a program that runs from its sources has none.
 *
 * @module
 */

import build from "./build.json" with { type: "json" };
import { VERSION } from "./version.ts";

/** The commit the executable was made from, where that is known. */
export const COMMIT: string | undefined = (build as { readonly commit: string | null }).commit ?? undefined;

/** One line for `--version`: it begins with the version. */
export function describeBuild(): string {
  const facts = [
    ...(COMMIT === undefined ? [] : [`commit ${COMMIT}`]),
    `Deno ${Deno.version.deno}`,
    Deno.build.target,
    ...(Deno.build.standalone ? [] : ["from source"]),
  ];
  return `${VERSION} (${facts.join(", ")})`;
}
