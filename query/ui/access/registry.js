// @ts-check
// Tokens and whose they can be, on the server. The text of a token is told once, when it is made.

import { send } from "../lib/api.js";

/**
 * @typedef {{id: string, kind: string, partner?: string, instances?: string[], cluster?: string, note?: string, session?: boolean, created_at: string, expires_at?: string}} Token
 * @typedef {{id: string, name?: string}} Partner
 * @typedef {{id: string, partner: string, module: string}} Instance
 */

/** Pages of a list that are asked for at most, of 10,000 each. */
const PAGES_MAX = 5;

/** A whole list. @param {string} name @param {AbortSignal} signal @returns {Promise<any[]>} */
async function all(name, signal) {
  const found = [];
  let after = "";
  for (let page = 0; page < PAGES_MAX; page++) {
    const said = await (await send("GET", `${name}${after && `?after=${encodeURIComponent(after)}`}`, undefined, signal)).json();
    found.push(...said[name]);
    if (!said.next) break;
    after = said.next;
  }
  return found;
}

/** @param {AbortSignal} signal @returns {Promise<Token[]>} the newest first */
export async function tokens(signal) {
  return (await all("tokens", signal)).sort((/** @type {Token} */ a, /** @type {Token} */ b) => b.created_at.localeCompare(a.created_at));
}

/** @param {AbortSignal} signal @returns {Promise<Partner[]>} */
export function partners(signal) {
  return all("partners", signal);
}

/** @param {AbortSignal} signal @returns {Promise<Instance[]>} */
export function instances(signal) {
  return all("instances", signal);
}

/** @param {Record<string, unknown>} wanted @returns {Promise<Token & {token: string}>} */
export async function makeToken(wanted) {
  return (await send("POST", "tokens", wanted)).json();
}

/** @param {string} id */
export async function revokeToken(id) {
  await send("DELETE", `tokens/${encodeURIComponent(id)}`);
}

/**
 * @typedef {{id: string, time: string, last?: string, times: number, action: string, kind: string, token: string, partner?: string, remote?: string, note?: string, query?: string, query_erased?: boolean, subject?: string, from?: string, to?: string, outcome?: string, rows: number, bytes: number, concerned: {partner: string, instance?: string, rows: number, bytes: number}[]}} Asking
 */

/** Who asked what, the newest first. @param {{from?: string, to?: string, action?: string, limit?: number, cursor?: string}} wanted @param {AbortSignal} signal @returns {Promise<{records: Asking[], cursor: string | null}>} */
export async function audit(wanted, signal) {
  const parameters = new URLSearchParams(Object.entries(wanted).flatMap(([name, value]) => (value === undefined || value === "" ? [] : [[name, String(value)]])));
  return (await send("GET", `audit?${parameters}`, undefined, signal)).json();
}
