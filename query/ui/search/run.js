// @ts-check
// The search: what the address asks is run here, once; what is known of it goes to the signals of state.js. A new question ends the one before.

import { view } from "../app/address.js";
import { SLOW_MS } from "../app/notes.js";
import { ended, session } from "../app/session.js";
import * as api from "../lib/api.js";
import { batch, effect, untracked } from "../lib/html.js";
import { range } from "../lib/time.js";
import { rows, ROWS_MAX } from "../rows/store.js";
import { hasPipes } from "../lib/query.js";
import { follow, unfollow } from "./follow.js";
import { complete, failure, histogram, histogramState, mistake, phase, slow, summary, table, verdicts, warnings } from "./state.js";

/** The first page is small so that it is quick, the next ones are larger. */
const FIRST_ROWS = 200;
const NEXT_ROWS = 1_000;

/** @type {AbortController | null} */
let running = null;
let slowTimer = 0;
let asked = "";

/** What of a view is a question. @param {import("../app/address.js").View} what */
export function bounds(what) {
  return { query: what.query, from: what.from, ...(what.to ? { to: what.to } : {}) };
}

/** Runs what the address says, from now on. */
export function begin() {
  effect(() => {
    const what = view.value;
    const isIn = Boolean(session.value);
    // Nothing else that is read on the way is a reason to search again.
    untracked(() => (isIn && what.page === "explore" ? consider(what) : stop()));
  });
}

/** Runs a view's question, if it is one. @param {import("../app/address.js").View} what */
function consider(what) {
  const question = JSON.stringify([bounds(what), what.follow]);
  // An open row or another column asks nothing new; the same question asked again is a new view and a new search.
  const same = question === asked && noted(what);
  [asked, last] = [question, what];
  if (!same) run(what);
}

/** @type {import("../app/address.js").View | null} */
let last = null;

/** Whether only what changes no question has changed. @param {import("../app/address.js").View} what */
function noted(what) {
  return last !== null && (last.row !== what.row || last.columns.join() !== what.columns.join());
}

/** Asks the same again. */
export function again() {
  run(view.peek());
}

export function stop() {
  running?.abort();
  running = null;
  asked = "";
  unfollow();
  clearTimeout(slowTimer);
}

/** Ends a search that runs; whether there was one. */
export function cancel() {
  if (phase.peek() !== "searching" && phase.peek() !== "more") return false;
  running?.abort();
  running = new AbortController();
  settle("cancelled");
  return true;
}

/** @param {import("./state.js").Phase} to */
function settle(to) {
  clearTimeout(slowTimer);
  batch(() => {
    slow.value = false;
    phase.value = to;
    if (histogramState.peek() === "loading") histogramState.value = histogram.peek() ? "ready" : "failed";
  });
}

/** @param {import("../app/address.js").View} what */
function run(what) {
  const question = asked;
  stop();
  asked = question;
  const control = new AbortController();
  running = control;
  batch(() => {
    rows.clear();
    phase.value = "searching";
    [summary.value, complete.value, failure.value, mistake.value, table.value] = [null, undefined, null, null, null];
    warnings.value = [];
    slow.value = false;
  });
  slowTimer = setTimeout(() => (slow.value = true), SLOW_MS);
  if (hasPipes(what.query)) return void compute(what, control);
  if (what.follow) follow(what.query);
  void find(what, control);
  void count(what, control.signal);
}

/** @param {import("../app/address.js").View} what @param {AbortController} control */
async function find(what, control) {
  try {
    const said = await api.search({ ...bounds(what), limit: FIRST_ROWS }, (more) => found(more, control), control.signal);
    if (control.signal.aborted) return;
    batch(() => {
      rows.flush();
      summary.value = said;
      complete.value = said.complete;
      warnings.value = said.warnings ?? [];
      settle("done");
    });
  } catch (error) {
    if (!control.signal.aborted) wrong(what.query, error);
  }
}

/** @param {{row: api.Row, text: string}[]} more @param {AbortController} control */
function found(more, control) {
  if (!control.signal.aborted) rows.append(more);
}

/** The next page, if there is one and room for it; whether it came. */
export async function more() {
  const cursor = summary.peek()?.cursor;
  const control = running;
  if (!cursor || !control || phase.peek() !== "done" || rows.full) return false;
  const what = view.peek();
  phase.value = "more";
  try {
    const said = await api.search({ ...bounds(what), cursor, limit: Math.min(NEXT_ROWS, ROWS_MAX - rows.loaded) }, (page) => found(page, control), control.signal);
    if (control.signal.aborted) return false;
    batch(() => {
      rows.flush();
      summary.value = { ...said, complete: undefined };
      phase.value = "done";
    });
    return true;
  } catch (error) {
    if (!control.signal.aborted) wrong(what.query, error);
    return false;
  }
}

/** @param {import("../app/address.js").View} what @param {AbortSignal} signal */
async function count(what, signal) {
  histogramState.value = "loading";
  try {
    const data = await api.histogram(bounds(what), "level", signal);
    if (signal.aborted) return;
    // A time in the query narrows the range, and the server says to what.
    const { from, to } = range(what);
    batch(() => {
      histogram.value = { data, from: data.from ? Date.parse(data.from) : from, to: data.to ? Date.parse(data.to) : to };
      histogramState.value = "ready";
      verdicts.value = null;
    });
    const judged = await api.histogram(bounds(what), "verdict", signal);
    if (!signal.aborted) verdicts.value = judged;
  } catch {
    // The search tells what is wrong with both; without verdicts the bars stand all the same.
    if (!signal.aborted && histogramState.peek() === "loading") histogramState.value = "failed";
  }
}

/** @param {import("../app/address.js").View} what @param {AbortController} control */
async function compute(what, control) {
  try {
    const answer = await api.stats(bounds(what), control.signal);
    if (control.signal.aborted) return;
    batch(() => {
      table.value = answer;
      complete.value = answer.complete;
      warnings.value = answer.warnings ?? [];
      settle("done");
    });
  } catch (error) {
    if (!control.signal.aborted) wrong(what.query, error);
  }
}

/** @param {string} query @param {unknown} error */
function wrong(query, error) {
  if (error instanceof api.SignedOut) return ended();
  batch(() => {
    if (error instanceof api.Refused && error.problem.span) {
      unfollow();
      mistake.value = { query, problem: error.problem };
    } else {
      failure.value = error;
    }
    settle("failed");
  });
}

addEventListener("online", () => {
  if (failure.peek() !== null) again();
});
