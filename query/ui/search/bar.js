// @ts-check
// The search bar: a field with what is wrong drawn under its text, and suggestions out of the reader's own lines.
//
// A combobox as ARIA describes it: the focus stays in the field, the arrow keys choose, Tab or Enter takes the chosen one.

import { html, useEffect, useRef, useState } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { go, view } from "../app/address.js";
import { Mistake, spanOf } from "./mistake.js";
import { Suggestions, useSuggestions } from "./suggestions.js";
import { cancel } from "./run.js";
import { mistake, phase } from "./state.js";

export function SearchBar() {
  const { query } = view.value;
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  const under = useRef(/** @type {HTMLDivElement | null} */ (null));
  const [text, setText] = useState(query);
  const suggested = useSuggestions();
  useEffect(() => setText(query), [view.value]);
  const wrong = mistake.value?.query === text ? mistake.value : null;
  const busy = phase.value === "searching";

  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    suggested.close();
    field.current?.blur();
    go({ query: text.trim(), row: "" });
  };
  const typed = () => {
    const element = field.current;
    if (!element) return;
    setText(element.value);
    suggested.ask(element.value, element.selectionStart ?? element.value.length);
  };
  const take = (/** @type {number} */ at) => {
    const taken = suggested.take(text, at);
    const element = field.current;
    if (!taken || !element) return;
    // At once, so that the next key falls behind what was taken.
    element.value = taken.text;
    element.focus();
    element.setSelectionRange(taken.caret, taken.caret);
    setText(taken.text);
    suggested.ask(taken.text, taken.caret);
  };
  const key = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && suggested.items.length === 0) return void typed();
    if (step) suggested.move(step);
    else if (event.key === "Escape" && suggested.items.length > 0) suggested.close();
    else if ((event.key === "Enter" && suggested.chosen >= 0) || (event.key === "Tab" && suggested.items.length > 0 && !event.shiftKey)) take(Math.max(suggested.chosen, 0));
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const scroll = () => {
    if (under.current && field.current) under.current.scrollLeft = field.current.scrollLeft;
  };
  useEffect(scroll);

  return html`
    <form class="search" role="search" aria-label=${t("search.label")} onSubmit=${submit}>
      <div class="field">
        <label class="sr" for="query">${t("search.query")}</label>
        <input id="query" ref=${field} type="text" role="combobox" autocomplete="off" autocapitalize="off" spellcheck=${false} enterkeyhint="search" placeholder="csp:434 level>=warn timeout"
          aria-autocomplete="list" aria-expanded=${String(suggested.items.length > 0)} aria-controls="suggestions" aria-activedescendant=${suggested.chosen >= 0 ? `suggestion-${suggested.chosen}` : null}
          aria-invalid=${wrong ? "true" : null} aria-describedby="query-error" value=${text} onInput=${typed} onKeyDown=${key} onScroll=${scroll} onBlur=${suggested.close} onClick=${typed} />
        ${wrong && html`<${Underline} place=${under} text=${text} span=${spanOf(wrong.problem, text.length)} />`}
        <${Suggestions} suggested=${suggested} take=${take} />
      </div>
      ${busy
        ? html`<button id="cancel" type="button" onClick=${cancel}>${t("search.cancel")}</button>`
        : html`<button id="go" class="primary" type="submit">${t("search.go")}</button>`}
    </form>
    <div id="query-error" class="query-error" role="alert" hidden=${!mistake.value}>
      ${mistake.value && html`<${Mistake} problem=${mistake.value.problem} apply=${(/** @type {string} */ fix) => go({ query: fix })} />`}
    </div>
  `;
}

/** A wavy line under a part of the field's text: the same letters, unseen, in the same place. @param {{place: {current: HTMLDivElement | null}, text: string, span: [number, number]}} props */
function Underline({ place, text, span: [from, to] }) {
  return html`<div class="under" aria-hidden="true" ref=${place}>${text.slice(0, from)}<mark>${text.slice(from, to) || " "}</mark>${text.slice(to)}</div>`;
}
