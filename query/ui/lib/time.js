// @ts-check
// Ranges and clocks. Times are ms since the epoch unless a name says otherwise; the server's clock decides what "now" is.

import { signal } from "./html.js";
import { keep, recall } from "./prefs.js";

export const UNITS_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** The ranges that are one click away. */
export const CHIPS = /** @type {const} */ (["-5m", "-1h", "-24h", "-7d"]);

/** Which clock times are shown in. */
export const zone = signal(recall("zone") === "utc" ? "utc" : "local");

/** @param {"local" | "utc"} value */
export function setZone(value) {
  zone.value = value;
  keep("zone", value);
}

let skewMs = 0;

/** Learns the server's clock from an answer's `Date`. @param {string | null} header */
export function learn(header) {
  const date = header ? Date.parse(header) : NaN;
  // The header has whole seconds: less than two of difference is none.
  if (!Number.isNaN(date)) skewMs = Math.abs(date - Date.now()) < 2_000 ? 0 : date - Date.now();
}

/** Now, by the server's clock. */
export function now() {
  return Date.now() + skewMs;
}

/** A bound of a range: `-24h`, `now`, RFC 3339; NaN where it cannot be read. @param {string} text @returns {number} */
export function toMs(text) {
  const relative = /^-(\d+)([smhdw])$/.exec(text);
  if (relative) return now() - Number(relative[1]) * UNITS_MS[/** @type {keyof typeof UNITS_MS} */ (relative[2])];
  return text === "now" ? now() : Date.parse(text);
}

/** @param {{from: string, to: string}} view @returns {{from: number, to: number}} */
export function range(view) {
  return { from: toMs(view.from), to: view.to ? toMs(view.to) : now() };
}

/** The parts of a moment in the chosen zone. @param {number} ms */
export function parts(ms) {
  const date = new Date(zone.value === "utc" ? ms : ms - new Date(ms).getTimezoneOffset() * 60_000);
  if (Number.isNaN(date.getTime())) return { date: "", time: "", ms: "" };
  const text = date.toISOString();
  return { date: text.slice(0, 10), time: text.slice(11, 19), ms: text.slice(20, 23) };
}

/** The moment of a clock reading in the chosen zone; NaN where it is none. @param {string} date `2026-11-22` @param {string} time `10:42:07` */
export function moment(date, time) {
  return Date.parse(`${date}T${time}${zone.value === "utc" ? "Z" : ""}`);
}

/** `10:42:07.123`, with the day in front where it is another one than today. @param {string} rfc3339 */
export function rowTime(rfc3339) {
  const ms = Date.parse(rfc3339);
  if (Number.isNaN(ms)) return rfc3339;
  const at = parts(ms);
  const time = `${at.time}.${at.ms}`;
  return at.date === parts(now()).date ? time : `${at.date.slice(5)} ${time}`;
}

/** `2026-11-22 10:42:07`. @param {number} ms */
export function full(ms) {
  const at = parts(ms);
  return `${at.date} ${at.time}`;
}

/** `10:42:07`, or with the day where it is another one. @param {number} ms */
export function short(ms) {
  const at = parts(ms);
  return at.date === parts(now()).date ? at.time : `${at.date} ${at.time}`;
}

/** A tick under the histogram: as much as the span needs. @param {number} ms @param {number} spanMs */
export function tick(ms, spanMs) {
  const at = parts(ms);
  if (spanMs <= 10 * 60_000) return at.time;
  if (spanMs <= 36 * 3_600_000) return at.time.slice(0, 5);
  return `${at.date.slice(5)} ${at.time.slice(0, 5)}`;
}

/** For an `<input type="datetime-local">`, in the chosen zone. @param {number} ms */
export function toInput(ms) {
  const at = parts(ms);
  return `${at.date}T${at.time}`;
}

/** What such an input says, as RFC 3339; null where it is no time. @param {string} text */
export function fromInput(text) {
  const [date, time] = text.split("T");
  const ms = moment(date, time ?? "");
  return Number.isNaN(ms) ? null : rfc3339(ms);
}

/** RFC 3339. @param {number} ms */
export function rfc3339(ms) {
  return new Date(Math.round(ms)).toISOString();
}

/** `850 ms`, `2.4 s`, `3 min`, `5 h`, `2 d`: about how long. @param {number} ms */
export function roughly(ms) {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms < 90_000) return `${Math.round(ms / 1_000)} s`;
  if (ms < 5_400_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 129_600_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}

/** The width of a bucket, such as `5m`, ms. @param {string} interval */
export function intervalMs(interval) {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/.exec(interval);
  const units = { ms: 1, ...UNITS_MS };
  return match ? Number(match[1]) * units[/** @type {keyof typeof units} */ (match[2])] : 60_000;
}
