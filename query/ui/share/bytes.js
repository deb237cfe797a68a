// @ts-check
// Sizes as people read them.

import { n } from "../i18n/i18n.js";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** `1.5 MiB`. @param {number} count */
export function bytes(count) {
  let [value, unit] = [count, 0];
  while (value >= 1_024 && unit < UNITS.length - 1) [value, unit] = [value / 1_024, unit + 1];
  return `${n(unit === 0 || value >= 100 ? Math.round(value) : Math.round(value * 10) / 10)} ${UNITS[unit]}`;
}
