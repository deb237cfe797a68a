// @ts-check
// A row, opened: the whole message, its fields as a tree whose values narrow the query, where it came from, and how well it was formed.

import { h, visible } from "./dom.js";
import { clause } from "./query.js";
import { full } from "./time.js";

/** Deeper or longer than the format allows is cut by the server; this keeps the page quick for what is allowed. */
const ITEMS_SHOWN_MAX = 200;

/** What the platform stamps, as a row and a query call it. */
const STAMPS = /** @type {const} */ (["level", "partner", "module", "instance", "csp", "version", "environment", "id"]);
/** Members of the source that a query can ask for. */
const SOURCE_ASKED = ["cluster", "node", "namespace", "pod", "container", "stream"];
/** Names that mean something else in a query: a module's own key of that name is reached under `attributes.`. */
const TAKEN = new Set([...STAMPS, ...SOURCE_ASKED, "verdict", "problem", "problems", "time", "message", "session", "in", "attributes"]);

/**
 * @typedef {(clause: string) => void} Narrow
 */

/**
 * @param {import("./api.js").Row} row
 * @param {Narrow} narrow takes a clause into the query
 */
export function detail(row, narrow) {
  const lines = h("pre", { class: "whole" }, visible(row.message ?? ""));
  return h(
    "div",
    { class: "detail" },
    lines,
    h(
      "div",
      { class: "columns" },
      section("Fields", tree(row.attributes ?? {}, "", narrow), "This line has no other fields."),
      section("Line", stamps(row, narrow), ""),
      section("Source", source(row.source ?? {}, narrow), "Where this line was printed is not known."),
      section("Format", format(row, narrow), ""),
    ),
    h("p", { class: "actions" }, copyButton("Copy as JSON", () => JSON.stringify(row, null, 2)), copyButton("Copy message", () => row.message ?? "")),
  );
}

/** @param {string} title @param {HTMLElement | null} content @param {string} otherwise */
function section(title, content, otherwise) {
  return h("section", {}, h("h3", {}, title), content ?? h("p", { class: "muted" }, otherwise));
}

/** The platform's own fields, and the line's way in time. @param {import("./api.js").Row} row @param {Narrow} narrow */
function stamps(row, narrow) {
  const list = h("ul", { class: "tree" }, leaf("time", row.time, "", narrow));
  for (const name of /** @type {const} */ (["read", "arrived"])) if (row[name]) list.append(leaf(name, row[name], "", narrow));
  for (const name of STAMPS) if (row[name]) list.append(leaf(name, row[name], name, narrow));
  return list;
}

/** Where it came from. @param {Record<string, unknown>} members @param {Narrow} narrow */
function source(members, narrow) {
  const entries = Object.entries(members);
  if (entries.length === 0) return null;
  return h("ul", { class: "tree" }, ...entries.map(([key, value]) => leaf(key, value, SOURCE_ASKED.includes(key) ? key : "", narrow)));
}

/**
 * An object or array as a list; null where it is empty.
 * @param {Record<string, unknown> | unknown[]} value
 * @param {string} path dotted; items of an array have their array's
 * @param {Narrow} narrow
 * @returns {HTMLElement | null}
 */
function tree(value, path, narrow) {
  const entries = Object.entries(value);
  if (entries.length === 0) return null;
  const list = h("ul", { class: "tree" });
  for (const [key, item] of entries.slice(0, ITEMS_SHOWN_MAX)) {
    const below = Array.isArray(value) ? path : path ? `${path}.${key}` : TAKEN.has(key) ? `attributes.${key}` : key;
    if (item !== null && typeof item === "object") {
      const inner = tree(/** @type {Record<string, unknown>} */ (item), below, narrow);
      list.append(h("li", { class: inner ? "branch" : null }, h("span", { class: "key" }, visible(key)), inner ?? h("span", { class: "value muted" }, Array.isArray(item) ? "[]" : "{}")));
    } else {
      list.append(leaf(key, item, below, narrow));
    }
  }
  if (entries.length > ITEMS_SHOWN_MAX) list.append(h("li", { class: "muted" }, `and ${entries.length - ITEMS_SHOWN_MAX} more: copy the line to see them`));
  return list;
}

/**
 * One value: a click on it narrows the query to it, − leaves it out.
 * @param {string} key
 * @param {unknown} value
 * @param {string} path the field's name in a query; empty where there is none
 * @param {Narrow} narrow
 */
function leaf(key, value, path, narrow) {
  const text = value === null ? "null" : String(value);
  const shown = visible(text);
  const only = path && value !== null ? clause(path, text) : null;
  const what = h("span", { class: "what" });
  const item = h("li", {}, h("span", { class: "key" }, visible(key)), what);
  if (only === null) {
    what.append(h("span", { class: "value" }, shown === "" ? "“”" : shown));
    return item;
  }
  const without = clause(path, text, true) ?? "";
  const leaveOut = `Leave out lines with ${only}`;
  what.append(
    h("button", { type: "button", class: "value", title: `Only lines with ${only}`, onclick: () => narrow(only) }, shown),
    h("button", { type: "button", class: "minus", "aria-label": leaveOut, title: leaveOut, onclick: () => narrow(without) }, "−"),
  );
  return item;
}

/** Verdict, problems, redactions. @param {import("./api.js").Row} row @param {Narrow} narrow */
function format(row, narrow) {
  const verdict = row.verdict ?? "ok";
  const list = h("ul", { class: "tree" }, leaf("verdict", verdict, "verdict", narrow));
  for (const problem of row.problems ?? []) {
    const code = typeof problem === "string" ? problem : problem.code;
    const fix = FIXES[code] ?? (typeof problem === "string" ? "" : problem.fix ?? "");
    const item = leaf("problem", code, "problem", narrow);
    if (fix) item.querySelector(".what")?.append(h("p", { class: "fix" }, `${fix}.`));
    list.append(item);
  }
  const redactions = redacted(row.redactions);
  if (redactions) list.append(h("li", {}, h("span", { class: "key" }, "removed"), h("span", { class: "value" }, redactions)));
  return list;
}

/** How many secrets of which kind were removed. @param {import("./api.js").Row["redactions"]} redactions */
function redacted(redactions) {
  if (!redactions) return "";
  const pairs = Array.isArray(redactions)
    ? redactions.map((each) => (typeof each === "string" ? [each, 1] : Array.isArray(each) ? each : [each.kind, each.count ?? 1]))
    : Object.entries(redactions);
  return pairs.map(([kind, count]) => (count === 1 ? kind : `${kind} ×${count}`)).join(", ");
}

/** @param {string} label @param {() => string} text */
function copyButton(label, text) {
  const button = h("button", { type: "button" }, label);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = "Copied";
    } catch {
      button.textContent = "The browser does not allow copying: select the text instead";
    }
    setTimeout(() => (button.textContent = label), 2_000);
  });
  return button;
}

/** The title of a time in full, for the row. @param {string} time */
export function timeTitle(time) {
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? time : `${full(ms)} (${time})`;
}

/** What the module's author changes, by reason code. @type {Record<string, string>} */
const FIXES = {
  not_json: "Write one JSON object per line; configure the logger, and the web server's access log, to print JSON",
  not_object: "Write an object with timestamp, level and message instead of a bare value or array",
  missing_timestamp: "Add “timestamp” in RFC 3339 with a zone, such as 2026-11-22T10:12:50.353Z",
  bad_timestamp: "Write “timestamp” in RFC 3339 with a zone, or as a number of epoch s, ms, us or ns",
  clock_skew: "Log the time of the event from a synchronised clock; times over 24 h away are kept in the fields only",
  missing_level: "Add “level”: trace, debug, info, warn, error or fatal",
  unknown_level: "Use one of trace, debug, info, notice, warn, error, critical, fatal, alert, emergency, panic",
  missing_message: "Add “message” with a sentence for a reader",
  empty_message: "Say in “message” what happened",
  too_long: "Keep lines under 16 KiB; over 256 KiB they are cut",
  too_many_fields: "Log at most 128 keys a line",
  too_deep: "Nest at most 8 levels deep",
  bad_utf8: "Write UTF-8",
  reserved_key: "Rename the key: the platform sets partner, module, instance, csp and the like itself",
  type_conflict: "Give the field the type that the format names: message and level are strings",
  secret_redacted: "Do not log passwords, tokens, one-time codes or keys",
  alias_used: "Use the canonical names timestamp, level, message, request_id",
  duplicate_key: "Write each key once",
  no_zone: "Add the zone to the timestamp: Z or +02:00",
  key_too_long: "Keep keys under 128 bytes",
  incomplete: "Flush the last line, newline included, before the process ends",
  bad_id: "Send ids as strings of at most 128 bytes",
};
