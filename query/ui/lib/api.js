// @ts-check
// The server: requests, streams, and everything that can go wrong with them as one of four errors.
//
// The session is an HttpOnly cookie that the script never sees; a request that changes or asks something by POST carries a header that no foreign page can send.

import { learn } from "./time.js";

/**
 * @typedef {object} Row
 * @property {string} id
 * @property {string} time
 * @property {string} [level]
 * @property {string} message
 * @property {string} [partner]
 * @property {string} [module]
 * @property {string} [instance]
 * @property {string} [csp]
 * @property {string} [version]
 * @property {string} [environment]
 * @property {string} [verdict]
 * @property {(string | {code: string, fix?: string})[]} [problems]
 * @property {(string | {kind: string, count?: number})[] | Record<string, number>} [redactions]
 * @property {Record<string, unknown>} [attributes]
 * @property {string} [read] when the runtime took it
 * @property {string} [arrived] when it was stored
 * @property {Record<string, unknown>} [source]
 *
 * @typedef {object} Summary
 * @property {number} [matched]
 * @property {boolean} [exact] whether `matched` is all of them
 * @property {number} [returned]
 * @property {string | null} [cursor]
 * @property {{until?: string | null, gaps?: Record<string, unknown>[], gaps_total?: number, behind_seconds?: number | null}} [complete]
 * @property {(string | Record<string, unknown>)[]} [warnings]
 * @property {Record<string, unknown>} [cost]
 * @property {Why} [why] when nothing was found
 *
 * @typedef {object} Why
 * @property {string} code
 * @property {string} message what it is, and what to do
 * @property {{query?: string, from?: string, to?: string}} [fix] the same question so that it finds something
 * @property {{text: string, alone: {lines: number, exact: boolean}}[]} [clauses] what each part of the query finds alone
 * @property {{time: string} | null} [before] the nearest line before the range
 * @property {{time: string} | null} [after]
 * @property {{time: string} | null} [newest]
 *
 * @typedef {object} Problem
 * @property {number} [status]
 * @property {string} [code]
 * @property {string} [title]
 * @property {string} [detail]
 * @property {string} [request_id]
 * @property {{utf16?: [number, number], bytes?: [number, number]} | [number, number]} [span]
 * @property {string} [hint]
 * @property {string} [fix]
 *
 * @typedef {{columns: string[], rows: (string | number | boolean | null)[][], truncated?: boolean, from?: string, to?: string, complete?: Summary["complete"], warnings?: Summary["warnings"]}} Table
 * @typedef {{value: string, count: number}} Value
 * @typedef {{name: string, lines: number, share: number, numeric: boolean, values: Value[], more_values: boolean}} Field
 * @typedef {{kind: string, text: string, count?: number, detail?: string}} Suggestion
 * @typedef {{canonical?: string, error?: Problem, suggestions?: {replace: {utf16: [number, number]}, items: Suggestion[]}}} Parsed
 * @typedef {{interval: string, from?: string, to?: string, total?: number, complete?: Summary["complete"], buckets: {start: string, count: number, by?: Record<string, number>}[]}} Histogram
 * @typedef {{kind: string, partner?: string | null, instances?: string[], expires_at?: string}} Session
 */

/** The server said no. */
export class Refused extends Error {
  /** @param {number} status @param {Problem} problem @param {number} retryAfter seconds */
  constructor(status, problem, retryAfter) {
    super(problem.detail || problem.title || `The server answered with status ${status}.`);
    this.status = status;
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

/** There is no session any more. */
export class SignedOut extends Error {}

/** The server cannot be reached. */
export class Offline extends Error {}

/** The answer broke off: what came is not all. */
export class Incomplete extends Error {}

/** A line of an answer, characters: a row of the greatest length stays below. */
const LINE_MAX = 8 << 20;

/** Beside the page, wherever a proxy has put it. @param {string} path */
function address(path) {
  return new URL(`api/v1/${path}`, document.baseURI);
}

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {AbortSignal} [signal]
 * @param {string} [secret] in the place of the session
 * @returns {Promise<Response>}
 */
export async function send(method, path, body, signal, secret) {
  /** @type {Record<string, string>} */
  const headers = { "X-Martlog-Request": "1" };
  if (secret) headers.Authorization = `Bearer ${secret}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(address(path), {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      credentials: "same-origin",
      cache: "no-store",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Offline();
  }
  learn(answer.headers.get("Date"));
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  if (answer.status === 401) throw new SignedOut(problem.detail);
  throw new Refused(answer.status, problem, Number(answer.headers.get("Retry-After")) || 0);
}

/** Who is signed in; null where nobody is. @returns {Promise<Session | null>} */
export async function session() {
  try {
    return await (await send("GET", "session")).json();
  } catch (error) {
    if (error instanceof SignedOut) return null;
    throw error;
  }
}

/** Exchanges a token for the cookie. @param {string} token */
export async function signIn(token) {
  await send("POST", "session", { token });
}

/** What people call the provider through which one can sign in; empty where there is none. @returns {Promise<string>} */
export async function provider() {
  return (await (await send("GET", "session/openid")).json()).name ?? "";
}

/** Where signing in through it begins. @param {string} view to come back to, as it stands in the address */
export function beginning(view) {
  return address(`session/openid/begin?${new URLSearchParams({ to: view })}`).href;
}

export async function signOut() {
  await send("DELETE", "session");
}

/**
 * Asks for rows; they are handed over as they come, as the text of their JSON beside what it says: a list of many keeps the text alone.
 * @param {Asked & {limit: number, cursor?: string, order?: "oldest"}} request
 * @param {(rows: {row: Row, text: string}[]) => void} onRows
 * @param {AbortSignal} signal
 * @returns {Promise<Summary>}
 */
export async function search(request, onRows, signal) {
  const answer = await send("POST", "search", request, signal);
  try {
    for await (const lines of readLines(answer)) {
      /** @type {{row: Row, text: string}[]} */
      const rows = [];
      for (const text of lines) {
        const { row, error, summary } = JSON.parse(text);
        if (row) rows.push({ row, text });
        if (error || summary) {
          onRows(rows);
          if (error) throw new Refused(answer.status, error, 0);
          return summary;
        }
      }
      if (rows.length > 0) onRows(rows);
    }
  } catch (error) {
    if (signal.aborted || error instanceof Refused) throw error;
    throw new Incomplete();
  }
  throw new Incomplete();
}

/**
 * The lines of a body, as many at a time as came together.
 * @param {Response} answer
 * @returns {AsyncGenerator<string[]>}
 */
async function* readLines(answer) {
  if (!answer.body) return;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop() ?? "";
      if (rest.length > LINE_MAX) throw new Incomplete();
      yield lines.filter((line) => line !== "");
    }
  } finally {
    // Whoever stops reading stops the server's work.
    reader.cancel().catch(() => {});
  }
}

/** @typedef {{query: string, from: string, to?: string}} Asked */

/** @param {string} path @param {unknown} request @param {AbortSignal} signal */
async function ask(path, request, signal) {
  return (await send("POST", path, request, signal)).json();
}

/** @param {Asked} request @param {"level" | "verdict"} by @param {AbortSignal} signal @returns {Promise<Histogram>} */
export function histogram(request, by, signal) {
  return ask("histogram", { ...request, by }, signal);
}

/** A query with pipes, as a table. @param {Asked} request @param {AbortSignal} signal @returns {Promise<Table>} */
export function stats(request, signal) {
  return ask("stats", request, signal);
}

/** Which fields the newest lines have. @param {Asked} request @param {AbortSignal} signal @returns {Promise<{fields: Field[], sampled: number, exact: boolean}>} */
export function fields(request, signal) {
  return ask("fields", request, signal);
}

/** The values of one. @param {Asked & {field: string, limit?: number}} request @param {AbortSignal} signal @returns {Promise<{values: Value[], lines: number, exact: boolean, more_values: boolean}>} */
export function values(request, signal) {
  return ask("values", request, signal);
}

/** What may be written at a place of a query. @param {Asked & {position: number}} request @param {AbortSignal} signal @returns {Promise<Parsed>} */
export function parse(request, signal) {
  return ask("parse", request, signal);
}

/** The lines around one. @param {string} id @param {number} around @param {boolean} quarantine @param {AbortSignal} signal @returns {Promise<{rows: Row[], at: number}>} */
export function context(id, around, quarantine, signal) {
  return ask("context", { id, before: around, after: around, ...(quarantine ? { quarantine } : {}) }, signal);
}

/**
 * New rows as they arrive, from a place on or from now.
 * @param {string} query
 * @param {string} cursor
 * @param {string} [lagMax] such as `2m`: what is later than that is left out, and told; nothing without it
 */
export function tail(query, cursor, lagMax) {
  const parameters = new URLSearchParams({ query, ...(cursor ? { cursor } : {}), ...(lagMax ? { lag_max: lagMax } : {}) });
  return new EventSource(address(`tail?${parameters}`));
}
