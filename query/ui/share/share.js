// @ts-check
// Sharing: a link for whoever can sign in, or an excerpt for whoever cannot.

import { html, useSignal } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { permalink } from "../app/actions.js";
import { link, view } from "../app/address.js";
import { dialog } from "../app/dialogs.js";
import { Failure } from "../app/notes.js";
import { ended } from "../app/session.js";
import { said } from "../app/toast.js";
import { SignedOut } from "../lib/api.js";
import { clause, hasPipes } from "../lib/query.js";
import { copy } from "../lib/text.js";
import { full, range, rfc3339 } from "../lib/time.js";
import { What } from "./export.js";
import { LINES_MAX, linkOf, make } from "./excerpts.js";

const AGES = /** @type {const} */ (["1d", "7d", "30d", "90d"]);
const NOTE_MAX = 200;

export function Share() {
  const made = useSignal(/** @type {import("./excerpts.js").Made | null} */ (null));
  return html`
    <section class="share-part">
      <h3>${t("share.link")}</h3>
      <p class="muted">${t("share.linkLead")}</p>
      <${Copied} id="share-link" text=${permalink()} label=${t("share.link")} />
    </section>
    <section class="share-part">
      <h3>${t("share.excerpt")}</h3>
      ${made.value ? html`<${Made} made=${made.value} />` : html`<${New} done=${(/** @type {import("./excerpts.js").Made} */ now) => (made.value = now)} />`}
    </section>
  `;
}

/** A link with a button that copies it. @param {{id: string, text: string, label: string}} props */
function Copied({ id, text, label }) {
  const take = async () => said((await copy(text)) ? "toast.link" : "toast.noCopy");
  return html`<div class="line"><input id=${id} type="text" readonly aria-label=${label} value=${text} onFocus=${(/** @type {FocusEvent} */ event) => /** @type {HTMLInputElement} */ (event.target).select()} /><button type="button" onClick=${take}>${t("share.copy")}</button></div>`;
}

/** The lines that the page shows, as a filter; nothing where it shows a table. */
function question() {
  const { page, query, request } = view.value;
  if (page === "request") return clause("session", request);
  return page === "explore" && !hasPipes(query) ? query : null;
}

/** @param {{done: (made: import("./excerpts.js").Made) => void}} props */
function New({ done }) {
  const error = useSignal(/** @type {unknown} */ (null));
  const busy = useSignal(false);
  const query = question();
  if (query === null) return html`<p class="muted">${t("share.noLines")}</p>`;
  const { from, to } = range(view.value);
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const data = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const text = (/** @type {string} */ name) => String(data.get(name) ?? "").trim();
    [busy.value, error.value] = [true, null];
    try {
      const note = text("note");
      done(await make({ query, from: rfc3339(from), to: rfc3339(to), limit: Number(text("limit")), order: /** @type {"newest"} */ (text("order")), expires_in: text("age"), ...(note ? { note } : {}) }));
    } catch (wrong) {
      if (wrong instanceof SignedOut) ended();
      error.value = wrong;
    }
    busy.value = false;
  };
  return html`
    <form id="excerpt-form" onSubmit=${submit}>
      <p class="muted">${t("share.excerptLead")}</p>
      <${What} query=${query} from=${from} to=${to} />
      <div class="picks">
        <label class="pick">${t("share.limit")}<input name="limit" type="number" min="1" max=${LINES_MAX} required defaultValue="100" /></label>
        <label class="pick">${t("export.order")}<select name="order"><option value="newest">${t("order.newest")}</option><option value="oldest">${t("order.oldest")}</option></select></label>
        <label class="pick">${t("share.age")}<select name="age" defaultValue="7d">${AGES.map((age) => html`<option value=${age} selected=${age === "7d"}>${t("share.days", { count: Number.parseInt(age, 10) })}</option>`)}</select></label>
      </div>
      <label class="pick">${t("share.note")}<input name="note" type="text" maxlength=${NOTE_MAX} autocomplete="off" placeholder=${t("share.noteExample")} /></label>
      ${error.value !== null && html`<div class="dialog-note" role="alert"><${Failure} error=${error.value} again=${() => (error.value = null)} /></div>`}
      <p class="actions"><button id="excerpt-make" class="primary" type="submit" disabled=${busy.value}>${t("share.make")}</button> <a class="button" href=${link({ page: "access", part: "links" })} onClick=${() => (dialog.value = "")}>${t("share.all")}</a></p>
    </form>
  `;
}

/** @param {{made: import("./excerpts.js").Made}} props */
function Made({ made }) {
  return html`
    <p class="good" role="status">${t("share.made", { count: made.rows, time: full(Date.parse(made.expires_at)) })}</p>
    ${made.truncated && html`<p class="warnings">${t("share.truncated")}</p>`}
    ${made.rows === 0 && html`<p class="warnings">${t("share.empty")}</p>`}
    <${Copied} id="excerpt-link" text=${linkOf(made)} label=${t("share.excerpt")} />
    <p class="muted">${t("share.once")}</p>
    <p class="actions"><a class="button" href=${link({ page: "access", part: "links" })} onClick=${() => (dialog.value = "")}>${t("share.all")}</a></p>
  `;
}
