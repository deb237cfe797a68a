// @ts-check
// Every sentence that the page says when there is nothing to show or something is wrong: what it is, and what to do.

import { Incomplete, Offline, Refused } from "./api.js";
import { h } from "./dom.js";

/**
 * A note in the place of the rows.
 * @param {HTMLElement} place
 * @param {string} title
 * @param {string} advice
 * @param {{label: string, act: () => void}[]} [actions]
 */
export function show(place, title, advice, actions = []) {
  const buttons = actions.map(({ label, act }) => h("button", { type: "button", onclick: act }, label));
  place.replaceChildren(h("h2", {}, title), h("p", {}, advice), buttons.length > 0 && h("p", { class: "actions" }, ...buttons) || "");
  place.hidden = false;
}

/** @param {HTMLElement} place */
export function clear(place) {
  place.replaceChildren();
  place.hidden = true;
}

/** Rows that are still to come: grey bars, and nothing for a screen reader, which hears the status. @param {HTMLElement} place */
export function loading(place) {
  place.replaceChildren(h("div", { class: "skeleton", "aria-hidden": "true" }, ...Array.from({ length: 8 }, () => h("span"))));
  place.hidden = false;
}

/**
 * Nothing was found.
 * @param {HTMLElement} place
 * @param {{query: string, wider: (() => void) | null, clear: (() => void) | null}} what
 */
export function nothing(place, { query, wider, clear: without }) {
  const actions = [];
  if (wider) actions.push({ label: "Search the last 7 days", act: wider });
  if (without) actions.push({ label: "Show every line of this time", act: without });
  show(
    place,
    "Nothing found",
    query
      ? "No line in your reach matches in this time. Search a longer time, leave out a word, or check the spelling of a value: ids must be whole."
      : "No line arrived in this time. Search a longer time; if that is empty too, the collector may not run yet.",
    actions,
  );
}

/**
 * A search that failed.
 * @param {HTMLElement} place
 * @param {unknown} error
 * @param {() => void} again
 */
export function failed(place, error, again) {
  const retry = [{ label: "Try again", act: again }];
  if (error instanceof Offline) {
    show(place, "The server cannot be reached", "Check your connection. The search starts again by itself when it is back, or now:", retry);
  } else if (error instanceof Incomplete) {
    show(place, "The answer broke off", "What came before is not all. Search again to see the rest.", [{ label: "Search again", act: again }]);
  } else if (error instanceof Refused && (error.status === 429 || error.status === 503)) {
    const wait = error.retryAfter > 0 ? `in ${error.retryAfter} s` : "in a moment";
    show(place, "The server is busy", `${sentence(error.message)} Try again ${wait}.`, retry);
  } else if (error instanceof Refused) {
    const id = error.problem.request_id ? ` If it stays like this, tell support the request ${error.problem.request_id}.` : "";
    show(place, error.problem.title || "The search failed", `${sentence(error.message)}${id}`, retry);
  } else {
    show(place, "This page made a mistake", `Load it again. If it comes back, tell support: ${String(error)}`, [{ label: "Load again", act: () => location.reload() }]);
  }
}

/**
 * A query that cannot be read: the place is underlined, with hint and correction.
 * @param {HTMLElement} place
 * @param {string} query
 * @param {import("./api.js").Problem} problem
 * @param {(fixed: string) => void} apply
 */
export function queryError(place, query, problem, apply) {
  const [from, to] = span(problem, query.length);
  const code = problem.code ? h("b", {}, `${problem.code} `) : "";
  const children = [
    h(
      "pre",
      { "aria-hidden": "true" },
      query.slice(0, from),
      h("mark", {}, query.slice(from, to) || " "),
      query.slice(to),
    ),
    h("p", {}, code, sentence(problem.detail || problem.title || "The query cannot be read")),
  ];
  if (problem.hint && problem.hint !== problem.detail) children.push(h("p", { class: "hint" }, sentence(problem.hint)));
  if (typeof problem.fix === "string") {
    const { fix } = problem;
    children.push(h("p", { class: "hint" }, h("button", { type: "button", onclick: () => apply(fix) }, "Use ", h("code", {}, fix || "an empty query"))));
  }
  place.replaceChildren(...children);
  place.hidden = false;
}

/** In UTF-16 units, as the script counts. @param {import("./api.js").Problem} problem @param {number} length @returns {[number, number]} */
function span({ span: said }, length) {
  const [from, to] = Array.isArray(said) ? said : said?.utf16 ?? [0, length];
  const start = Math.min(Math.max(from, 0), length);
  return [start, Math.min(Math.max(to, start), length)];
}

/** With a capital and a full stop. @param {string} text */
export function sentence(text) {
  const trimmed = text.trim();
  return trimmed === "" ? "" : trimmed[0].toUpperCase() + trimmed.slice(1) + (/[.!?]$/.test(trimmed) ? "" : ".");
}

/** What a warning says, whatever its form. @param {string | Record<string, unknown>} warning */
export function warningText(warning) {
  if (typeof warning === "string") return sentence(warning);
  const said = warning.detail ?? warning.message ?? warning.text ?? JSON.stringify(warning);
  return sentence([said, warning.hint].filter((part) => typeof part === "string" && part).join(". "));
}
