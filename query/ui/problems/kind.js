// @ts-check
// One kind of problem: how often, the fix, and lines that have it.

import { html, useSignal } from "../lib/html.js";
import { n, t } from "../i18n/i18n.js";
import { link, view } from "../app/address.js";
import { missing, useAnswer } from "../app/load.js";
import { search } from "../lib/api.js";
import { coloured } from "../lib/text.js";
import { rowTime } from "../lib/time.js";
import { fixOf } from "../row/format.js";
import { bounds } from "../search/run.js";
import { Fix } from "./fix.js";

const SAMPLES = 3;
const SAMPLE_CHARACTERS_MAX = 2_000;

/** @param {{only: string, kind: {code: string, count: number}, share: string}} props */
export function Kind({ only, kind: { code, count }, share }) {
  const open = useSignal(false);
  const query = `${only} problem:${code}`.trim();
  return html`
    <li>
      <div class="kind">
        <code>${code}</code> <span class="number">${n(count)} <span class="muted">(${share})</span></span>
        <button type="button" aria-expanded=${String(open.value)} onClick=${() => (open.value = !open.value)}>${t("problems.samples")}</button>
        <a class="button" href=${link({ page: "explore", query, from: view.value.from, to: view.value.to })}>${t("problems.lines")}</a>
      </div>
      ${fixOf(code) && html`<p>${fixOf(code)}</p>`}
      ${open.value && html`<${Fix} problem=${code} /><${Samples} query=${query} />`}
    </li>
  `;
}

/** @param {{query: string}} props */
function Samples({ query }) {
  const answer = useAnswer(
    async (signal) => {
      /** @type {import("../lib/api.js").Row[]} */
      const found = [];
      await search({ ...bounds(view.peek()), query, limit: SAMPLES }, (rows) => found.push(...rows.map(({ row }) => row)), signal);
      return found;
    },
    [query],
  );
  return missing(answer, 3) ?? html`<ul class="samples">${(answer.value ?? []).map((row) => html`<li><time datetime=${row.time}>${rowTime(row.time)}</time><pre tabindex="0" aria-label=${t("row.stored")}>${coloured(sample(row))}</pre></li>`)}</ul>`;
}

/** What was stored of a line: the text, or the record with its fields. @param {import("../lib/api.js").Row} row */
function sample(row) {
  const has = Object.keys(row.attributes ?? {}).length > 0;
  return (has && row.verdict !== "raw" ? JSON.stringify({ time: row.time, level: row.level, message: row.message, ...row.attributes }) : row.message).slice(0, SAMPLE_CHARACTERS_MAX);
}
