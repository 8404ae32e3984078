/**
 * What all pages look like: head, navigation, the line that says whether what is shown is live.
 *
 * @module
 */

import type { Child, FC } from "hono/jsx";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { VERSION } from "../../../shared/version.ts";
import type { Role } from "../../persistence/mod.ts";
import type { Principal } from "../credentials.ts";
import { type AssetName, assetPath } from "./assets.ts";
import { may, type WebContext } from "./environment.ts";
import { Icon, type IconName } from "./parts/icon.tsx";

/** A place in the navigation. */
export interface Place {
  readonly path: string;
  readonly label: string;
  readonly icon: IconName;
  /** Pressed after `g`. */
  readonly key: string;
  readonly role: Role;
}

const PLACES: readonly Place[] = [
  { path: "/", label: "Dashboard", icon: "dashboard", key: "d", role: "reader" },
  { path: "/tenants", label: "Tenants", icon: "tenants", key: "t", role: "reader" },
  { path: "/requests", label: "Requests", icon: "requests", key: "r", role: "reader" },
  { path: "/events", label: "Events", icon: "events", key: "e", role: "reader" },
  { path: "/audit", label: "Audit", icon: "audit", key: "a", role: "reader" },
  { path: "/users", label: "Users", icon: "users", key: "u", role: "admin" },
  { path: "/api-keys", label: "API keys", icon: "keys", key: "k", role: "admin" },
];

/** htmx writes no styles and evaluates no code: the content security policy would not let it. */
const HTMX_CONFIG = JSON.stringify({
  includeIndicatorStyles: false,
  allowEval: false,
  selfRequestsOnly: true,
  historyCacheSize: 0,
  refreshOnHistoryMiss: true,
});

const ICON = "data:image/svg+xml," + encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#2f5bd7"/>' +
    '<path d="M8 12a4 4 0 0 1 4-4h8a4 4 0 0 1 0 8h-8a4 4 0 0 0 0 8h8a4 4 0 0 0 4-4" fill="none" stroke="#fff" ' +
    'stroke-width="3" stroke-linecap="round"/></svg>',
);

/** A page. */
export interface PageOptions {
  readonly title: string;
  /** The path of the place in the navigation that it belongs to. */
  readonly place?: string;
  /** Scripts and styles besides those of all pages. */
  readonly assets?: readonly AssetName[];
  /** Events that keep it up to date, as `/management/events` takes them; none when it is not live. */
  readonly live?: { readonly types: readonly string[]; readonly tenant?: string };
  readonly status?: ContentfulStatusCode;
}

/** Answers with a page for somebody who is logged in. */
export function showPage(context: WebContext, options: PageOptions, content: Child): Promise<Response> {
  const { principal } = context.get("caller");
  const places = PLACES.filter(({ role }) => may(context, role));
  return answer(
    context,
    options,
    <div class="shell">
      <a class="skip" href="#content">Skip to the content</a>
      <Sidebar places={places} place={options.place} principal={principal} />
      <main id="content" tabindex={-1}>{content}</main>
      <Help places={places} />
    </div>,
  );
}

/** Answers with a page for somebody who is not. */
export function showBarePage(context: WebContext, options: PageOptions, content: Child): Promise<Response> {
  return answer(
    context,
    options,
    <div class="bare">
      <main id="content">
        <p class="brand">
          <Icon name="logo" /> RelayServer
        </p>
        {content}
      </main>
      <footer class="bare-foot">
        <span>Version {VERSION}</span>
        <ThemeButton />
      </footer>
    </div>,
  );
}

async function answer(context: WebContext, options: PageOptions, body: Child): Promise<Response> {
  const page = await <Document {...options}>{body}</Document>;
  return context.html(`<!doctype html>${page}`, options.status ?? 200);
}

const Document: FC<PageOptions & { children?: Child }> = ({ title, assets = [], live, children }) => {
  const scripts = assets.filter((name) => name.endsWith(".js"));
  const styles = assets.filter((name) => name.endsWith(".css"));
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="htmx-config" content={HTMX_CONFIG} />
        <title>{title} · RelayServer</title>
        <link rel="icon" href={ICON} />
        <link rel="stylesheet" href={assetPath("style.css")} />
        {styles.map((name) => <link rel="stylesheet" href={assetPath(name)} />)}
        <script src={assetPath("theme.js")}></script>
        <script src={assetPath("htmx.js")} defer></script>
        <script src={assetPath("app.js")} defer></script>
        {live !== undefined && <script src={assetPath("live.js")} defer></script>}
        {scripts.map((name) => <script src={assetPath(name)} defer></script>)}
      </head>
      <body data-live={live && eventsPath(live)}>{children}</body>
    </html>
  );
};

function eventsPath({ types, tenant }: NonNullable<PageOptions["live"]>): string {
  const query = new URLSearchParams({ types: types.join(","), ...(tenant === undefined ? {} : { tenant }) });
  return `/management/events?${query}`;
}

const Sidebar: FC<{ places: readonly Place[]; place: string | undefined; principal: Principal }> = (
  { places, place, principal },
) => (
  <header class="side">
    <a class="brand" href="/">
      <Icon name="logo" /> RelayServer
    </a>
    <p id="live" class="live" role="status" hidden></p>
    <button type="button" class="menu-button" aria-expanded="false" aria-controls="menu" data-menu>
      <Icon name="menu" /> Menu
    </button>
    <div id="menu" class="menu">
      <nav aria-label="Pages">
        <ul>
          {places.map(({ path, label, icon }) => (
            <li>
              <a href={path} aria-current={path === place ? "page" : undefined}>
                <Icon name={icon} /> {label}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <div class="side-foot">
        <p class="who">
          <a href="/account" aria-current={place === "/account" ? "page" : undefined}>{principal.name}</a>
          <span class="muted">{principal.role}</span>
        </p>
        <div class="side-actions">
          <form method="post" action="/logout">
            <button type="submit" class="quiet">Log out</button>
          </form>
          <ThemeButton />
          <button
            type="button"
            class="quiet square"
            data-help
            aria-label="Keyboard shortcuts"
            title="Keyboard shortcuts (?)"
          >
            ?
          </button>
        </div>
        <p class="muted small">
          <a href="/management/docs">API</a> · version {VERSION}
        </p>
      </div>
    </div>
  </header>
);

/** Does nothing without scripts, and is not shown then. */
const ThemeButton: FC = () => (
  <button type="button" class="quiet square" data-theme-button hidden aria-label="Colors: as the system" title="Colors">
    <Icon name="theme" />
  </button>
);

const Help: FC<{ places: readonly Place[] }> = ({ places }) => (
  <dialog id="help" aria-labelledby="help-title">
    <h2 id="help-title">Keyboard shortcuts</h2>
    <dl class="keys">
      <div>
        <dt>
          <kbd>/</kbd>
        </dt>
        <dd>Search on this page</dd>
      </div>
      {places.map(({ label, key, path }) => (
        <div data-go={key} data-path={path}>
          <dt>
            <kbd>g</kbd> <kbd>{key}</kbd>
          </dt>
          <dd>{label}</dd>
        </div>
      ))}
      <div>
        <dt>
          <kbd>?</kbd>
        </dt>
        <dd>This list</dd>
      </div>
    </dl>
    <form method="dialog">
      <button type="submit">Close</button>
    </form>
  </dialog>
);
