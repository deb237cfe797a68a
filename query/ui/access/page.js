// @ts-check
// Access: which tokens there are, which lines were shared, and who asked what.

import { html } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { link, view } from "../app/address.js";
import { session } from "../app/session.js";
import { Audit } from "./audit.js";
import { Links } from "./links.js";
import { Tokens } from "./tokens.js";

/** The parts of the page, by what the address has. */
const PARTS = /** @type {const} */ ([
  ["", "access.tokens", Tokens],
  ["links", "access.links", Links],
  ["audit", "access.audit", Audit],
]);

export function AccessPage() {
  const { part, from, to } = view.value;
  const staff = session.value?.kind === "staff";
  const [name, , Part] = PARTS.find(([each]) => each === part) ?? PARTS[0];
  return html`
    <div class="page-head"><h1>${t("access.title")}</h1></div>
    <nav class="tabs" aria-label=${t("access.title")}>${PARTS.map(([each, label]) => html`<a href=${link({ page: "access", part: each, from, to })} aria-current=${each === name ? "page" : null}>${t(label)}</a>`)}</nav>
    <${Part} staff=${staff} />
  `;
}
