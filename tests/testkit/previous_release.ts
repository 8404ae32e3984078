/**
 * The release before this one, as its programs were: from the history of this repository.
 *
 * @module
 */

import { join } from "node:path";
import { PROJECT_ROOT } from "./process.ts";
import { isRequired } from "./requirement.ts";

/**
 * The commit that counts as the release before. At a release, put the commit of the one before it here: `git rev-parse v0.1.0`. Until there is one,
 * it is the first with complete clusters: without stored requests and recordings in its schema, and without bodies by HTTP in its protocol.
 */
const COMMIT = "e83c0ae8329d6467ecc7d4af73f824637621da35";

/** Whether the history is here. */
export interface History {
  /** For `ignore` of a test. */
  readonly isSkipped: boolean;
  /** A test's name, with the reason when it is skipped. */
  label(name: string): string;
}

/** Looks for the release before in the history, which a shallow clone or an archive does not have. */
export async function requireHistory(): Promise<History> {
  const isThere = await git(["cat-file", "-e", `${COMMIT}^{commit}`]).then(() => true, () => false);
  const isSkipped = !isThere && !isRequired("history");
  return { isSkipped, label: (name) => isSkipped ? `${name} (skipped: no commit ${COMMIT.slice(0, 7)} here)` : name };
}

/** A copy of the release before. Hold it with `await using`. */
export class PreviousRelease implements AsyncDisposable {
  /** The folder of its `deno.json`. */
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  static async checkOut(): Promise<PreviousRelease> {
    const root = await Deno.makeTempDir({ prefix: "relayserver-previous-" });
    const archive = join(root, "archive.tar");
    await git(["archive", "--format=tar", "-o", archive, COMMIT]);
    await run("tar", ["-xf", archive, "-C", root]);
    await Deno.remove(archive);
    return new PreviousRelease(root);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.root, { recursive: true });
  }
}

async function git(args: readonly string[]): Promise<void> {
  await run("git", args);
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args: [...args], cwd: PROJECT_ROOT }).output();
  if (!success) throw new Error(`${command} ${args.join(" ")} failed: ${new TextDecoder().decode(stderr)}`);
}
