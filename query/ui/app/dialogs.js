// @ts-check
// The dialogs: help, settings, commands, export, share. One at most is open.

import { html, signal, useLayoutEffect, useRef } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { Commands } from "./commands.js";
import { Help } from "./help.js";
import { later } from "./later.js";
import { Settings } from "./settings.js";

export const dialog = signal(/** @type {"" | keyof typeof DIALOGS} */ (""));

const DIALOGS = /** @type {const} */ ({
  help: ["help.title", Help],
  settings: ["settings.title", Settings],
  commands: ["commands.title", Commands],
  export: ["export.title", later(() => import("../share/export.js"), "Export")],
  share: ["share.title", later(() => import("../share/share.js"), "Share")],
});

export function Dialogs() {
  const element = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const open = dialog.value;
  // At once: what is typed next is meant for it.
  useLayoutEffect(() => {
    if (open && !element.current?.open) element.current?.showModal();
  }, [open]);
  const close = () => (dialog.value = "");
  if (!open) return null;
  const [title, Dialog] = DIALOGS[open];
  const backdrop = (/** @type {MouseEvent} */ event) => event.target === element.current && close();
  return html`
    <dialog ref=${element} id=${open} class=${open} aria-labelledby="dialog-title" onClose=${close} onClick=${backdrop}>
      <div class="dialog-head"><h2 id="dialog-title">${t(title)}</h2><button type="button" class="quiet" aria-label=${t("dialog.close")} onClick=${close}>✕</button></div>
      <${Dialog} close=${close} />
    </dialog>
  `;
}
