// @ts-check
// The three dialogs: help, settings, commands. One at most is open.

import { html, signal, useEffect, useRef } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { Commands } from "./commands.js";
import { Help } from "./help.js";
import { Settings } from "./settings.js";

export const dialog = signal(/** @type {"" | "help" | "settings" | "commands"} */ (""));

const TITLES = /** @type {const} */ ({ help: "help.title", settings: "settings.title", commands: "commands.title" });

export function Dialogs() {
  const element = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const open = dialog.value;
  useEffect(() => {
    if (open && !element.current?.open) element.current?.showModal();
  }, [open]);
  const close = () => (dialog.value = "");
  if (!open) return null;
  const backdrop = (/** @type {MouseEvent} */ event) => event.target === element.current && close();
  return html`
    <dialog ref=${element} id=${open} class=${open} aria-labelledby="dialog-title" onClose=${close} onClick=${backdrop}>
      <div class="dialog-head"><h2 id="dialog-title">${t(TITLES[open])}</h2><button type="button" class="quiet" aria-label=${t("dialog.close")} onClick=${close}>✕</button></div>
      ${open === "help" ? html`<${Help} />` : open === "settings" ? html`<${Settings} />` : html`<${Commands} close=${close} />`}
    </dialog>
  `;
}
