// @ts-check
// The lines of a request in order, with the pauses between them drawn to scale and a lane for each module.

import { named } from "../start/health.js";

/** What all pauses together may take on the screen, px. */
const PAUSES_PX = 240;
/** A pause below this share of the whole is not drawn. */
const PAUSE_MIN = 0.03;
export const LINES_MAX = 1_000;

/**
 * @typedef {{id: string, time: string, at: number, level: string, module: string, version: string, instance: string, message: string, lane: number, pauseMs: number, pausePx: number}} Line `at` and `pauseMs` in ms: from the beginning, and since the line before
 * @typedef {{lines: Line[], lanes: {module: string, version: string, instance: string, count: number, errors: number}[], firstError: number, spanMs: number, truncated: boolean}} Story
 */

/** @param {import("../lib/api.js").Table} table @returns {Story} */
export function story(table) {
  const rows = named(table).sort((a, b) => Date.parse(a.time) - Date.parse(b.time)).slice(0, LINES_MAX);
  const begin = rows.length > 0 ? Date.parse(rows[0].time) : 0;
  const spanMs = rows.length > 0 ? Date.parse(rows[rows.length - 1].time) - begin : 0;
  /** @type {Story["lanes"]} */
  const lanes = [];
  let before = begin;
  const lines = rows.map((row) => {
    const ms = Date.parse(row.time);
    const [module, version, instance, level] = [row.module, row.version, row.instance, row.level].map((value) => String(value ?? ""));
    let lane = lanes.findIndex((each) => each.module === module && each.instance === instance);
    if (lane < 0) lane = lanes.push({ module, version, instance, count: 0, errors: 0 }) - 1;
    lanes[lane].count++;
    if (isError(level)) lanes[lane].errors++;
    const pauseMs = ms - before;
    before = ms;
    const share = spanMs > 0 ? pauseMs / spanMs : 0;
    return { id: String(row.id ?? ""), time: String(row.time), at: ms - begin, level, module, version, instance, message: String(row.message ?? ""), lane, pauseMs, pausePx: share >= PAUSE_MIN ? Math.max(Math.round(share * PAUSES_PX), 16) : 0 };
  });
  return { lines, lanes, firstError: lines.findIndex(({ level }) => isError(level)), spanMs, truncated: (table.truncated ?? false) || table.rows.length > LINES_MAX };
}

/** @param {string} level */
function isError(level) {
  return level === "error" || level === "fatal";
}
