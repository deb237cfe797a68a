// @ts-check
// The figures of the usage page, out of one entry for each instance and day.

/**
 * @typedef {{lines: number, errors: number, bytes: number, unpublished: number, hidden: boolean}} Sum
 * @typedef {{from: string, to: string, truncated: boolean, days: {day: string, partner: string, module: string, instance: string, lines: number, errors: number, unpublished: number, stored_bytes: number | null}[]}} Usage
 * @typedef {Sum & {partner: string, module: string, instance: string, days: Sum[]}} Instance `days` as the days of the whole
 * @typedef {{days: (Sum & {day: string})[], instances: Instance[], all: Sum, truncated: boolean}} Told
 */

const DAY_MS = 86_400_000;
/** Days that are drawn: the newest. */
const DAYS_MAX = 92;

/** @returns {Sum} */
const none = () => ({ lines: 0, errors: 0, bytes: 0, unpublished: 0, hidden: false });

/** @param {Usage} usage @returns {Told} who said most first */
export function tally(usage) {
  const days = between(usage).map((day) => ({ day, ...none() }));
  const place = new Map(days.map(({ day }, at) => [day, at]));
  /** @type {Map<string, Instance>} */
  const instances = new Map();
  const all = none();
  for (const each of usage.days) {
    const at = place.get(each.day);
    if (at === undefined) continue;
    const key = `${each.module}/${each.instance}`;
    const own = instances.get(key) ?? { partner: each.partner, module: each.module, instance: each.instance, ...none(), days: days.map(none) };
    instances.set(key, own);
    for (const sum of [all, own, own.days[at], days[at]]) {
      sum.lines += each.lines;
      sum.errors += each.errors;
      // A token of some instances is not told the bytes: files have those of others too.
      sum.bytes += each.stored_bytes ?? 0;
      sum.unpublished += each.unpublished;
      sum.hidden ||= each.stored_bytes === null;
    }
  }
  return { days, instances: [...instances.values()].sort((a, b) => b.lines - a.lines || a.instance.localeCompare(b.instance)), all, truncated: usage.truncated };
}

/** The days of the range, also those without lines. @param {Usage} usage */
function between({ from, to }) {
  const [first, last] = [Math.floor(Date.parse(from) / DAY_MS), Math.floor((Date.parse(to) - 1) / DAY_MS)];
  const begin = Math.max(first, last - DAYS_MAX + 1);
  return Array.from({ length: Math.max(last - begin + 1, 0) }, (_, at) => new Date((begin + at) * DAY_MS).toISOString().slice(0, 10));
}
