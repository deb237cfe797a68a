// @ts-check
// What somebody pasted: a customer, a phone number, the id of a request or call, a query, or just text. Where it may be more than one thing, the likeliest comes first.

import { clause } from "../lib/query.js";

/** @typedef {{kind: "customer" | "phone" | "id" | "query" | "words" | "phrase" | "piece", query?: string, request?: string}} Reading */

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** The number of a SIM card: it names no request. */
const ICCID = /^89\d{16,18}$/;
const H323 = /^[0-9a-f]{8}( [0-9a-f]{8}){3}$/i;

/** @param {string} text @returns {Reading[]} */
export function detect(text) {
  const said = text.trim();
  /** @type {Reading[]} */
  const readings = [];
  if (said === "") return readings;
  const digits = said.replace(/\D/g, "");
  if (/^\d{1,6}$/.test(said)) readings.push({ kind: "customer", query: `csp:${said}` });
  if (/^\+?[\d ().-]+$/.test(said) && digits.length >= 7 && digits.length <= 15) readings.push({ kind: "phone", query: `account_id:${digits} OR msisdn:${digits} OR ${digits}` });
  if (isId(said)) readings.push({ kind: "id", request: said });
  if (/(^|[\s(])-?[\p{L}_][\p{L}\p{N}_.-]*(:|=|!=|=~|>|<)\S|\s\|\s|(^|\s)(OR|AND|NOT)\s/u.test(said)) readings.push({ kind: "query", query: said });
  const piece = clause("message", said)?.slice("message:".length);
  const many = /\s/.test(said);
  if (many && /[{}[\]<>="'`:;,()]/.test(said)) readings.push({ kind: "piece", query: piece?.startsWith("`") ? piece : `\`\`${said}\`\``.replaceAll("````", "``") });
  if (/[\p{L}\p{N}]/u.test(said)) {
    if (many && !said.includes('"')) readings.push({ kind: "phrase", query: `"${said.replaceAll("\\", " ")}"` });
    if (!/["`():|<>=~!\\]/.test(said)) readings.push({ kind: "words", query: said });
  }
  return readings;
}

/** Long and opaque: no word of a language. @param {string} text */
function isId(text) {
  if (ICCID.test(text)) return false;
  if (UUID.test(text) || H323.test(text)) return true;
  if (/^[0-9a-f]{12,}$/i.test(text)) return /[a-f]/i.test(text) || text.length > 15;
  return /^[\w@.+-]{14,128}$/.test(text) && /\d/.test(text) && /[a-z]/i.test(text) && !text.includes("..");
}
