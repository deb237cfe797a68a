// @ts-check
// What is asked, as the address bar has it: `?q=…&from=…&to=…&follow`. The address is the only place where it is kept, so the back button, a
// bookmark and a pasted link all do the same.

/**
 * @typedef {object} View
 * @property {string} query
 * @property {string} from back from now, as in `-24h`, or RFC 3339
 * @property {string} to RFC 3339; empty is now
 * @property {boolean} follow
 */

export const DEFAULT_FROM = "-24h";

/** @param {string} search @returns {View} */
export function parse(search) {
  const params = new URLSearchParams(search);
  return {
    query: params.get("q") ?? "",
    from: params.get("from") || DEFAULT_FROM,
    to: params.get("to") ?? "",
    follow: params.has("follow"),
  };
}

/** @param {View} view @returns {string} */
export function format(view) {
  const params = new URLSearchParams();
  if (view.query) params.set("q", view.query);
  if (view.from !== DEFAULT_FROM || view.to) params.set("from", view.from);
  if (view.to) params.set("to", view.to);
  if (view.follow) params.set("follow", "1");
  const text = params.toString();
  return text ? `/?${text}` : "/";
}

/** @returns {View} */
export function current() {
  return parse(location.search);
}

/** Moves the address; the same address again makes no second entry. @param {View} view */
export function go(view) {
  const address = format(view);
  if (address !== location.pathname + location.search) history.pushState(null, "", address);
}
