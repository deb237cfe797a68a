// @ts-check
// The figures of the format problems, out of two counts.

import { stats } from "../lib/api.js";
import { named } from "../start/health.js";

/** Up to this share of lines that are no records a module is degraded, beyond it poor. */
const DEGRADED_MAX = 0.03;

/** @typedef {{module: string, version: string, lines: number, counts: {ok: number, repaired: number, raw: number, rejected: number}, grade: "good" | "degraded" | "poor", kinds: {code: string, count: number}[]}} Report */

/** @param {import("../lib/api.js").Asked} asked @param {AbortSignal} signal @returns {Promise<Report[]>} the poorest first */
export async function report(asked, signal) {
  const [verdicts, problems] = await Promise.all([
    stats({ ...asked, query: "| stats count() by module, version, verdict" }, signal),
    stats({ ...asked, query: "problem:* | stats count() by module, version, problem" }, signal),
  ]);
  /** @type {Map<string, Report>} */
  const all = new Map();
  const of = (/** @type {Record<string, any>} */ row) => {
    const key = `${row.module ?? ""}@${row.version ?? ""}`;
    const known = all.get(key) ?? { module: String(row.module ?? ""), version: String(row.version ?? ""), lines: 0, counts: { ok: 0, repaired: 0, raw: 0, rejected: 0 }, grade: /** @type {const} */ ("good"), kinds: [] };
    all.set(key, known);
    return known;
  };
  for (const row of named(verdicts)) {
    const each = of(row);
    each.lines += row.count;
    each.counts[/** @type {keyof Report["counts"]} */ (row.verdict)] += row.count;
  }
  for (const row of named(problems)) {
    const { kinds } = of(row);
    // A line with several reasons names them all.
    for (const code of String(row.problem ?? "").split(" ").filter(Boolean)) {
      const known = kinds.find((kind) => kind.code === code);
      if (known) known.count += row.count;
      else kinds.push({ code, count: row.count });
    }
  }
  for (const each of all.values()) {
    const share = (each.counts.raw + each.counts.rejected) / Math.max(each.lines, 1);
    each.grade = share === 0 ? "good" : share <= DEGRADED_MAX ? "degraded" : "poor";
    each.kinds.sort((a, b) => b.count - a.count);
  }
  const poor = (/** @type {Report} */ { counts, lines }) => (counts.raw + counts.rejected) / Math.max(lines, 1);
  return [...all.values()].filter(({ module }) => module !== "").sort((a, b) => poor(b) - poor(a) || b.counts.repaired - a.counts.repaired);
}
