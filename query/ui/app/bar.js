// @ts-check
// The bar: where one can go, who is here.

import { html } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { visible } from "../lib/text.js";
import { link, view } from "./address.js";
import { dialog } from "./dialogs.js";
import { leave, session } from "./session.js";

export function Bar() {
  const { page } = view.value;
  const who = session.value?.partner ?? (session.value?.kind === "staff" ? t("bar.staff") : session.value?.kind ?? "");
  const item = (/** @type {string} */ name, /** @type {string} */ href, /** @type {string} */ label) => html`<a href=${href} aria-current=${page === name ? "page" : null}>${label}</a>`;
  return html`
    <header class="bar">
      <a class="brand" href=${link({})} aria-label=${t("bar.home")}><img src="assets/icon.svg" alt="" width="20" height="20" /><span>martlog</span></a>
      <nav aria-label=${t("bar.pages")}>
        ${item("start", link({}), t("bar.start"))}
        ${item("explore", link({ page: "explore", from: "-1h" }), t("bar.explore"))}
        ${item("problems", link({ page: "problems" }), t("bar.problems"))}
        ${item("usage", link({ page: "usage", from: "-7d" }), t("bar.usage"))}
        ${item("access", link({ page: "access" }), t("bar.access"))}
      </nav>
      <span class="spring"></span>
      <span class="who" title=${t("bar.who")}>${visible(who)}</span>
      <button id="commands-button" type="button" class="quiet wide" aria-label=${`${t("bar.commands")}: Ctrl K`} title=${t("bar.commands")} onClick=${() => (dialog.value = "commands")}><kbd>Ctrl K</kbd></button>
      <button id="settings-button" type="button" class="quiet" aria-label=${t("bar.settings")} title=${t("bar.settings")} onClick=${() => (dialog.value = "settings")}>⚙</button>
      <button id="help-button" type="button" class="quiet" aria-label=${t("bar.help")} title=${t("bar.help")} onClick=${() => (dialog.value = "help")}>?</button>
      <button id="sign-out" type="button" class="quiet" onClick=${leave}>${t("bar.leave")}</button>
    </header>
  `;
}
