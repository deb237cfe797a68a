// @ts-check
// Follow mode: new lines over an EventSource. The browser reconnects by itself, behind the last event.
//
// Nothing is lost on a pause: what arrives while the reader looks elsewhere waits here; when WAITING_MAX wait, the connection is let go, its place is kept, and it
// goes on from there when the reader comes back. Who comes back after more than LAG_MAX, or was cut off for so long, sees the present at once; what lies between is told, and fetched to its place (missed.js).

import { ended } from "../app/session.js";
import * as api from "../lib/api.js";
import { effect, signal, untracked } from "../lib/html.js";
import { now } from "../lib/time.js";
import { rows } from "../rows/store.js";
import * as missed from "./missed.js";
import { complete, warnings } from "./state.js";

/** Lines that wait at most. */
const WAITING_MAX = 20_000;
/** Lines that would come later than this are left out, and told. */
const LAG_MAX = "2m";
/** The page is drawn this often at most, ms. */
const DRAW_MS = 120;
/** The rate is the mean of this many seconds. */
const RATE_S = 5;
const GAPS_SHOWN_MAX = 20;

/** @typedef {"off" | "connecting" | "open" | "lost" | "resting" | "refused"} State `resting`: the connection was let go until the reader comes back */

export const state = signal(/** @type {State} */ ("off"));
/** Lines a second. */
export const rate = signal(0);
/** From the moment a line was printed to the moment it was here, the median of the newest, ms. */
export const lag = signal(0);
export const waiting = signal(0);
/** Whether the reader looks at something that must not move. */
export const held = signal(false);
/** Pressed by the reader. */
export const paused = signal(false);

/** @typedef {{row: api.Row, text: string}} Came */

let query = "";
let cursor = "";
/** The id of the line that came last. */
let newest = "";
/** @type {EventSource | null} */
let source = null;
/** @type {Came[]} */
let queue = [];
/** @type {number[]} */
let counts = [0];
/** @type {number[]} */
let lags = [];
let drawTimer = 0;
let rateTimer = 0;

effect(() => {
  if (!held.value && !paused.value) untracked(release);
});

/** @param {string} of the query */
export function follow(of) {
  unfollow();
  [query, cursor, newest, counts, lags] = [of, "", "", [0], []];
  paused.value = false;
  connect();
  drawTimer = setInterval(draw, DRAW_MS);
  rateTimer = setInterval(tell, 1_000);
}

export function unfollow() {
  clearInterval(drawTimer);
  clearInterval(rateTimer);
  source?.close();
  missed.forget();
  [source, queue] = [null, []];
  [state.value, rate.value, lag.value, waiting.value] = ["off", 0, 0, 0];
}

function connect() {
  state.value = "connecting";
  const opened = api.tail(query, cursor, LAG_MAX);
  source = opened;
  opened.addEventListener("open", () => (state.value = "open"));
  opened.addEventListener("error", () => {
    if (opened.readyState !== EventSource.CLOSED) state.value = "lost";
    else void refused();
  });
  opened.addEventListener("row", (event) => arrived(event));
  opened.addEventListener("gap", (event) => {
    warnings.value = [...warnings.peek(), { gap: JSON.parse(event.data) }].slice(-GAPS_SHOWN_MAX);
  });
  opened.addEventListener("missed", (event) => {
    cursor = event.lastEventId;
    missed.note(query, JSON.parse(event.data), newest, !held.peek() && !paused.peek());
  });
  opened.addEventListener("status", (event) => {
    if (event.lastEventId) cursor = event.lastEventId;
    const said = JSON.parse(event.data || "{}");
    if (Array.isArray(said.warnings) && said.warnings.length > 0) warnings.value = said.warnings;
    if ("behind_seconds" in said) complete.value = { ...complete.peek(), until: said.until, behind_seconds: said.behind_seconds };
  });
}

/** @param {MessageEvent} event */
function arrived(event) {
  const row = JSON.parse(event.data);
  [cursor, newest] = [event.lastEventId, row.id];
  counts[0]++;
  queue.push({ row, text: event.data });
  const printed = Date.parse(row.read ?? row.time);
  if (!Number.isNaN(printed)) lags = [...lags.slice(-40), Math.max(now() - printed, 0)];
  if (queue.length < WAITING_MAX) return;
  source?.close();
  source = null;
  state.value = "resting";
}

function draw() {
  if (queue.length === 0) return;
  if (held.peek() || paused.peek()) waiting.value = queue.length;
  else release();
}

/** Hands over what waits, and goes on where the connection was let go. */
export function release() {
  const came = queue;
  queue = [];
  waiting.value = 0;
  rows.prepend(came);
  if (state.peek() === "resting") connect();
}

/** Fetches what was left out; what waits comes first, so that it finds its place among it. @param {missed.Piece} piece */
export function fetchMissed(piece) {
  release();
  missed.fetchPiece(query, piece);
}

function tell() {
  const whole = counts.length > 1 ? counts.slice(1) : counts;
  rate.value = whole.reduce((sum, count) => sum + count, 0) / whole.length;
  lag.value = [...lags].sort((a, b) => a - b)[lags.length >> 1] ?? 0;
  counts = [0, ...counts].slice(0, RATE_S + 1);
}

/** The server refused to go on: the session may have ended. */
async function refused() {
  unfollow();
  state.value = "refused";
  try {
    if ((await api.session()) === null) ended();
  } catch {
    // The search beside it says that the server is away.
  }
}
