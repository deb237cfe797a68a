// @ts-check
// The figures of the overview, out of three counts that the server takes from its columns.

import { search, stats } from "../lib/api.js";
import { now } from "../lib/time.js";

const PIECE_MS = 300_000;
/** Pieces of the last hour. */
export const PIECES = 12;
/** Errors beyond so many times the usual, and beyond a handful, are alarming. */
const ALARMING_TIMES = 2;
const ALARMING_MIN = 5;
/** Questions for newest lines at once. */
const AT_ONCE = 4;

/**
 * @typedef {object} Health
 * @property {string} instance
 * @property {string} module
 * @property {string} csp
 * @property {number} lines of the last hour
 * @property {number} errors of the last hour
 * @property {number} usual errors an hour, of the hours of the last day before this one
 * @property {boolean} alarming
 * @property {number} poor the share of lines of the last day that are no records
 * @property {{lines: number, errors: number}[]} pieces of five minutes
 */

/** @param {AbortSignal} signal @returns {Promise<Health[]>} what needs attention first */
export async function health(signal) {
  const [hour, errors, verdicts] = await Promise.all([
    stats({ query: "| stats count() by module, instance, csp, level, time(5m)", from: "-1h" }, signal),
    stats({ query: "level>=error | stats count() by instance, time(1h)", from: "-24h" }, signal),
    stats({ query: "| stats count() by module, instance, csp, verdict", from: "-24h" }, signal),
  ]);
  /** @type {Map<string, Health & {formed: number, unformed: number}>} */
  const all = new Map();
  const of = (/** @type {Record<string, any>} */ row) => {
    const instance = String(row.instance ?? "");
    const known = all.get(instance) ?? { instance, module: String(row.module ?? ""), csp: String(row.csp ?? ""), lines: 0, errors: 0, usual: 0, alarming: false, poor: 0, pieces: Array.from({ length: PIECES }, () => ({ lines: 0, errors: 0 })), formed: 0, unformed: 0 };
    all.set(instance, known);
    return known;
  };
  const last = Math.floor(now() / PIECE_MS);
  for (const row of named(verdicts)) of(row)[row.verdict === "raw" || row.verdict === "rejected" ? "unformed" : "formed"] += row.count;
  for (const row of named(hour)) {
    const each = of(row);
    const bad = row.level === "error" || row.level === "fatal";
    each.lines += row.count;
    if (bad) each.errors += row.count;
    const piece = each.pieces[PIECES - 1 - (last - Math.floor(Date.parse(row.time) / PIECE_MS))];
    if (!piece) continue;
    piece.lines += row.count;
    if (bad) piece.errors += row.count;
  }
  usual(named(errors), all);
  for (const each of all.values()) {
    each.poor = each.unformed / Math.max(each.formed + each.unformed, 1);
    each.alarming = each.errors >= ALARMING_MIN && each.errors > each.usual * ALARMING_TIMES;
  }
  all.delete("");
  const weight = (/** @type {Health} */ each) => (each.alarming ? 1e9 : 0) + each.errors * 1_000 + each.poor;
  return [...all.values()].sort((a, b) => weight(b) - weight(a) || a.instance.localeCompare(b.instance));
}

/** Errors an hour, before the present one, since the first that is known. @param {Record<string, any>[]} rows @param {Map<string, Health>} all */
function usual(rows, all) {
  const hourMs = 3_600_000;
  const recent = now() - hourMs;
  const first = rows.reduce((least, row) => Math.min(least, Date.parse(row.time)), recent);
  const hours = Math.max((recent - first) / hourMs, 1);
  for (const row of rows) {
    const each = all.get(String(row.instance));
    if (each && Date.parse(row.time) < recent) each.usual += row.count / hours;
  }
}

/** The rows of a table as objects. @param {import("../lib/api.js").Table} table @returns {Record<string, any>[]} */
export function named({ columns, rows }) {
  return rows.map((row) => Object.fromEntries(columns.map((name, at) => [name, row[at]])));
}

/** @type {(() => void)[]} */
const queue = [];
let asking = 0;

/** When the newest line of an instance was said; null where it said nothing for a week. @param {string} instance @param {AbortSignal} signal @returns {Promise<number | null>} */
export async function newestOf(instance, signal) {
  if (asking >= AT_ONCE) await new Promise((resolve) => queue.push(() => resolve(undefined)));
  asking++;
  try {
    if (signal.aborted) return null;
    let newest = /** @type {number | null} */ (null);
    await search({ query: `instance:${instance}`, from: "-7d", limit: 1 }, ([first]) => first && (newest = Date.parse(first.row.time)), signal);
    return newest;
  } finally {
    asking--;
    queue.shift()?.();
  }
}
