// @ts-check
// What can be done from anywhere: by a key, by the commands of Ctrl+K. Each is one sentence that says when it is possible.

import { copy } from "../lib/text.js";
import { range, rfc3339, setZone, zone } from "../lib/time.js";
import { shifted, widened } from "../lib/when.js";
import { closeOpen, current, moveTo, nextError, step, toggleOpen } from "../rows/cursor.js";
import { wantContext } from "../row/context.js";
import { requestOf } from "../row/fields.js";
import { rows } from "../rows/store.js";
import { cancel } from "../search/run.js";
import { go, link, view } from "./address.js";
import { dialog } from "./dialogs.js";
import { leave } from "./session.js";
import { said } from "./toast.js";
import { choose as chooseTheme } from "./theme.js";

/** @typedef {{name: import("../i18n/i18n.js").Key, key?: string, possible: () => boolean, act: () => void}} Action */

const exploring = () => view.peek().page === "explore";
const timed = () => ["explore", "request", "problems", "usage"].includes(view.peek().page);
const always = () => true;
const listed = () => exploring() && rows.count > 0;

/** The row that the keys mean. */
function chosen() {
  const entry = rows.byId.get(current.peek());
  return entry ? rows.row(entry) : null;
}

/** @param {string} id */
function focus(id) {
  const field = document.getElementById(id);
  field?.focus();
  if (field instanceof HTMLInputElement) field.select();
}

/** A link that shows the same lines tomorrow. */
export function permalink() {
  const { from, to } = range(view.peek());
  const fixed = { ...view.peek(), from: rfc3339(from), to: rfc3339(to), follow: false, row: current.peek() };
  return new URL(link(fixed), location.href).href;
}

async function copyLink() {
  said((await copy(permalink())) ? "toast.link" : "toast.noCopy");
}

export function toggleFollow() {
  const now = view.peek();
  // New lines come now: a range that ended long ago cannot be followed.
  go(now.follow ? { follow: false } : { follow: true, ...(now.to ? { from: "-5m", to: "" } : {}) });
}

/** @type {Action[]} */
export const ACTIONS = [
  { name: "key.search", key: "/", possible: always, act: () => (exploring() || view.peek().page === "start" ? focus(exploring() ? "query" : "what") : (go({ page: "explore", query: "" }), setTimeout(() => focus("query")))) },
  { name: "key.time", key: "t", possible: timed, act: () => focus("when-button") },
  { name: "key.next", key: "j", possible: listed, act: () => step(1) },
  { name: "key.previous", key: "k", possible: listed, act: () => step(-1) },
  { name: "key.open", key: "Enter", possible: listed, act: () => toggleOpen(current.peek()) },
  { name: "key.error", key: "e", possible: listed, act: () => nextError(1) },
  { name: "key.errorBack", key: "E", possible: listed, act: () => nextError(-1) },
  { name: "key.context", key: "x", possible: () => listed() && chosen() !== null, act: () => (wantContext(current.peek()), moveTo(current.peek())) },
  { name: "key.request", key: "v", possible: () => listed() && requestOf(chosen()) !== "", act: () => go({ page: "request", request: requestOf(chosen()) }) },
  { name: "key.follow", key: "f", possible: exploring, act: toggleFollow },
  { name: "key.link", key: "y", possible: timed, act: copyLink },
  { name: "key.earlier", key: "[", possible: timed, act: () => go({ ...shifted(range(view.peek()), -1), follow: false }) },
  { name: "key.later", key: "]", possible: timed, act: () => go({ ...shifted(range(view.peek()), 1), follow: false }) },
  { name: "key.wider", key: "z", possible: timed, act: () => go({ ...widened(range(view.peek())), follow: false }) },
  { name: "bar.start", possible: always, act: () => go({ page: "start" }) },
  { name: "bar.explore", possible: always, act: () => go({ page: "explore" }) },
  { name: "bar.problems", possible: always, act: () => go({ page: "problems" }) },
  { name: "bar.usage", possible: always, act: () => go({ page: "usage", from: "-7d", to: "" }) },
  { name: "bar.access", possible: always, act: () => go({ page: "access", part: "" }) },
  { name: "export.title", possible: exploring, act: () => (dialog.value = "export") },
  { name: "share.title", possible: timed, act: () => (dialog.value = "share") },
  { name: "command.zone", possible: always, act: () => setZone(zone.peek() === "utc" ? "local" : "utc") },
  { name: "command.light", possible: always, act: () => chooseTheme("light") },
  { name: "command.dark", possible: always, act: () => chooseTheme("dark") },
  { name: "bar.settings", possible: always, act: () => (dialog.value = "settings") },
  { name: "key.help", key: "?", possible: always, act: () => (dialog.value = "help") },
  { name: "bar.leave", possible: always, act: leave },
];

/** Esc: one step back, whatever is in front. */
export function back() {
  return cancel() || closeOpen();
}
