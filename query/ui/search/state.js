// @ts-check
// What is known of the search that runs or ran last. Written by run.js and follow.js alone, shown by the components.

import { signal } from "../lib/html.js";

/** @typedef {import("../lib/api.js").Summary} Summary */
/** @typedef {"idle" | "searching" | "more" | "done" | "cancelled" | "failed"} Phase */

export const phase = signal(/** @type {Phase} */ ("idle"));
export const slow = signal(false);
/** What the last page said. */
export const summary = signal(/** @type {import("../lib/api.js").Summary | null} */ (null));
export const complete = signal(/** @type {import("../lib/api.js").Summary["complete"]} */ (undefined));
export const warnings = signal(/** @type {(string | Record<string, unknown>)[]} */ ([]));
/** What went wrong, unless it is the query's fault. */
export const failure = signal(/** @type {unknown} */ (null));
/** A mistake in the query, with the query that has it. */
export const mistake = signal(/** @type {{query: string, problem: import("../lib/api.js").Problem} | null} */ (null));
/** Lines over time. */
export const histogram = signal(/** @type {{data: import("../lib/api.js").Histogram, from: number, to: number} | null} */ (null));
export const histogramState = signal(/** @type {"loading" | "ready" | "failed"} */ ("loading"));
/** The same by verdict, a moment later: which of the lines are no records. */
export const verdicts = signal(/** @type {import("../lib/api.js").Histogram | null} */ (null));
/** The table, for a query with pipes. */
export const table = signal(/** @type {import("../lib/api.js").Table | null} */ (null));
