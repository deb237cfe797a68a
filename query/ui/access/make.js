// @ts-check
// A new token, made by staff: for what, for whom, until when. Its text is shown once.

import { html, useSignal } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { useAnswer } from "../app/load.js";
import { Failure } from "../app/notes.js";
import { said } from "../app/toast.js";
import { copy } from "../lib/text.js";
import { now, rfc3339 } from "../lib/time.js";
import { instances, makeToken, partners } from "./registry.js";

const KINDS = /** @type {const} */ (["partner", "ingest", "collector", "staff"]);
const AGES = /** @type {const} */ ([30, 90, 365, 0]);
const DAY_MS = 86_400_000;

/** @param {{made: () => void}} props */
export function NewToken({ made }) {
  const open = useSignal(false);
  const token = useSignal(/** @type {(import("./registry.js").Token & {token: string}) | null} */ (null));
  if (token.value) return html`<${Told} token=${token.value} close=${() => ((token.value = null), (open.value = false))} />`;
  return html`
    <p class="actions above"><button id="token-new" type="button" aria-expanded=${String(open.value)} onClick=${() => (open.value = !open.value)}>${t("tokens.new")}</button></p>
    ${open.value && html`<${Form} done=${(/** @type {import("./registry.js").Token & {token: string}} */ now) => ((token.value = now), made())} />`}
  `;
}

/** The text, this once. @param {{token: import("./registry.js").Token & {token: string}, close: () => void}} props */
function Told({ token, close }) {
  const take = async () => said((await copy(token.token)) ? "toast.copied" : "toast.noCopy");
  return html`
    <div class="panel-card" role="status">
      <p class="good">${t("tokens.told", { id: token.id })}</p>
      <div class="line"><input id="token-text" type="text" readonly aria-label=${t("door.token")} value=${token.token} onFocus=${(/** @type {FocusEvent} */ event) => /** @type {HTMLInputElement} */ (event.target).select()} /><button type="button" onClick=${take}>${t("share.copy")}</button></div>
      <p class="actions"><button id="token-told" type="button" class="primary" onClick=${close}>${t("tokens.kept")}</button></p>
    </div>
  `;
}

/** @param {{done: (token: import("./registry.js").Token & {token: string}) => void}} props */
function Form({ done }) {
  const kind = useSignal(/** @type {typeof KINDS[number]} */ ("partner"));
  const partner = useSignal("");
  const wrong = useSignal(/** @type {unknown} */ (null));
  const known = useAnswer(async (signal) => ({ partners: await partners(signal), instances: await instances(signal) }), []);
  const owned = kind.value === "partner" || kind.value === "ingest";
  const own = (known.value?.instances ?? []).filter((each) => each.partner === partner.value);
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const data = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const [note, cluster, days] = [String(data.get("note") ?? "").trim(), String(data.get("cluster") ?? "").trim(), Number(data.get("days"))];
    const only = data.getAll("instance").map(String);
    wrong.value = null;
    try {
      done(await makeToken({
        kind: kind.value,
        ...(owned ? { partner: partner.value } : {}),
        ...(owned && only.length > 0 ? { instances: only } : {}),
        ...(kind.value === "collector" ? { cluster } : {}),
        ...(days > 0 ? { expires_at: rfc3339(now() + days * DAY_MS) } : {}),
        ...(note ? { note } : {}),
      }));
    } catch (error) {
      wrong.value = error;
    }
  };
  const chosen = (/** @type {Event} */ event) => /** @type {HTMLSelectElement} */ (event.target).value;
  return html`
    <form id="token-form" class="panel-card" onSubmit=${submit}>
      <div class="picks">
        <label class="pick">${t("tokens.kind")}<select name="kind" onChange=${(/** @type {Event} */ event) => (kind.value = /** @type {"partner"} */ (chosen(event)))}>${KINDS.map((name) => html`<option value=${name} selected=${name === kind.value}>${t(`kind.${name}`)}</option>`)}</select></label>
        ${owned && html`<label class="pick">${t("tokens.partner")}<select name="partner" required onChange=${(/** @type {Event} */ event) => (partner.value = chosen(event))}><option value=""></option>${(known.value?.partners ?? []).map(({ id }) => html`<option value=${id} selected=${id === partner.value}>${id}</option>`)}</select></label>`}
        ${kind.value === "collector" && html`<label class="pick">${t("tokens.cluster")}<input name="cluster" required autocomplete="off" /></label>`}
        <label class="pick">${t("tokens.ends")}<select name="days">${AGES.map((days) => html`<option value=${days} selected=${days === 90}>${days ? t("share.days", { count: days }) : t("tokens.never")}</option>`)}</select></label>
        <label class="pick">${t("tokens.note")}<input name="note" maxlength="200" autocomplete="off" /></label>
      </div>
      <p class="muted small">${t(`kind.${kind.value}About`)}</p>
      ${owned && own.length > 0 && html`<fieldset class="only"><legend class="muted small">${t("tokens.only")}</legend>${own.map(({ id }) => html`<label><input type="checkbox" name="instance" value=${id} /> ${id}</label>`)}</fieldset>`}
      ${wrong.value !== null && html`<div class="dialog-note" role="alert"><${Failure} error=${wrong.value} again=${() => (wrong.value = null)} /></div>`}
      <p class="actions"><button id="token-make" class="primary" type="submit">${t("tokens.make")}</button></p>
    </form>
  `;
}
