// @ts-check
// Tokens: a partner sees its own; staff see all, make them and revoke them.

import { html, useSignal } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { missing, useAnswer } from "../app/load.js";
import { Failure, Note } from "../app/notes.js";
import { visible } from "../lib/text.js";
import { full, now } from "../lib/time.js";
import { Confirm } from "./confirm.js";
import { NewToken } from "./make.js";
import { revokeToken, tokens } from "./registry.js";

/** Tokens that are shown: the newest. */
const SHOWN = 500;

/** @param {{staff: boolean}} props */
export function Tokens({ staff }) {
  const answer = useAnswer(tokens, []);
  const wrong = useSignal(/** @type {unknown} */ (null));
  const revoke = async (/** @type {string} */ id) => {
    wrong.value = null;
    await revokeToken(id).then(answer.again, (error) => (wrong.value = error));
  };
  const list = answer.value ?? [];
  return html`
    <p class="muted lead">${t(staff ? "tokens.leadStaff" : "tokens.leadPartner")}</p>
    ${staff && html`<${NewToken} made=${answer.again} />`}
    ${wrong.value !== null && html`<div class="dialog-note" role="alert"><${Failure} error=${wrong.value} again=${() => (wrong.value = null)} /></div>`}
    ${missing(answer) ?? (list.length === 0
      ? html`<${Note} title=${t("tokens.none")} advice=${t("tokens.noneAdvice")} />`
      : html`<div class="table" tabindex="0" role="region" aria-label=${t("access.tokens")}>
          <table id="tokens"><thead><tr><th scope="col">${t("tokens.id")}</th><th scope="col">${t("tokens.kind")}</th><th scope="col">${t("tokens.reach")}</th><th scope="col" class="wide">${t("tokens.note")}</th><th scope="col" class="wide">${t("tokens.made")}</th><th scope="col">${t("tokens.ends")}</th>${staff && html`<th scope="col"><span class="sr">${t("tokens.revoke")}</span></th>`}</tr></thead>
          <tbody>${list.slice(0, SHOWN).map((token) => html`<${Line} key=${token.id} token=${token} staff=${staff} revoke=${() => revoke(token.id)} />`)}</tbody></table>
        </div>${list.length > SHOWN && html`<p class="end muted">${t("table.groups", { count: list.length - SHOWN })}</p>`}`)}
  `;
}

/** @param {{token: import("./registry.js").Token, staff: boolean, revoke: () => Promise<void>}} props */
function Line({ token, staff, revoke }) {
  const { id, kind, partner, instances, cluster, note, session, created_at, expires_at } = token;
  const ends = expires_at ? Date.parse(expires_at) : NaN;
  const reach = [partner, cluster, instances && (instances.length > 4 ? t("tokens.instances", { count: instances.length }) : instances.join(", "))].filter(Boolean).join(" · ");
  return html`
    <tr>
      <th scope="row"><code>${visible(id)}</code></th>
      <td>${t(/** @type {import("../i18n/i18n.js").Key} */ (`kind.${kind}`)) || kind}${session && html`<span class="under-text muted">${t("tokens.session")}</span>`}</td>
      <td>${visible(reach || t(kind === "staff" ? "tokens.everything" : "tokens.all"))}</td>
      <td class="wide">${visible(note ?? "")}</td>
      <td class="wide time">${full(Date.parse(created_at))}</td>
      <td class=${`time${ends < now() ? " late" : ""}`}>${Number.isNaN(ends) ? t("tokens.never") : ends < now() ? t("tokens.ended") : full(ends)}</td>
      ${staff && html`<td class="number"><${Confirm} label=${t("tokens.revoke")} about=${id} act=${revoke} /></td>`}
    </tr>
  `;
}
