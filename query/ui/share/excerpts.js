// @ts-check
// Excerpts on the server: lines that are copied for somebody who has no token. A secret is told once, when one is made.

import { send } from "../lib/api.js";
import { link } from "../app/address.js";

/**
 * @typedef {{id: string, note?: string | null, query?: string | null, from: string, to: string, created_at: string, expires_at: string, erased: number}} Described
 * @typedef {Described & {token: string, partner?: string | null, rows: number, bytes: number, opened: number, last_opened?: string | null}} Excerpt
 * @typedef {Described & {complete: import("../lib/api.js").Summary["complete"], rows: import("../lib/api.js").Row[]}} Opened
 * @typedef {{id: string, secret: string, rows: number, bytes: number, truncated: boolean, created_at: string, expires_at: string}} Made
 * @typedef {{query: string, from: string, to: string, order: "newest" | "oldest", limit: number, expires_in: string, note?: string}} Wanted
 */

/** Lines of one at most; the server's bound. */
export const LINES_MAX = 1_000;

/** @param {Wanted} wanted @returns {Promise<Made>} */
export async function make(wanted) {
  return (await send("POST", "excerpts", wanted)).json();
}

/** Those that the reader's own scope made, the newest first. @param {AbortSignal} signal @returns {Promise<Excerpt[]>} */
export async function list(signal) {
  return (await (await send("GET", "excerpts", undefined, signal)).json()).excerpts;
}

/** @param {string} id */
export async function revoke(id) {
  await send("DELETE", `excerpts/${encodeURIComponent(id)}`);
}

/** @param {string} id @param {string} secret @param {AbortSignal} signal @returns {Promise<Opened>} */
export async function open(id, secret, signal) {
  return (await send("GET", `excerpts/${encodeURIComponent(id)}`, undefined, signal, secret)).json();
}

/** What is given to somebody: the secret stands behind `#`, which no browser sends. @param {Made} made */
export function linkOf({ id, secret }) {
  return `${new URL(link({ page: "excerpt", excerpt: id }), location.href).href}#${secret}`;
}
