/**
 * Requests that no client in good faith sends, and how they are refused: the tables of `hostile_client_test.ts`.
 *
 * @module
 */

/** A request's head as lines, without the empty one at its end. */
export type Head = readonly string[];

/** Everything that a row needs to know about the server it is sent to. */
export interface Place {
  /** `127.0.0.1` and the port. */
  readonly authority: string;
  /** `Host: ` and the authority. */
  readonly host: string;
  readonly tenant: string;
  /** `/relay/{tenant}/app`. */
  readonly path: string;
}

/** A row: what is sent by its name, and status and code of the answer; `PARSER` is what the listener says by itself. */
export type Rows = Readonly<Record<string, readonly [head: (place: Place) => Head, expected: string]>>;

/** The expectation of what the listener refuses by itself. */
export const PARSER = "parser";
/** The expectation of what is malformed. */
export const INVALID = "400 invalid_request";

/** Values of `Host` that are none. */
export const HOSTS: Rows = {
  "a path": [({ path }) => ["GET /x HTTP/1.1", `Host: h${path}`], INVALID],
  "a path and a query": [({ path }) => ["GET /x HTTP/1.1", `Host: h${path}?`], INVALID],
  "a query": [({ path }) => [`GET ${path} HTTP/1.1`, "Host: h?x"], INVALID],
  "a fragment": [({ path }) => [`GET ${path} HTTP/1.1`, "Host: h#x"], INVALID],
  "a user": [({ path }) => [`GET ${path} HTTP/1.1`, "Host: user:password@h"], INVALID],
  "a space": [({ path }) => [`GET ${path} HTTP/1.1`, "Host: a b"], INVALID],
  "a tab": [({ path }) => [`GET ${path} HTTP/1.1`, "Host: a\tb"], INVALID],
  "a control character": [({ path }) => [`GET ${path} HTTP/1.1`, "Host: a\x01b"], PARSER],
  "a NUL": [({ path }) => [`GET ${path} HTTP/1.1`, "Host: a\0b"], PARSER],
  "UTF-8": [({ path }) => [`GET ${path} HTTP/1.1`, "Host: b\xc3\xbcro"], INVALID],
  "a word as port": [({ path }) => [`GET ${path} HTTP/1.1`, "Host: h:8x"], INVALID],
  "no port after the colon": [({ path }) => [`GET ${path} HTTP/1.1`, "Host: h:"], INVALID],
  "a port of six digits": [({ path }) => [`GET ${path} HTTP/1.1`, "Host: h:999999"], INVALID],
  "two names": [({ path }) => [`GET ${path} HTTP/1.1`, "Host: a, b"], INVALID],
  "a backslash": [({ path }) => [`GET ${path} HTTP/1.1`, "Host: a\\b"], INVALID],
  "an escape": [({ path }) => [`GET ${path} HTTP/1.1`, "Host: a%2fb"], INVALID],
  "half an IPv6 address": [({ path }) => [`GET ${path} HTTP/1.1`, "Host: [::1"], INVALID],
  "two lines": [({ path, host }) => [`GET ${path} HTTP/1.1`, host, "Host: other"], PARSER],
  "two equal lines": [({ path, host }) => [`GET ${path} HTTP/1.1`, host, host], PARSER],
  "a folded line": [({ path }) => [`GET ${path} HTTP/1.1`, "Host: x", " y"], PARSER],
  "a space before the colon": [({ path }) => [`GET ${path} HTTP/1.1`, "Host : x"], PARSER],
};

/** Request targets that name no target, or not exactly. */
export const TARGETS: Rows = {
  "an absolute form of another host": [({ path, host }) => [`GET http://other${path} HTTP/1.1`, host], INVALID],
  "an absolute form of another port": [({ path, host }) => [`GET http://127.0.0.1:1${path} HTTP/1.1`, host], INVALID],
  "an absolute form with a user": [
    ({ authority, path, host }) => [`GET http://u@${authority}${path} HTTP/1.1`, host],
    INVALID,
  ],
  "an absolute form with a query for a path": [
    ({ authority, path, host }) => [`GET http://${authority}?${path} HTTP/1.1`, host],
    INVALID,
  ],
  "an absolute form with a backslash": [
    ({ authority, path, host }) => [`GET http://${authority}\\${path} HTTP/1.1`, host],
    INVALID,
  ],
  "an absolute form of another scheme": [
    ({ authority, path, host }) => [`GET ftp://${authority}${path} HTTP/1.1`, host],
    INVALID,
  ],
  "an absolute form without a path": [
    ({ authority, host }) => [`GET http://${authority} HTTP/1.1`, host],
    "404 not_found",
  ],
  "an authority": [({ authority, host }) => [`GET ${authority} HTTP/1.1`, host], PARSER],
  "an asterisk": [({ host }) => ["OPTIONS * HTTP/1.1", host], "404 not_found"],
  "an asterisk on GET": [({ host }) => ["GET * HTTP/1.1", host], PARSER],
  "an asterisk before a path": [({ path, host }) => [`OPTIONS *${path} HTTP/1.1`, host], PARSER],
  "no slash": [({ path, host }) => [`GET ${path.slice(1)} HTTP/1.1`, host], PARSER],
  "a fragment": [({ path, host }) => [`GET ${path}#/x HTTP/1.1`, host], INVALID],
  "a space": [({ path, host }) => [`GET ${path}/a b HTTP/1.1`, host], PARSER],
  "a tab": [({ path, host }) => [`GET ${path}/a\tb HTTP/1.1`, host], PARSER],
  "a control character": [({ path, host }) => [`GET ${path}/a\x01b HTTP/1.1`, host], PARSER],
  "a NUL": [({ path, host }) => [`GET ${path}/a\0b HTTP/1.1`, host], PARSER],
  "a carriage return": [({ path, host }) => [`GET ${path}/a\rb HTTP/1.1`, host], PARSER],
  "two slashes at first": [({ path, host }) => [`GET /${path} HTTP/1.1`, host], "404 not_found"],
  "a host after two slashes": [({ path, host }) => [`GET //evil${path} HTTP/1.1`, host], "404 not_found"],
  "a way back to the root": [({ path, host }) => [`GET /relay/..${path} HTTP/1.1`, host], "404 tenant_unknown"],
  "a way back from elsewhere": [({ path, host }) => [`GET /x/..${path} HTTP/1.1`, host], "404 not_found"],
  "a dot segment at first": [({ path, host }) => [`GET /.${path} HTTP/1.1`, host], "404 not_found"],
  "an escaped route": [({ tenant, host }) => [`GET /%72elay/${tenant}/app HTTP/1.1`, host], "404 not_found"],
  "a route in another case": [({ tenant, host }) => [`GET /Relay/${tenant}/app HTTP/1.1`, host], "404 not_found"],
  "an escaped slash after the route": [
    ({ tenant, host }) => [`GET /relay%2f${tenant}/app HTTP/1.1`, host],
    "404 not_found",
  ],
  "an escaped slash after the tenant": [
    ({ tenant, host }) => [`GET /relay/${tenant}%2fapp HTTP/1.1`, host],
    "404 not_found",
  ],
  "an escaped slash after the target": [({ path, host }) => [`GET ${path}%2fx HTTP/1.1`, host], "404 target_unknown"],
  "backslashes": [({ tenant, host }) => [`GET \\relay\\${tenant}\\app HTTP/1.1`, host], PARSER],
  "backslashes after the route": [({ tenant, host }) => [`GET /relay\\${tenant}\\app HTTP/1.1`, host], "404 not_found"],
  "no tenant": [({ host }) => ["GET /relay//app HTTP/1.1", host], "404 not_found"],
  "no target": [({ tenant, host }) => [`GET /relay/${tenant}//x HTTP/1.1`, host], "404 not_found"],
  "a dot segment for a target": [
    ({ tenant, host }) => [`GET /relay/${tenant}/../x HTTP/1.1`, host],
    "404 target_unknown",
  ],
  "an escaped dot segment for a target": [
    ({ tenant, host }) => [`GET /relay/${tenant}/%2e%2e/x HTTP/1.1`, host],
    "404 target_unknown",
  ],
  "a catch-all for a target": [({ tenant, host }) => [`GET /relay/${tenant}/*/x HTTP/1.1`, host], "404 target_unknown"],
  "a parameter after the target": [({ path, host }) => [`GET ${path};x=..//y HTTP/1.1`, host], "404 target_unknown"],
};

/** Methods and versions that are not relayed. */
export const METHODS: Rows = {
  "CONNECT of an authority": [({ authority, host }) => [`CONNECT ${authority} HTTP/1.1`, host], INVALID],
  "CONNECT of a path": [({ path, host }) => [`CONNECT ${path} HTTP/1.1`, host], PARSER],
  "a known method in lower case": [({ path, host }) => [`get ${path} HTTP/1.1`, host], INVALID],
  "a known method in mixed case": [({ path, host }) => [`Delete ${path} HTTP/1.1`, host], INVALID],
  "a control character": [({ path, host }) => [`G\x01T ${path} HTTP/1.1`, host], PARSER],
  "a separator": [({ path, host }) => [`G(T ${path} HTTP/1.1`, host], PARSER],
  "no method": [({ path, host }) => [` ${path} HTTP/1.1`, host], PARSER],
  "no version": [({ path }) => [`GET ${path}`], PARSER],
  "version 2.0": [({ path, host }) => [`GET ${path} HTTP/2.0`, host], PARSER],
};

/** Headers that are malformed. */
export const HEADERS: Rows = {
  "an encoding besides chunked": [
    ({ path, host }) => [`POST ${path} HTTP/1.1`, host, "Transfer-Encoding: gzip, chunked"],
    INVALID,
  ],
  "a control character": [({ path, host }) => [`GET ${path} HTTP/1.1`, host, "X: a\x01b"], PARSER],
  "a NUL": [({ path, host }) => [`GET ${path} HTTP/1.1`, host, "X: a\0b"], PARSER],
  "a DEL": [({ path, host }) => [`GET ${path} HTTP/1.1`, host, "X: a\x7fb"], PARSER],
  "a carriage return": [({ path, host }) => [`GET ${path} HTTP/1.1`, host, "X: a\rInjected: 1"], PARSER],
  "a folded line": [({ path, host }) => [`GET ${path} HTTP/1.1`, host, "X: a", " b"], PARSER],
  "a space in a name": [({ path, host }) => [`GET ${path} HTTP/1.1`, host, "X Y: a"], PARSER],
  "a space after a name": [({ path, host }) => [`GET ${path} HTTP/1.1`, host, "X : a"], PARSER],
  "no name": [({ path, host }) => [`GET ${path} HTTP/1.1`, host, ": a"], PARSER],
  "no colon": [({ path, host }) => [`GET ${path} HTTP/1.1`, host, "nonsense"], PARSER],
};
