// @ts-check
// What a person chooses: language, theme, zone.

import { html } from "../lib/html.js";
import { choose as chooseLanguage, language, LANGUAGES, t } from "../i18n/i18n.js";
import { setZone, zone } from "../lib/time.js";
import { choose as chooseTheme, theme, THEMES } from "./theme.js";

export function Settings() {
  const value = (/** @type {Event} */ event) => /** @type {HTMLSelectElement} */ (event.target).value;
  return html`
    <div class="settings">
      <label>${t("settings.language")}
        <select id="language" value=${language.value} onChange=${(/** @type {Event} */ event) => chooseLanguage(value(event))}>
          ${Object.entries(LANGUAGES).map(([tag, name]) => html`<option value=${tag} lang=${tag} selected=${tag === language.value}>${name}</option>`)}
        </select>
      </label>
      <label>${t("settings.theme")}
        <select id="theme" value=${theme.value} onChange=${(/** @type {Event} */ event) => chooseTheme(value(event))}>
          ${THEMES.map((name) => html`<option value=${name} selected=${name === theme.value}>${t(`theme.${name}`)}</option>`)}
        </select>
      </label>
      <label>${t("settings.zone")}
        <select id="zone" value=${zone.value} onChange=${(/** @type {Event} */ event) => setZone(/** @type {"utc" | "local"} */ (value(event)))}>
          <option value="local" selected=${zone.value === "local"}>${t("zone.local")}</option>
          <option value="utc" selected=${zone.value === "utc"}>UTC</option>
        </select>
      </label>
    </div>
  `;
}
