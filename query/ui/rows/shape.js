// @ts-check
// What a closed row says of itself.

import { coloured } from "../lib/text.js";
import { full } from "../lib/time.js";

/** A closed row shows the beginning of its message. */
const MESSAGE_CLOSED_MAX = 500;
export const LEVELS = ["fatal", "error", "warn", "info", "debug", "trace"];

/** What a closed row says, by row: it is looked at many times while one scrolls. @type {WeakMap<object, {head: unknown, more: number}>} */
const shapes = new WeakMap();

/** @param {import("../lib/api.js").Row} row */
export function shape(row) {
  const known = shapes.get(row);
  if (known) return known;
  const message = row.message ?? "";
  const end = message.indexOf("\n");
  const made = { head: coloured((end < 0 ? message : message.slice(0, end)).slice(0, MESSAGE_CLOSED_MAX)), more: end < 0 ? 0 : lines(message, end) };
  shapes.set(row, made);
  return made;
}

/** Line ends from here on. @param {string} text @param {number} from */
function lines(text, from) {
  let count = 0;
  for (let at = from; at >= 0; at = text.indexOf("\n", at + 1)) if (at + 1 < text.length) count++;
  return count;
}

/** @param {string | undefined} level */
export function levelClass(level) {
  return LEVELS.includes(level ?? "") ? /** @type {string} */ (level) : "none";
}

/** @param {string} time */
export function timeTitle(time) {
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? time : `${full(ms)} (${time})`;
}

/** @param {string | {code: string}} problem */
export function code(problem) {
  return typeof problem === "string" ? problem : problem.code;
}
