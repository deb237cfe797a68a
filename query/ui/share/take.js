// @ts-check
// An export, from the server into a file: its bytes are counted as they come, kept by the browser outside of the script's memory, and held against the manifest before the file is given out.
//
// Invariant: a file is saved only when its manifest has come and says what came. One export runs at a time; a closed dialog does not end it.

import { SignedOut, Incomplete, Refused, send } from "../lib/api.js";
import { signal } from "../lib/html.js";
import { ended } from "../app/session.js";

/** What came is handed to the browser in pieces of so many bytes. */
const PIECE_BYTES = 8 << 20;
/** Up to so many bytes a file is hashed here again; beyond it the number of bytes is compared. */
const HASHED_MAX = 256 << 20;
/** Figures are shown so often, ms. */
const TOLD_MS = 100;

const TYPES = { ndjson: "application/x-ndjson", csv: "text/csv", text: "text/plain" };
const ENDINGS = { ndjson: "ndjson", csv: "csv", text: "txt" };

/**
 * @typedef {keyof typeof TYPES} Format
 * @typedef {{query: string, from: string, to: string, format: Format, order: "newest" | "oldest", limit?: number}} Wanted
 * @typedef {{id: string, query: string, format: Format, from: string, to: string, rows: number, bytes: number, sha256: string, truncated: boolean, as_of?: string, first?: {id: string, time: string}, last?: {id: string, time: string}, complete?: import("../lib/api.js").Summary["complete"], warnings?: import("../lib/api.js").Summary["warnings"]}} Manifest
 * @typedef {{phase: "running", wanted: Wanted, bytes: number, lines: number, beganMs: number}
 *   | {phase: "done", manifest: Manifest, proven: "hash" | "length", name: string}
 *   | {phase: "failed", wanted: Wanted, error: unknown}
 *   | {phase: "cancelled", wanted: Wanted, bytes: number}} Exporting
 */

/** The export that runs or ran last. */
export const exporting = signal(/** @type {Exporting | null} */ (null));

/** @type {AbortController | null} */
let running = null;

/** Ends the export that runs; nothing is saved. */
export function cancelExport() {
  const now = exporting.peek();
  running?.abort();
  if (now?.phase === "running") exporting.value = { phase: "cancelled", wanted: now.wanted, bytes: now.bytes };
}

/** Begins another one. */
export function forget() {
  if (exporting.peek()?.phase !== "running") exporting.value = null;
}

/** @param {Wanted} wanted */
export async function takeExport(wanted) {
  const control = new AbortController();
  running = control;
  exporting.value = { phase: "running", wanted, bytes: 0, lines: 0, beganMs: Date.now() };
  try {
    const answer = await send("POST", "export", wanted, control.signal);
    const file = await collect(answer, wanted, control.signal);
    const { manifest, rows } = await manifestOf(answer, file, wanted.format);
    const proven = await prove(rows, manifest);
    if (control.signal.aborted) return;
    const name = `martlog-${manifest.id}.${ENDINGS[wanted.format]}`;
    save(file, name);
    exporting.value = { phase: "done", manifest, proven, name };
  } catch (error) {
    if (control.signal.aborted) return;
    if (error instanceof SignedOut) ended();
    exporting.value = { phase: "failed", wanted, error };
  }
}

/** All bytes of an answer as one file. @param {Response} answer @param {Wanted} wanted @param {AbortSignal} signal @returns {Promise<Blob>} */
async function collect(answer, wanted, signal) {
  const type = TYPES[wanted.format];
  /** @type {Blob[]} */
  const pieces = [];
  /** @type {Uint8Array<ArrayBuffer>[]} */
  let fresh = [];
  let [bytes, lines, waiting, told] = [0, 0, 0, 0];
  const beganMs = Date.now();
  const reader = answer.body?.getReader();
  for (;;) {
    const { done, value } = (await reader?.read().catch(() => { throw signal.aborted ? signal.reason : new Incomplete(); })) ?? { done: true, value: undefined };
    if (done) break;
    fresh.push(/** @type {Uint8Array<ArrayBuffer>} */ (value));
    bytes += value.length;
    waiting += value.length;
    for (let at = value.indexOf(10); at >= 0; at = value.indexOf(10, at + 1)) lines++;
    if (waiting >= PIECE_BYTES) {
      pieces.push(new Blob(fresh));
      [fresh, waiting] = [[], 0];
    }
    if (Date.now() - told >= TOLD_MS) {
      told = Date.now();
      exporting.value = { phase: "running", wanted, bytes, lines, beganMs };
    }
  }
  return new Blob([...pieces, ...fresh], { type });
}

/** What proves the file, and the part of it that is proven: the rows alone. @param {Response} answer @param {Blob} file @param {Format} format @returns {Promise<{manifest: Manifest, rows: Blob}>} */
async function manifestOf(answer, file, format) {
  if (format !== "ndjson") {
    const id = answer.headers.get("X-Martlog-Export") ?? "";
    const { manifest } = await (await send("GET", `exports/${id}`)).json();
    return { manifest, rows: file };
  }
  // The last line is it, or says why there is none.
  for (let back = 64 << 10; ; back *= 4) {
    const end = await file.slice(-back).text();
    const at = end.lastIndexOf("\n", end.length - 2) + 1;
    if (at === 0 && back < file.size) continue;
    const last = JSON.parse(end.slice(at) || "{}");
    if (last.error) throw new Refused(answer.status, last.error, 0);
    if (!last.manifest) throw new Incomplete();
    return { manifest: last.manifest, rows: file.slice(0, last.manifest.bytes) };
  }
}

/** Holds the rows against the manifest. @param {Blob} rows @param {Manifest} manifest @returns {Promise<"hash" | "length">} */
async function prove(rows, manifest) {
  if (rows.size !== manifest.bytes) throw new Incomplete();
  // Browsers hash for pages that came over TLS, or from this machine.
  if (rows.size > HASHED_MAX || !globalThis.crypto?.subtle) return "length";
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await rows.arrayBuffer()));
  const hash = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  if (hash !== manifest.sha256) throw new Incomplete();
  return "hash";
}

/** Gives a file to the reader. @param {Blob} file @param {string} name */
export function save(file, name) {
  const address = URL.createObjectURL(file);
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  // The browser takes it within moments; until then the address must hold.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
