/**
 * Small drawings beside words. They say nothing by themselves.
 *
 * @module
 */

import type { FC } from "hono/jsx";

const PATHS = {
  dashboard: "M3 13h8V3H3zM13 21h8V11h-8zM3 21h8v-6H3zM13 3v6h8V3z",
  tenants: "M4 21V5l8-3 8 3v16M9 21v-5h6v5M8 8h.01M12 8h.01M16 8h.01M8 12h.01M12 12h.01M16 12h.01",
  requests: "M4 7h13l-3-3M20 17H7l3 3",
  audit: "M9 4h6v3H9zM7 5H5v16h14V5h-2M9 12h6M9 16h6",
  events: "M3 12h4l3-8 4 16 3-8h4",
  users:
    "M16 20v-1a4 4 0 0 0-4-4H7a4 4 0 0 0-4 4v1M9.5 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7M21 20v-1a4 4 0 0 0-3-3.9M16 4.1a3.5 3.5 0 0 1 0 6.8",
  keys: "M14.5 9.5 21 3M18 6l2 2M15 9l2 2M7.5 20a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9",
  menu: "M4 6h16M4 12h16M4 18h16",
  theme: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
  plus: "M12 5v14M5 12h14",
  logo: "M4 8a4 4 0 0 1 4-4h8a4 4 0 0 1 0 8H8a4 4 0 0 0 0 8h8a4 4 0 0 0 4-4",
} as const;

/** What there is. */
export type IconName = keyof typeof PATHS;

/** A drawing. */
export const Icon: FC<{ name: IconName }> = ({ name }) => (
  <svg
    class="icon"
    viewBox="0 0 24 24"
    width="18"
    height="18"
    fill="none"
    stroke="currentColor"
    stroke-width="1.8"
    stroke-linecap="round"
    stroke-linejoin="round"
    aria-hidden="true"
  >
    <path d={PATHS[name]} />
  </svg>
);
