// @ts-check
// One field of the facets, opened or not.

import { html, useEffect, useSignal } from "../lib/html.js";
import { n, t } from "../i18n/i18n.js";
import { go, view } from "../app/address.js";
import { values as askValues } from "../lib/api.js";
import { clause, hasClause, withClause, withoutClause } from "../lib/query.js";
import { visible } from "../lib/text.js";
import { toggleColumn } from "../rows/columns.js";

const SHOWN = 8;
const MANY = 50;

/** @param {{name: string, asked: string, ready: boolean, field?: import("../lib/api.js").Field, begins: boolean, exact: boolean}} props */
export function Facet({ name, asked, ready, field, begins, exact }) {
  const open = useSignal(begins);
  const many = useSignal(false);
  const answer = useSignal(/** @type {Awaited<ReturnType<typeof askValues>> | null} */ (null));
  useEffect(() => {
    if (!ready || !open.value) return;
    const control = new AbortController();
    askValues({ ...JSON.parse(asked), field: name, limit: many.value ? MANY : SHOWN }, control.signal).then((said) => control.signal.aborted || (answer.value = said), () => (answer.value = null));
    return () => control.abort();
  }, [asked, ready, open.value, many.value]);
  const { query } = view.value;
  const list = answer.value?.values ?? [];
  return html`
    <section class="facet">
      <h3><button type="button" aria-expanded=${String(open.value)} onClick=${() => (open.value = !open.value)}>${visible(name)}</button>
        ${!exact && field && html`<span class="muted" title=${t("facets.share")}>${Math.round(field.share * 100)} %</span>`}
        <button type="button" class="quiet column" aria-pressed=${String(view.value.columns.includes(name))} aria-label=${t("field.column", { name })} title=${t("field.column", { name })} onClick=${() => toggleColumn(name)}>▥</button></h3>
      ${open.value && html`
        <ul>
          ${list.map(({ value, count }) => html`<${Value} key=${value} only=${clause(name, value)} value=${value} count=${count} query=${query} about=${!(answer.value?.exact ?? true)} />`)}
          ${answer.value && list.length === 0 && html`<li class="muted">${t("facets.noValues")}</li>`}
        </ul>
        ${answer.value?.more_values && !many.value && html`<button type="button" class="quiet more" onClick=${() => (many.value = true)}>${t("facets.moreValues")}</button>`}`}
    </section>
  `;
}

/** @param {{only: string | null, value: string, count: number, query: string, about: boolean}} props */
function Value({ only, value, count, query, about }) {
  const shown = visible(value) || "“”";
  if (only === null) return html`<li><span class="value" title=${shown}>${shown}</span><span class="count">${n(count)}</span></li>`;
  const chosen = hasClause(query, only);
  const take = () => go({ query: chosen ? withoutClause(query, only) : withClause(query, only), row: "" });
  return html`
    <li class=${chosen ? "chosen" : ""}>
      <button type="button" class="value" aria-pressed=${String(chosen)} title=${t("field.only", { clause: only })} onClick=${take}>${shown}</button>
      <span class="count">${about ? "≈ " : ""}${n(count)}</span>
      <button type="button" class="minus" aria-label=${t("field.without", { clause: only })} title=${t("field.without", { clause: only })} onClick=${() => go({ query: withClause(query, `-${only}`), row: "" })}>−</button>
    </li>
  `;
}
