// @ts-check
// Ranges and clocks. Times are ms since the epoch unless a name says otherwise; the server's clock decides what "now" is.

const UNITS_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const ZONE_KEY = "martlog.zone";

/** The chips. */
export const CHIPS = [
  { from: "-5m", label: "5m", name: "Last 5 minutes" },
  { from: "-1h", label: "1h", name: "Last hour" },
  { from: "-24h", label: "24h", name: "Last 24 hours" },
  { from: "-7d", label: "7d", name: "Last 7 days" },
];

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

/**
 * A bound of a range.
 * @param {string} text
 * @returns {number} NaN where it cannot be read
 */
export function toMs(text) {
  const relative = /^-(\d+)([smhdw])$/.exec(text);
  if (relative) return now() - Number(relative[1]) * UNITS_MS[/** @type {keyof typeof UNITS_MS} */ (relative[2])];
  return Date.parse(text);
}

/** @param {{from: string, to: string}} view @returns {{from: number, to: number}} */
export function range(view) {
  return { from: toMs(view.from), to: view.to ? toMs(view.to) : now() };
}

/** @returns {"local" | "utc"} */
export function zone() {
  try {
    return localStorage.getItem(ZONE_KEY) === "utc" ? "utc" : "local";
  } catch {
    return "local";
  }
}

/** @param {"local" | "utc"} value */
export function setZone(value) {
  try {
    localStorage.setItem(ZONE_KEY, value);
  } catch {
    // A browser that keeps nothing still shows times.
  }
}

/** The parts of a moment in the chosen zone. @param {number} ms */
function parts(ms) {
  const date = new Date(zone() === "utc" ? ms : ms - new Date(ms).getTimezoneOffset() * 60_000);
  const text = date.toISOString();
  return { date: text.slice(0, 10), time: text.slice(11, 19), ms: text.slice(20, 23) };
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
  const ms = Date.parse(zone() === "utc" ? `${text}Z` : text);
  return Number.isNaN(ms) ? null : new Date(ms).toISOString();
}

/** RFC 3339. @param {number} ms */
export function rfc3339(ms) {
  return new Date(Math.round(ms)).toISOString();
}

/** `2 h`, `14 s`: about how long. @param {number} seconds */
export function roughly(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129_600) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}
