// @ts-check
// A button for what cannot be taken back: pressed once it asks, pressed again it does.

import { html, useEffect, useSignal } from "../lib/html.js";
import { t } from "../i18n/i18n.js";

/** How long it waits for the second press, ms. */
const WAITS_MS = 5_000;

/** @param {{label: string, about: string, act: () => Promise<void>}} props `about` names what it is done to */
export function Confirm({ label, about, act }) {
  const state = useSignal(/** @type {"" | "asking" | "busy"} */ (""));
  useEffect(() => {
    if (state.value !== "asking") return;
    const timer = setTimeout(() => (state.value = ""), WAITS_MS);
    return () => clearTimeout(timer);
  }, [state.value]);
  const press = async () => {
    if (state.value !== "asking") return void (state.value = "asking");
    state.value = "busy";
    await act().finally(() => (state.value = ""));
  };
  const asking = state.value === "asking";
  return html`<button type="button" class=${asking ? "danger" : ""} disabled=${state.value === "busy"} aria-label=${`${asking ? t("confirm.really") : label}: ${about}`} onClick=${press}>${asking ? t("confirm.really") : label}</button>`;
}
