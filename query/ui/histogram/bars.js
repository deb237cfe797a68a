// @ts-check
// The shapes of the histogram. The drawing has its own units, 0 to WIDTH and 0 to HEIGHT, and is stretched by the style.

import { intervalMs } from "../lib/time.js";

export const WIDTH = 1_000;
export const HEIGHT = 72;
/** Below this, being behind is the way of things, s. */
export const HATCHED_S_MIN = 5;
/** From the bottom up: what matters stands on the ground, where it can be compared. */
export const ORDER = ["fatal", "error", "warn", "info", "debug", "trace", "none"];
/** One line among thousands is still seen. */
const PIECE_MIN = 1.5;

/** @typedef {{start: number, count: number, levels: [string, number][]}} Bar */

/** @param {import("../lib/api.js").Histogram} data @returns {{bars: Bar[], step: number, max: number, total: number}} */
export function barsOf(data) {
  const bars = (data.buckets ?? []).map(({ start, count, by = {} }) => {
    const known = ORDER.reduce((sum, level) => sum + (by[level] ?? 0), 0);
    const of = (/** @type {string} */ level) => (by[level] ?? 0) + (level === "none" ? Math.max(count - known, 0) : 0);
    const levels = /** @type {[string, number][]} */ (ORDER.map((level) => [level, of(level)]).filter(([, lines]) => Number(lines) > 0));
    return { start: Date.parse(start), count, levels };
  });
  return {
    bars,
    step: intervalMs(data.interval),
    max: bars.reduce((most, bar) => Math.max(most, bar.count), 0),
    total: data.total ?? bars.reduce((sum, bar) => sum + bar.count, 0),
  };
}

/** The pieces of a bar between two edges. @param {Bar} bar @param {number} max @param {number} left @param {number} right */
export function stack(bar, max, left, right) {
  const from = Math.max(left, 0);
  const width = Math.max(Math.min(right, WIDTH) - from, 0.5);
  const gap = Math.min(width * 0.15, 1.5);
  let y = HEIGHT;
  return bar.levels.map(([level, count]) => {
    const height = Math.max((count / max) * (HEIGHT - 2), PIECE_MIN);
    y -= height;
    return { level, x: from + gap / 2, width: Math.max(width - gap, 0.5), y: Math.max(y, 0), height };
  });
}
