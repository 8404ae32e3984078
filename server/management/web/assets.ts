/**
 * Scripts and styles of the pages. They are part of the program, and their addresses change with their content.
 *
 * @module
 */

import { createHash } from "node:crypto";
import htmx from "htmx.org/dist/htmx.min.js" with { type: "text" };
import uplot from "uplot/dist/uPlot.iife.min.js" with { type: "text" };
import uplotStyle from "uplot/dist/uPlot.min.css" with { type: "text" };
import app from "./assets/app.js" with { type: "text" };
import charts from "./assets/charts.js" with { type: "text" };
import recordings from "./assets/recordings.css" with { type: "text" };
import live from "./assets/live.js" with { type: "text" };
import style from "./assets/style.css" with { type: "text" };
import theme from "./assets/theme.js" with { type: "text" };
import type { Web } from "./environment.ts";

const PATH = "/assets";

const CONTENTS = {
  "htmx.js": htmx,
  "uplot.js": uplot,
  "uplot.css": uplotStyle,
  "app.js": app,
  "charts.js": charts,
  "live.js": live,
  "recordings.css": recordings,
  "style.css": style,
  "theme.js": theme,
} as const;

/** What there is. */
export type AssetName = keyof typeof CONTENTS;

const TYPES: Readonly<Record<string, string>> = { js: "text/javascript", css: "text/css" };

const paths = new Map<AssetName, string>();

/** The address of an asset. */
export function assetPath(name: AssetName): string {
  let path = paths.get(name);
  if (path === undefined) {
    const hash = createHash("sha256").update(CONTENTS[name]).digest("hex").slice(0, 12);
    paths.set(name, path = `${PATH}/${hash}/${name}`);
  }
  return path;
}

/** Adds the assets, open to everybody: they are the same for all servers of a version. */
export function addAssets(web: Web): void {
  for (const name of Object.keys(CONTENTS) as AssetName[]) {
    const type = `${TYPES[name.slice(name.lastIndexOf(".") + 1)]}; charset=utf-8`;
    web.get(assetPath(name), (context) =>
      context.body(CONTENTS[name], 200, {
        "Content-Type": type,
        "Cache-Control": "public, max-age=31536000, immutable",
      }));
  }
}
