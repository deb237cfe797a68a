// @ts-check
// The keys and the language on one card.

import { h } from "./dom.js";

const KEYS = [
  ["/", "search"],
  ["j  k", "next, previous line"],
  ["Enter", "open or close the line"],
  ["f", "follow new lines"],
  ["Esc", "close, cancel, leave the field"],
  ["?", "this card"],
];

const QUERIES = [
  ["timeout", "a word"],
  ['"connection refused"', "words side by side"],
  ["`{'to': '38050`", "exactly this piece of a line"],
  ["csp:434 level>=warn -health", "a customer's warnings and worse, without health checks"],
  ["request_id:463ac35c9f64…", "one request"],
  ["status:500..599 OR duration_ms>2000", "ranges, either of two"],
  ["verdict:raw", "lines that are not JSON"],
];

/** @param {HTMLDialogElement} dialog */
export function openHelp(dialog) {
  const table = (/** @type {string[][]} */ rows) => h("dl", {}, ...rows.flatMap(([term, text]) => [h("dt", {}, h("code", {}, term)), h("dd", {}, text)]));
  dialog.replaceChildren(
    h("h2", { id: "help-title" }, "Keys"),
    table(KEYS),
    h("h2", {}, "Queries"),
    table(QUERIES),
    h("p", { class: "actions" }, h("button", { type: "button", class: "primary", autofocus: true, onclick: () => dialog.close() }, "Close")),
  );
  dialog.showModal();
}
