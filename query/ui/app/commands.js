// @ts-check
// Ctrl+K: everything that can be done, by name.

import { html, useState } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { ACTIONS } from "./actions.js";

/** @param {{close: () => void}} props */
export function Commands({ close }) {
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(0);
  const found = ACTIONS.filter((action) => action.possible() && t(action.name).toLowerCase().includes(typed.trim().toLowerCase()));
  const chosen = Math.min(at, Math.max(found.length - 1, 0));
  const run = (/** @type {import("./actions.js").Action | undefined} */ action) => {
    if (!action) return;
    close();
    // Behind the dialog's end, which gives the focus back to where it was.
    setTimeout(action.act);
  };
  const key = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) setAt((chosen + step + found.length) % Math.max(found.length, 1));
    else if (event.key === "Enter") run(found[chosen]);
    else return;
    event.preventDefault();
  };
  return html`
    <input id="command" type="text" role="combobox" aria-label=${t("commands.title")} aria-expanded="true" aria-controls="command-list" aria-activedescendant=${found[chosen] ? `command-${chosen}` : null}
      autocomplete="off" autofocus placeholder=${t("commands.type")} value=${typed} onInput=${(/** @type {InputEvent} */ event) => (setTyped(/** @type {HTMLInputElement} */ (event.target).value), setAt(0))} onKeyDown=${key} />
    <ul id="command-list" role="listbox" aria-label=${t("commands.title")}>
      ${found.map(
        (action, place) => html`<li id=${`command-${place}`} role="option" aria-selected=${String(place === chosen)} onClick=${() => run(action)}><span>${t(action.name)}</span>${action.key && html`<kbd>${action.key}</kbd>`}</li>`,
      )}
    </ul>
    ${found.length === 0 && html`<p class="muted">${t("commands.none")}</p>`}
  `;
}
