// @ts-check
// What may be written at the caret, as the server knows it from the newest lines: fields and values with counts, pipes, functions.

import { html, useEffect, useRef, useState } from "../lib/html.js";
import { t, n } from "../i18n/i18n.js";
import * as api from "../lib/api.js";
import { view } from "../app/address.js";
import { visible } from "../lib/text.js";
import { bounds } from "./run.js";

/** From a key to the question, ms: a burst of keys asks once. */
const PAUSE_MS = 40;
const SHOWN_MAX = 12;

/** @typedef {{items: api.Suggestion[], query: string, replace: [number, number], chosen: number}} Offered for a query, in place of a part of it */

const NOTHING = /** @type {Offered} */ ({ items: [], query: "", replace: [0, 0], chosen: -1 });

/** What still holds of an offer when more was typed in its place: at once, before the server has been asked. @param {Offered} offered @param {string} query @param {number} position @returns {Offered} */
function narrowed(offered, query, position) {
  const [from, to] = offered.replace;
  const same = position >= from && query.slice(0, from) === offered.query.slice(0, from) && query.slice(position) === offered.query.slice(to);
  const typed = query.slice(from, position).toLowerCase();
  const items = same ? offered.items.filter(({ text }) => text !== typed && text.replace(/^["`]/, "").toLowerCase().startsWith(typed)) : [];
  return items.length > 0 ? { items, query, replace: [from, position], chosen: -1 } : NOTHING;
}

export function useSuggestions() {
  const [offered, setOffered] = useState(NOTHING);
  const asked = useRef({ control: new AbortController(), timer: 0 });
  const close = () => {
    clearTimeout(asked.current.timer);
    asked.current.control.abort();
    setOffered(NOTHING);
  };
  const ask = (/** @type {string} */ query, /** @type {number} */ position) => {
    clearTimeout(asked.current.timer);
    asked.current.control.abort();
    setOffered((offered) => narrowed(offered, query, position));
    const control = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const { suggestions } = await api.parse({ ...bounds(view.peek()), query, position }, control.signal);
        if (control.signal.aborted || !suggestions) return;
        const typed = query.slice(...suggestions.replace.utf16);
        // What stands there already is no help.
        const items = suggestions.items.filter((item) => item.text !== typed).slice(0, SHOWN_MAX);
        setOffered({ items, query, replace: suggestions.replace.utf16, chosen: -1 });
      } catch {
        // Without suggestions one can still write.
        if (!control.signal.aborted) setOffered(NOTHING);
      }
    }, PAUSE_MS);
    asked.current = { control, timer };
  };
  useEffect(() => close, []);
  return {
    ...offered,
    ask,
    close,
    /** @param {number} step */
    move(step) {
      const { length } = offered.items;
      setOffered({ ...offered, chosen: offered.chosen < 0 ? (step > 0 ? 0 : length - 1) : (offered.chosen + step + length) % length });
    },
    /** The text with one taken. @param {string} text @param {number} at */
    take(text, at) {
      const item = offered.items[at];
      if (!item) return null;
      const [from, to] = offered.replace;
      // A whole value is followed by the next clause, a field by its value.
      const behind = item.kind === "value" || item.kind === "column" ? " " : "";
      const put = item.text + (text.startsWith(" ", to) ? "" : behind);
      return { text: text.slice(0, from) + put + text.slice(to), caret: from + put.length };
    },
  };
}

/** @param {{suggested: ReturnType<typeof useSuggestions>, take: (at: number) => void}} props */
export function Suggestions({ suggested, take }) {
  const { items, chosen } = suggested;
  // The field keeps the focus: a press on the list must not take it.
  const keep = (/** @type {Event} */ event) => event.preventDefault();
  return html`
    <ul id="suggestions" class="suggestions" role="listbox" aria-label=${t("search.suggestions")} hidden=${items.length === 0} onMouseDown=${keep}>
      ${items.map(
        (item, at) => html`
          <li id=${`suggestion-${at}`} role="option" aria-selected=${String(at === chosen)} onClick=${() => take(at)}>
            <code>${visible(item.text)}</code>
            <span class="muted">${item.count === undefined ? visible(item.detail ?? "") : n(item.count)}</span>
          </li>
        `,
      )}
    </ul>
    <div class="sr" role="status">${items.length > 0 ? t("search.suggested", { count: items.length }) : ""}</div>
  `;
}
