// @ts-check
// The keyboard: one key, one action; none while somebody types or a dialog is open.

import { ACTIONS, back } from "./actions.js";
import { dialog } from "./dialogs.js";
import { session } from "./session.js";

export function begin() {
  addEventListener("keydown", (event) => {
    if (!session.peek() || event.defaultPrevented) return;
    if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey) {
      event.preventDefault();
      dialog.value = "commands";
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || dialog.peek()) return;
    const target = /** @type {HTMLElement} */ (event.target);
    const typing = target.matches("input:not([type=checkbox]), textarea, select");
    if (event.key === "Escape") {
      if (!back() && typing) target.blur();
      return;
    }
    // Enter belongs to the element that has the focus.
    if (typing || event.key === "Enter") return;
    const action = ACTIONS.find((each) => each.key === event.key);
    if (!action?.possible()) return;
    event.preventDefault();
    action.act();
  });
}
