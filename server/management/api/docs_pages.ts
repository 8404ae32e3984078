/**
 * `/management/openapi.json` and pages that show it. All they need comes from here: no request leaves the machine.
 *
 * @module
 */

import { VERSION } from "../../../shared/version.ts";
import { API_KEY_HEADER } from "./authentication.ts";
import { SESSION_COOKIE } from "../../../shared/http/session_cookie.ts";
import type { Api } from "./environment.ts";
import { SECURITY_SCHEMES } from "./route.ts";

const DESCRIPTION_PATH = "/management/openapi.json";
const PAGES_PATH = "/management/docs";

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>RelayServer management API</title>
<link rel="stylesheet" href="${PAGES_PATH}/swagger-ui.css">
<link rel="icon" href="data:,">
</head>
<body>
<div id="pages"></div>
<script src="${PAGES_PATH}/swagger-ui-bundle.js"></script>
<script src="${PAGES_PATH}/start.js"></script>
</body>
</html>
`;

/** Swagger UI would ask its maker's server whether the description is valid, if it were not told otherwise. */
const START_SCRIPT = `SwaggerUIBundle({
  url: "${DESCRIPTION_PATH}",
  dom_id: "#pages",
  validatorUrl: null,
  deepLinking: true,
  persistAuthorization: false,
});
`;

/** Swagger UI writes styles into its elements and has images in its style sheet; nothing else is let in. */
const PAGE_HEADERS = {
  "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; " +
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cache-Control": "no-cache",
};

/** Adds the description and its pages, open to everybody who can reach the listener: they tell nothing about this server. */
export function addDocsPages(api: Api): void {
  registerSecuritySchemes(api);
  let description: object | undefined;
  api.get(DESCRIPTION_PATH, (context) => {
    description ??= describe(api);
    return context.json(description, 200, { "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff" });
  });
  api.get(PAGES_PATH, (context) => context.html(PAGE, 200, PAGE_HEADERS));
  api.get(`${PAGES_PATH}/start.js`, (context) => context.body(START_SCRIPT, 200, typed("text/javascript")));
  // Two megabytes that are only loaded when somebody looks.
  api.get(`${PAGES_PATH}/swagger-ui-bundle.js`, async (context) => {
    const { default: script } = await import("swagger-ui-dist/swagger-ui-bundle.js", { with: { type: "text" } });
    return context.body(script, 200, typed("text/javascript"));
  });
  api.get(`${PAGES_PATH}/swagger-ui.css`, async (context) => {
    const { default: style } = await import("swagger-ui-dist/swagger-ui.css", { with: { type: "text" } });
    return context.body(style, 200, typed("text/css"));
  });
}

function typed(type: string): Record<string, string> {
  return { ...PAGE_HEADERS, "Content-Type": `${type}; charset=utf-8` };
}

function registerSecuritySchemes(api: Api): void {
  const { openAPIRegistry } = api;
  openAPIRegistry.registerComponent("securitySchemes", SECURITY_SCHEMES.apiKey, {
    type: "apiKey",
    in: "header",
    name: API_KEY_HEADER,
  });
  openAPIRegistry.registerComponent("securitySchemes", SECURITY_SCHEMES.session, {
    type: "apiKey",
    in: "cookie",
    name: SESSION_COOKIE,
    description: "Begins with POST /management/session.",
  });
}

function describe(api: Api): object {
  return api.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "RelayServer management API",
      version: VERSION,
      description:
        "Tenants, credentials, request log and operation of a RelayServer. Settings that are time spans are " +
        "written hh:mm:ss, with days before and milliseconds behind a dot; what was measured is in milliseconds.",
      license: { name: "BSD-3-Clause" },
    },
    servers: [{ url: "/" }],
  });
}
