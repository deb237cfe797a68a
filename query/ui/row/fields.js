// @ts-check
// Fields of a row by the names that a query has for them.

/** @typedef {import("../lib/api.js").Row} Row */

/** What the platform stamps, as a row and a query call it. */
export const STAMPS = /** @type {const} */ (["level", "partner", "module", "instance", "csp", "environment", "version", "id"]);
/** Members of the source that a query can ask for. */
export const SOURCE_ASKED = ["cluster", "node", "namespace", "pod", "container", "stream"];
/** Names that mean something else in a query: a module's own key of that name is reached under `attributes.`. */
const TAKEN = new Set([...STAMPS, ...SOURCE_ASKED, "verdict", "problem", "problems", "time", "message", "session", "in", "attributes"]);
/** Ids that several lines share, the one of the longest story first. */
const IDS = ["session_id", "call_id", "h323_conf_id", "request_id", "unique_id", "event_id"];

/** A key of the line's own, as a query names it. @param {string} path @param {string} key */
export function below(path, key) {
  return path ? `${path}.${key}` : TAKEN.has(key) ? `attributes.${key}` : key;
}

/** What a field has, as text; empty where the row has none. @param {Row} row @param {string} name */
export function valueAt(row, name) {
  if (/** @type {readonly string[]} */ (STAMPS).includes(name) || name === "verdict") return text(row[/** @type {"id"} */ (name)]);
  if (SOURCE_ASKED.includes(name)) return text(row.source?.[name]);
  const own = name.startsWith("attributes.") ? name.slice("attributes.".length) : name;
  const attributes = row.attributes ?? {};
  return text(at(attributes, own) ?? at(/** @type {Record<string, unknown>} */ (attributes.extra ?? {}), own));
}

/** @param {Record<string, unknown>} object @param {string} path */
function at(object, path) {
  if (object === null || typeof object !== "object") return undefined;
  if (path in object) return object[path];
  /** @type {unknown} */
  let value = object;
  for (const key of path.split(".")) value = value !== null && typeof value === "object" ? /** @type {Record<string, unknown>} */ (value)[key] : undefined;
  return value;
}

/** @param {unknown} value */
function text(value) {
  return value === undefined || value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** The id under which a row's whole request or call is found; empty where it has none. @param {Row | null} row */
export function requestOf(row) {
  if (!row) return "";
  for (const name of IDS) {
    const id = valueAt(row, name);
    if (id) return id;
  }
  return "";
}
