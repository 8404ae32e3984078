/**
 * Parts of a page that stay as they are in truth: the page is asked for again, once for all of them.
 *
 * @module
 */

import type { FC } from "hono/jsx";

/** What is replaced, and when. */
export interface RefreshOptions {
  /** Ids of the elements. */
  readonly ids: readonly string[];
  /** How long the changes of a busy server are gathered, as htmx writes it. */
  readonly throttle?: "500ms" | "1s";
  /** How often it is asked when nothing is heard of changes. */
  readonly everySeconds: number;
}

/** Takes no place on the page. */
export const Refresh: FC<RefreshOptions> = ({ ids, throttle = "1s", everySeconds }) => (
  <div
    hidden
    hx-get=""
    hx-trigger={`relay-changed from:body throttle:${throttle}, every ${everySeconds}s`}
    hx-swap="none"
    hx-select-oob={ids.map((id) => `#${id}`).join(",")}
  >
  </div>
);
