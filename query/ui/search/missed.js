// @ts-check
// What following left out, to stay near the present: how much it is, and fetching it to its place among the lines.
//
// How many lines it is the store counts by the time at which they were printed, which is the time of their arrival but for seconds: so the number is about right, and told as that.

import * as api from "../lib/api.js";
import { signal } from "../lib/html.js";
import { rows, ROWS_MAX } from "../rows/store.js";

/** So few are fetched without being asked for. */
const FEW = 1_000;
/** Pieces that are told at once; over that, neighbours become one. */
const PIECES_MAX = 5;
/** The server is silent for so long where nothing is left to tell, ms. */
const SILENCE_MS = 20_000;

/**
 * @typedef {object} Piece
 * @property {number} id
 * @property {string} from when its first line arrived
 * @property {string} to and the last
 * @property {string} cursor where it begins; empty where it is gone for ever
 * @property {string} behind the id of the line before it; empty where there is none
 * @property {number | null} count lines, about; null while nobody knows
 * @property {"told" | "fetching" | "failed"} state
 * @property {number} fetched lines so far
 */

export const pieces = signal(/** @type {Piece[]} */ ([]));

let ids = 0;
/** What is being fetched. @type {Map<number, () => void>} */
const fetching = new Map();

/** Forgets all of it: another question is asked. */
export function forget() {
  for (const stop of fetching.values()) stop();
  fetching.clear();
  pieces.value = [];
}

/**
 * Something was left out of the lines of a query, behind the line of this id.
 * @param {string} query
 * @param {{from: string, to: string, cursor?: string}} told
 * @param {string} behind
 * @param {boolean} fetchFew whether the list may grow by itself
 */
export function note(query, told, behind, fetchFew) {
  const piece = { id: ++ids, from: told.from, to: told.to, cursor: told.cursor ?? "", behind, count: null, state: /** @type {const} */ ("told"), fetched: 0 };
  pieces.value = together([...pieces.peek(), piece]);
  const last = pieces.peek().at(-1);
  if (last?.cursor) void count(query, last, fetchFew);
}

/** The two oldest as one, where there are too many; what came in between is known already. @param {Piece[]} all */
function together(all) {
  const at = all.findIndex((piece, place) => piece.state !== "fetching" && all[place + 1]?.state !== "fetching" && Boolean(piece.cursor) === Boolean(all[place + 1]?.cursor));
  if (all.length <= PIECES_MAX || at < 0) return all.slice(-2 * PIECES_MAX);
  const [first, second] = all.slice(at, at + 2);
  const both = { ...first, to: second.to, count: first.count === null || second.count === null ? null : first.count + second.count };
  return [...all.slice(0, at), both, ...all.slice(at + 2)];
}

/** @param {number} id @param {Partial<Piece>} what */
function change(id, what) {
  pieces.value = pieces.peek().map((piece) => (piece.id === id ? { ...piece, ...what } : piece));
}

/** @param {string} query @param {Piece} piece @param {boolean} fetchFew */
async function count(query, piece, fetchFew) {
  try {
    const table = await api.stats({ query: `${query} | stats count()`, from: piece.from, to: piece.to }, new AbortController().signal);
    const said = table.rows[0]?.[0];
    if (typeof said !== "number") return;
    change(piece.id, { count: said });
    const still = pieces.peek().find(({ id, state }) => id === piece.id && state === "told");
    if (fetchFew && said <= FEW && still) fetchPiece(query, still);
  } catch {
    // It is told without a number.
  }
}

/** Fetches a piece to its place. @param {string} query @param {Piece} piece */
export function fetchPiece(query, piece) {
  /** @type {import("../rows/store.js").Came[]} */
  const came = [];
  const source = api.tail(query, piece.cursor);
  const end = () => {
    clearTimeout(silence);
    source.close();
    fetching.delete(piece.id);
  };
  const failed = () => {
    end();
    change(piece.id, { state: "failed", fetched: 0 });
  };
  const whole = () => {
    end();
    rows.insert(piece.behind, came);
    pieces.value = pieces.peek().filter(({ id }) => id !== piece.id);
  };
  const last = nanoseconds(piece.to);
  let silence = setTimeout(failed, SILENCE_MS);
  fetching.set(piece.id, end);
  change(piece.id, { state: "fetching", fetched: 0 });
  source.addEventListener("row", (event) => {
    clearTimeout(silence);
    silence = setTimeout(failed, SILENCE_MS);
    const row = JSON.parse(event.data);
    if (nanoseconds(row.arrived) > last) return whole();
    came.push({ row, text: event.data });
    if (came.length % 500 === 0) change(piece.id, { fetched: came.length });
    if (came.length >= ROWS_MAX) whole();
  });
  // A status of nothing but its place comes when there is nothing more to read.
  source.addEventListener("status", (event) => {
    const said = JSON.parse(event.data || "{}");
    if (said.end) failed();
    else if (Object.keys(said).length === 0) whole();
  });
  source.addEventListener("error", failed);
}

/** A time of the server so that texts compare as times do: with all nine digits. @param {string} rfc3339 in UTC */
function nanoseconds(rfc3339) {
  return rfc3339.replace(/(?:\.(\d+))?Z$/, (_, digits = "") => `.${digits.padEnd(9, "0")}`);
}
