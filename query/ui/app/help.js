// @ts-check
// The keys and the language on one card.

import { html } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { link } from "./address.js";
import { dialog } from "./dialogs.js";

const KEYS = /** @type {const} */ ([
  ["/", "key.search"],
  ["t", "key.time"],
  ["j", "key.next"],
  ["k", "key.previous"],
  ["Enter", "key.open"],
  ["e", "key.error"],
  ["E", "key.errorBack"],
  ["x", "key.context"],
  ["v", "key.request"],
  ["f", "key.follow"],
  ["y", "key.link"],
  ["[", "key.earlier"],
  ["]", "key.later"],
  ["z", "key.wider"],
  ["Ctrl+K", "key.commands"],
  ["Esc", "key.back"],
  ["?", "key.help"],
]);

const QUERIES = /** @type {const} */ ([
  ["timeout", "query.word"],
  ['"connection refused"', "query.phrase"],
  ["`{'to': '38050`", "query.piece"],
  ["csp:434 level>=warn -health", "query.customer"],
  ["request_id:463ac35c9f64…", "query.request"],
  ["status:500..599 OR duration_ms>2000", "query.range"],
  ["verdict:raw", "query.raw"],
  ["level:error | top 10 module", "query.pipe"],
]);

export function Help() {
  return html`
    <div class="help-columns">
      <section><h3>${t("help.keys")}</h3><dl>${KEYS.map(([key, text]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${t(text)}</dd></div>`)}</dl></section>
      <section><h3>${t("help.queries")}</h3><dl>${QUERIES.map(
        ([query, text]) => html`<div><dt><a href=${link({ page: "explore", query })} onClick=${() => (dialog.value = "")}><code>${query}</code></a></dt><dd>${t(text)}</dd></div>`,
      )}</dl></section>
    </div>
  `;
}
