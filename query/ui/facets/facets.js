// @ts-check
// Facets: which values the fields of the found lines have, with counts. What the platform stamps is counted exactly; other fields out of the newest lines.
// A click on a value asks for it alone, − leaves it out, a second click takes it back.

import { html, useEffect, useSignal } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { view } from "../app/address.js";
import { session } from "../app/session.js";
import { fields as askFields } from "../lib/api.js";
import { visible } from "../lib/text.js";
import { phase } from "../search/state.js";
import { bounds } from "../search/run.js";
import { Facet } from "./facet.js";

/** Shown open from the beginning. */
const OPEN = ["level", "module", "instance", "csp"];
const OF_PLATFORM = ["level", "module", "instance", "csp", "version", "verdict", "environment", "cluster", "node", "namespace", "pod", "container", "stream"];
const FIELDS_SHOWN_MAX = 60;
const WIDE = matchMedia("(min-width: 1100px)");

export function Facets() {
  const shown = useSignal(WIDE.matches);
  const filter = useSignal("");
  const seen = useSignal(/** @type {{fields: import("../lib/api.js").Field[], sampled: number, exact: boolean} | null} */ (null));
  const asked = JSON.stringify(bounds(view.value));
  const ready = phase.value === "done" || phase.value === "more";
  useEffect(() => {
    if (!ready || !shown.value) return;
    const control = new AbortController();
    // The search itself tells what goes wrong.
    askFields(bounds(view.peek()), control.signal).then((answer) => control.signal.aborted || (seen.value = answer), () => (seen.value = null));
    return () => control.abort();
  }, [asked, ready, shown.value]);

  const wanted = filter.value.trim().toLowerCase();
  const platform = session.value?.kind === "staff" ? ["partner", ...OF_PLATFORM] : OF_PLATFORM;
  const own = (seen.value?.fields ?? []).map(({ name }) => name).filter((name) => !platform.includes(name) && name !== "partner");
  const names = [...platform, ...own].filter((name) => name.toLowerCase().includes(wanted));
  const lines = new Map((seen.value?.fields ?? []).map((field) => [field.name, field]));
  return html`
    <aside class="facets" aria-label=${t("facets.label")}>
      <h2><button type="button" class="facets-toggle" aria-expanded=${String(shown.value)} onClick=${() => (shown.value = !shown.value)}>${t("facets.label")}</button></h2>
      ${shown.value && html`
        <label class="sr" for="facet-filter">${t("facets.filter")}</label>
        <input id="facet-filter" type="text" autocomplete="off" placeholder=${t("facets.filter")} value=${filter.value} onInput=${(/** @type {InputEvent} */ event) => (filter.value = /** @type {HTMLInputElement} */ (event.target).value)} />
        <div class="facet-list">
          ${names.slice(0, FIELDS_SHOWN_MAX).map((name) => html`<${Facet} key=${name} name=${name} asked=${asked} ready=${ready} field=${lines.get(name)} begins=${OPEN.includes(name)} exact=${platform.includes(name)} />`)}
          ${names.length > FIELDS_SHOWN_MAX && html`<p class="muted">${t("facets.more", { count: names.length - FIELDS_SHOWN_MAX })}</p>`}
          ${names.length === 0 && html`<p class="muted">${t("facets.none", { text: visible(filter.value) })}</p>`}
        </div>
        ${seen.value && !seen.value.exact && html`<p class="muted note-small">${t("facets.sampled", { count: seen.value.sampled })}</p>`}`}
    </aside>
  `;
}
