// @ts-check
// A range of time out of what somebody writes or pastes: `5m`, `2h`, `today`, `yesterday 10:00-10:30`, `10:00-10:30`, `2026-11-20`, a timestamp in any usual form.
//
// A single moment is searched two minutes around. Clock readings without a zone are of the chosen one.

import { moment, now, parts, rfc3339, UNITS_MS } from "./time.js";

const AROUND_MS = 120_000;
const DAY_MS = 86_400_000;

const WORDS = {
  today: ["today", "сьогодні", "hoy", "сегодня"],
  yesterday: ["yesterday", "вчора", "учора", "ayer", "вчера"],
};
/** Units as people write them, first letters of the four languages. */
const UNIT_OF = { s: "s", sec: "s", с: "s", сек: "s", m: "m", min: "m", м: "m", хв: "m", мин: "m", h: "h", г: "h", год: "h", ч: "h", час: "h", d: "d", д: "d", дн: "d", w: "w", т: "w" };

/**
 * @param {string} text
 * @returns {{from: string, to: string} | null} as the address has them; null where nothing can be read
 */
export function parseWhen(text) {
  const said = text.trim().toLowerCase().replace(/\s+/g, " ").replace(/[–—]/g, "-");
  return back(said) ?? stamp(text.trim()) ?? days(said);
}

/** `5m`, `-2h`, `last 3 d`. @param {string} said */
function back(said) {
  const match = /^(?:last |@|-)?(\d{1,5}) ?([a-zа-яіїє]+)\.?$/.exec(said);
  const unit = match && UNIT_OF[/** @type {keyof typeof UNIT_OF} */ (match[2])];
  return match && unit && Number(match[1]) > 0 ? { from: `-${Number(match[1])}${unit}`, to: "" } : null;
}

/** A moment in full: RFC 3339, with a space or comma, epoch in s, ms, us or ns, the form of access logs. @param {string} text */
function stamp(text) {
  const iso = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?\s*(Z|[+-]\d\d:?\d\d)?$/i.exec(text);
  const access = /^\[?(\d\d)\/([A-Z][a-z]{2})\/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d{4})\]?$/.exec(text);
  let ms = NaN;
  // `2026-11-20 10:00-10:30` is half an hour of a day, and not a zone ten and a half hours to the west.
  if (iso && iso[4]?.startsWith("-") && iso[2].length === 5 && text.includes(" ")) return null;
  if (iso) ms = iso[4] ? Date.parse(`${iso[1]}T${iso[2]}.${(iso[3] ?? "0").slice(0, 3)}${iso[4].toUpperCase()}`.replace(/(T\d\d:\d\d)\./, "$1:00.")) : moment(iso[1], iso[2]);
  else if (access) ms = Date.parse(`${access[1]} ${access[2]} ${access[3]} ${access[4]} ${access[5]}`);
  else if (/^\d{10}(?:\.\d+)?$/.test(text)) ms = Number(text) * 1_000;
  else if (/^(?:\d{13}|\d{16}|\d{19})$/.test(text)) ms = Number(text.slice(0, 13));
  return Number.isNaN(ms) ? null : { from: rfc3339(ms - AROUND_MS), to: rfc3339(ms + AROUND_MS) };
}

/** A day, hours of a day, or days. @param {string} said */
function days(said) {
  const dates = /^(\d{4}-\d\d-\d\d)(?: ?- ?| ?\.\. ?)(\d{4}-\d\d-\d\d)$/.exec(said);
  if (dates) return between(moment(dates[1], "00:00:00"), moment(dates[2], "00:00:00") + DAY_MS);
  const match = /^([^\d ]+|\d{4}-\d\d-\d\d)?(?: ?(\d{1,2})(?::(\d\d))?(?::(\d\d))?(?: ?- ?(\d{1,2})(?::(\d\d))?(?::(\d\d))?)?)?$/.exec(said);
  if (!match || said === "") return null;
  const day = date(match[1]);
  if (day === null || (match[1] === undefined && match[3] === undefined)) return null;
  if (match[2] === undefined) return between(moment(day, "00:00:00"), moment(day, "00:00:00") + DAY_MS);
  const clock = (/** @type {number} */ at) => moment(day, [match[at], match[at + 1] ?? "00", match[at + 2] ?? "00"].map((part) => part.padStart(2, "0")).join(":"));
  if (match[5] === undefined) return between(clock(2) - AROUND_MS, clock(2) + AROUND_MS);
  // An end before the beginning lies on the next day.
  return between(clock(2), clock(5) > clock(2) ? clock(5) : clock(5) + DAY_MS);
}

/** The date of a word. @param {string | undefined} word */
function date(word) {
  if (word === undefined || WORDS.today.includes(word)) return parts(now()).date;
  if (WORDS.yesterday.includes(word)) return parts(now() - DAY_MS).date;
  return /^\d{4}-\d\d-\d\d$/.test(word) ? word : null;
}

/** @param {number} from @param {number} to */
function between(from, to) {
  return Number.isNaN(from) || Number.isNaN(to) || to <= from ? null : { from: rfc3339(from), to: rfc3339(to) };
}

/** The range moved by its own width: −1 back, 1 forth, never beyond now. @param {{from: number, to: number}} range @param {1 | -1} by */
export function shifted({ from, to }, by) {
  const width = Math.max(to - from, 1_000);
  const end = Math.min(to + by * width, Math.max(now(), to));
  return { from: rfc3339(end - width), to: rfc3339(end) };
}

/** Twice as wide around the same middle. @param {{from: number, to: number}} range */
export function widened({ from, to }) {
  const half = Math.max(to - from, 1_000) / 2;
  const end = Math.min(to + half, now());
  return { from: rfc3339(Math.max(end - 4 * half, end - 366 * UNITS_MS.d)), to: rfc3339(end) };
}
