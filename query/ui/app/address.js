// @ts-check
// What is shown, as the address bar has it. The address is the only place where it is kept, so the back button, a bookmark and a pasted link all do the same.
//
//   /                                 what happened?
//   /?q=…&from=…&to=…&follow&cols=…   lines; `row` is one that is open
//   /?request=ID&from=…               everything of a request or call
//   /?problems&from=…                 what did not conform
//   /?usage&from=…                    how much was said
//   /?access=PART                     tokens, links, who asked what
//   /?excerpt=ID#SECRET               lines that somebody shared, for whoever has the link: the secret stays in the browser

import { signal } from "../lib/html.js";

/**
 * @typedef {object} View
 * @property {"start" | "explore" | "request" | "problems" | "usage" | "access" | "excerpt"} page
 * @property {string} query
 * @property {string} from back from now, as in `-24h`, or RFC 3339
 * @property {string} to RFC 3339; empty is now
 * @property {boolean} follow
 * @property {string[]} columns fields that stand before the message
 * @property {string} row the id of an open row
 * @property {string} request a session, call or request id
 * @property {string} part of the page of access
 * @property {string} excerpt the id of one
 */

export const DEFAULT_FROM = "-24h";
const COLUMNS_MAX = 8;

/** @type {View} */
const NOTHING = { page: "start", query: "", from: DEFAULT_FROM, to: "", follow: false, columns: [], row: "", request: "", part: "", excerpt: "" };
const FLAGS = /** @type {const} */ (["problems", "usage", "access", "excerpt"]);

/** @param {string} search @returns {View} */
export function parse(search) {
  const params = new URLSearchParams(search);
  const request = params.get("request") ?? "";
  const explores = ["q", "from", "follow", "row"].some((name) => params.has(name));
  return {
    page: request ? "request" : (FLAGS.find((name) => params.has(name)) ?? (explores ? "explore" : "start")),
    query: params.get("q") ?? "",
    from: params.get("from") || DEFAULT_FROM,
    to: params.get("to") ?? "",
    follow: params.has("follow"),
    columns: (params.get("cols") ?? "").split(",").filter(Boolean).slice(0, COLUMNS_MAX),
    row: params.get("row") ?? "",
    request,
    part: params.get("access") ?? "",
    excerpt: params.get("excerpt") ?? "",
  };
}

/** @param {View} view @returns {string} beside the page */
export function format(view) {
  const params = new URLSearchParams();
  if (view.page === "request") params.set("request", view.request);
  if (view.page === "problems" || view.page === "usage") params.set(view.page, "");
  if (view.page === "access") params.set("access", view.part);
  if (view.page === "excerpt") params.set("excerpt", view.excerpt);
  if (view.page === "explore") params.set("q", view.query);
  if (view.page !== "start" && view.page !== "excerpt") {
    if (view.from !== DEFAULT_FROM || view.to) params.set("from", view.from);
    if (view.to) params.set("to", view.to);
  }
  if (view.page === "explore") {
    if (view.follow) params.set("follow", "1");
    if (view.columns.length > 0) params.set("cols", view.columns.join(","));
    if (view.row) params.set("row", view.row);
  }
  const text = params.toString();
  return text ? `?${text}` : location.pathname;
}

/** What is shown now. */
export const view = signal(parse(location.search));

/** The address of another view, for links. @param {Partial<View>} change to nothing, so that links say all they mean */
export function link(change) {
  return format({ ...NOTHING, ...change });
}

/** Goes to a view, leaving the present one for the back button. @param {Partial<View>} change to the present view */
export function go(change) {
  const next = { ...view.value, ...change };
  const address = format(next);
  const here = location.search || location.pathname;
  if (address !== here) history.pushState(null, "", address);
  // The same question again is asked again.
  view.value = next;
}

/** Notes in the address what changes no question: the open row, the columns. @param {Partial<View>} change */
export function note(change) {
  const next = { ...view.peek(), ...change };
  history.replaceState(null, "", format(next));
  view.value = next;
}

addEventListener("popstate", () => (view.value = parse(location.search)));

/** Follows links within the page without loading it again. @param {MouseEvent} event */
export function follow(event) {
  const anchor = /** @type {Element} */ (event.target).closest?.("a[href]");
  if (!(anchor instanceof HTMLAnchorElement) || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || anchor.target || anchor.hash) return;
  const to = new URL(anchor.href);
  if (to.origin !== location.origin || to.pathname !== location.pathname) return;
  event.preventDefault();
  history.pushState(null, "", anchor.href);
  view.value = parse(to.search);
  scrollTo({ top: 0 });
}
