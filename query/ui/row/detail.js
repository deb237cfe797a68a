// @ts-check
// A row, opened: the whole message, its fields, where it came from, its way in time, how well it was formed, and the lines around it.

import { html, useState } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { link, view } from "../app/address.js";
import { said } from "../app/toast.js";
import { coloured, copy } from "../lib/text.js";
import { range } from "../lib/time.js";
import { Context, contexts, toggleContext } from "./context.js";
import { requestOf, SOURCE_ASKED, STAMPS } from "./fields.js";
import { Format } from "./format.js";
import { Leaf, Tree } from "./tree.js";
import { Way } from "./way.js";

/** @param {{row: import("../lib/api.js").Row}} props */
export function Detail({ row }) {
  const [raw, setRaw] = useState(false);
  const request = requestOf(row);
  const source = Object.entries(row.source ?? {});
  const take = async (/** @type {string} */ text) => said((await copy(text)) ? "toast.copied" : "toast.noCopy");
  const has = Object.keys(row.attributes ?? {}).length > 0;
  return html`
    <p class="actions">
      <button type="button" aria-pressed=${String(contexts.value.has(row.id))} onClick=${() => toggleContext(row.id)}>${t("row.context")}</button>
      ${request && html`<a class="button" href=${link({ page: "request", request, ...wide(view.value) })}>${t("row.request")}</a>`}
      <button type="button" aria-pressed=${String(raw)} onClick=${() => setRaw(!raw)}>${t("row.stored")}</button>
      <button type="button" onClick=${() => take(row.message ?? "")}>${t("row.copyMessage")}</button>
      <button type="button" onClick=${() => take(JSON.stringify(row, null, 2))}>${t("row.copyJson")}</button>
    </p>
    <pre class="whole" tabindex="0" aria-label=${t("row.message")}>${coloured(row.message ?? "")}</pre>
    ${raw && html`<pre class="whole" tabindex="0" aria-label=${t("row.stored")}>${coloured(JSON.stringify(row, null, 2))}</pre>`}
    <${Context} row=${row} />
    <div class="sections">
      <section><h3>${t("row.fields")}</h3>${has ? html`<${Tree} value=${row.attributes} path="" />` : html`<p class="muted">${t("row.noFields")}</p>`}</section>
      <section><h3>${t("row.line")}</h3><ul class="tree">${STAMPS.filter((name) => row[name]).map((name) => html`<${Leaf} name=${name} value=${row[name]} path=${name} />`)}</ul></section>
      <section>
        <h3>${t("row.way")}</h3><${Way} row=${row} />
        <h3>${t("row.format")}</h3><${Format} row=${row} />
      </section>
      <section><h3>${t("row.source")}</h3>
        ${source.length > 0 ? html`<ul class="tree">${source.map(([key, value]) => html`<${Leaf} name=${key} value=${value} path=${SOURCE_ASKED.includes(key) ? key : ""} />`)}</ul>` : html`<p class="muted">${t("row.noSource")}</p>`}
      </section>
    </div>
  `;
}

/** A range that surely has the whole request: a day at least. @param {import("../app/address.js").View} now */
function wide(now) {
  const { from, to } = range(now);
  return to - from >= 86_400_000 || now.to === "" ? { from: to - from > 86_400_000 ? now.from : "-24h", to: now.to } : { from: new Date(from - 43_200_000).toISOString(), to: new Date(to + 43_200_000).toISOString() };
}
