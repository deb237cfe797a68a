// @ts-check
// The door: a token becomes a session, or a provider says who sits before the browser.

import { beginning, provider } from "../lib/api.js";
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { sentence, visible } from "../lib/text.js";
import { view } from "./address.js";
import { doorReason, ending, enter } from "./session.js";
import { Settings } from "./settings.js";

export function Door() {
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  const [name, setName] = useState("");
  useEffect(() => {
    field.current?.focus();
    // Who cannot be told of a provider signs in with a token.
    provider().then(setName, () => {});
  }, []);
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setBusy(true);
    const said = await enter(field.current?.value ?? "");
    setBusy(false);
    setWrong(said);
    if (said) field.current?.select();
  };
  const why = { ended: t("door.ended"), left: t("door.left"), "": t("door.first") }[doorReason.value];
  return html`
    <main id="door" class="door">
      <form id="sign-in" class="card" onSubmit=${submit}>
        <img src="assets/icon.svg" alt="" width="36" height="36" />
        <h1>${t("door.title")}</h1>
        ${doorReason.value && html`<p>${why}</p>`}
        ${ending.value && html`<p id="ending" class="error" role="alert">${sentence(t(`signin.${ending.value}`, { name: visible(name) || t("door.someProvider") }))}</p>`}
        ${name && html`<${Provider} name=${name} />`}
        ${!doorReason.value && html`<p>${why}</p>`}
        <label for="token">${t("door.token")}</label>
        <input id="token" ref=${field} type="password" autocomplete="current-password" spellcheck=${false} required placeholder="mart_partner_…" aria-describedby="door-error" aria-invalid=${wrong ? "true" : null} />
        <p id="door-error" class="error" role="alert" hidden=${!wrong}>${wrong}</p>
        <button class=${name ? "" : "primary"} type="submit" disabled=${busy}>${t("door.enter")}</button>
      </form>
      <div class="door-settings"><${Settings} /></div>
    </main>
  `;
}

/** The way over the provider, and back to what the address says. @param {{name: string}} props */
function Provider({ name }) {
  void view.value;
  return html`<a id="provider" class="button primary" href=${beginning(location.search)}>${t("door.provider", { name: visible(name) })}</a>`;
}
