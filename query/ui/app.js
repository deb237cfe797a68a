// @ts-check
// What happens when. The address says what is asked (state.js); every change of it runs one search, which ends the one before.

import * as api from "./api.js";
import { byId, h } from "./dom.js";
import { Follow } from "./follow.js";
import { openHelp } from "./help.js";
import { HistogramView } from "./histogram.js";
import * as messages from "./messages.js";
import { clause, withClause } from "./query.js";
import { ROWS_MAX, Rows } from "./rows.js";
import * as state from "./state.js";
import * as time from "./time.js";

const PAGE_ROWS = 200;
/** Below this, being behind is the way of things: batches close, collectors report. */
const BEHIND_SHOWN_S = 5;
const GAPS_SHOWN_MAX = 50;

const at = {
  search: byId("search", HTMLFormElement),
  query: byId("query", HTMLInputElement),
  go: byId("go", HTMLButtonElement),
  cancel: byId("cancel", HTMLButtonElement),
  who: byId("who", HTMLElement),
  whoName: byId("who-name", HTMLElement),
  explorer: byId("explorer", HTMLElement),
  queryError: byId("query-error", HTMLElement),
  chips: byId("chips", HTMLFieldSetElement),
  custom: byId("custom", HTMLFormElement),
  customFrom: byId("custom-from", HTMLInputElement),
  customTo: byId("custom-to", HTMLInputElement),
  zone: byId("zone", HTMLButtonElement),
  follow: byId("follow", HTMLButtonElement),
  status: byId("status", HTMLElement),
  complete: byId("complete", HTMLElement),
  fresh: byId("fresh", HTMLButtonElement),
  warnings: byId("warnings", HTMLUListElement),
  message: byId("message", HTMLElement),
  more: byId("more", HTMLButtonElement),
  door: byId("door", HTMLElement),
  doorWhy: byId("door-why", HTMLElement),
  doorError: byId("door-error", HTMLElement),
  signIn: byId("sign-in", HTMLFormElement),
  token: byId("token", HTMLInputElement),
  help: byId("help", HTMLDialogElement),
};

const rows = new Rows(byId("rows", HTMLOListElement), (added) => ask({ query: withClause(state.current().query, added) }));
const histogram = new HistogramView(byId("histogram", HTMLElement), {
  zoom: (from, to) => ask({ from: time.rfc3339(Math.floor(from)), to: time.rfc3339(Math.ceil(to)), follow: false }),
  level: (level) => ask({ query: withClause(state.current().query, clause("level", level) ?? "") }),
});

/** The search that runs or ran last. @type {AbortController | null} */
let running = null;
/** @type {Follow | null} */
let following = null;
/** What a next page asks. @type {{query: string, from: string, to?: string, cursor: string} | null} */
let nextPage = null;
/** Lines that match, as the histogram has counted them. */
let counted = 0;

// ---------------------------------------------------------------------------------------------------------------- who

async function start() {
  try {
    const session = await api.session();
    if (session) enter(session);
    else showDoor("");
  } catch (error) {
    at.explorer.hidden = false;
    messages.failed(at.message, error, () => void start());
  }
}

/** @param {api.Session} session */
function enter(session) {
  at.whoName.textContent = session.partner ? `${session.partner}` : session.kind;
  at.door.hidden = true;
  for (const part of [at.search, at.who, at.explorer]) part.hidden = false;
  run();
}

/** @param {string} why */
function showDoor(why) {
  stop();
  for (const part of [at.search, at.who, at.explorer]) part.hidden = true;
  if (why) at.doorWhy.textContent = why;
  at.doorError.hidden = true;
  at.door.hidden = false;
  at.token.focus();
}

at.signIn.addEventListener("submit", async (event) => {
  event.preventDefault();
  at.doorError.hidden = true;
  try {
    await api.signIn(at.token.value.trim());
    at.token.value = "";
    const session = await api.session();
    if (session) return enter(session);
    at.doorError.textContent = "The browser did not keep the session: allow cookies for this page, then sign in again.";
  } catch (error) {
    at.doorError.textContent = doorSentence(error);
  }
  at.doorError.hidden = false;
  at.token.select();
});

/** @param {unknown} error */
function doorSentence(error) {
  if (error instanceof api.SignedOut) return "This token is not accepted: it is unknown, revoked or expired. Paste all of it, or ask for a new one.";
  if (error instanceof api.Offline) return "The server cannot be reached. Check your connection and try again.";
  return messages.sentence(error instanceof Error ? error.message : String(error));
}

byId("sign-out", HTMLButtonElement).addEventListener("click", async () => {
  try {
    await api.signOut();
  } catch (error) {
    // Without a session there is nothing to end; without a server the cookie stays, and the reader is told.
    if (!(error instanceof api.SignedOut)) return messages.failed(at.message, error, () => location.reload());
  }
  rows.clear();
  showDoor("You are signed out. Paste a token to sign in again.");
});

// ------------------------------------------------------------------------------------------------------------- asking

/** Changes what is asked. @param {Partial<state.View>} change */
function ask(change) {
  state.go({ ...state.current(), ...change });
  run();
}

/** Runs what the address says. */
function run() {
  stop();
  const view = state.current();
  show(view);
  const control = new AbortController();
  running = control;
  if (view.follow) follow(view);
  void drawHistogram(view, control.signal);
  void find(view, control);
}

/** Ends whatever runs. */
function stop() {
  running?.abort();
  running = null;
  following?.stop();
  following = null;
}

/** The controls, as the address has them. @param {state.View} view */
function show(view) {
  document.title = view.query ? `${view.query} · martlog` : "martlog";
  at.query.value = view.query;
  at.queryError.hidden = true;
  at.query.removeAttribute("aria-invalid");
  at.zone.textContent = time.zone() === "utc" ? "UTC" : "Local time";
  at.follow.setAttribute("aria-pressed", String(view.follow));
  at.fresh.hidden = true;
  const custom = view.to !== "" || !time.CHIPS.some((chip) => chip.from === view.from);
  for (const chip of at.chips.querySelectorAll("button")) {
    const chosen = custom ? chip.value === "custom" : chip.value === view.from;
    chip.setAttribute("aria-pressed", String(chosen));
  }
  at.custom.hidden = !custom;
  const { from, to } = time.range(view);
  if (!Number.isNaN(from)) at.customFrom.value = time.toInput(from);
  if (!Number.isNaN(to)) at.customTo.value = time.toInput(to);
}

/** @param {state.View} view */
function bounds(view) {
  return { query: view.query, from: view.from, ...(view.to ? { to: view.to } : {}) };
}

/** @param {state.View} view @param {AbortController} control */
async function find(view, control) {
  rows.clear();
  nextPage = null;
  counted = 0;
  at.more.hidden = true;
  at.warnings.hidden = true;
  at.complete.replaceChildren();
  say("Searching…");
  messages.loading(at.message);
  busy(true);
  try {
    const summary = await api.search({ ...bounds(view), limit: PAGE_ROWS }, found, control.signal);
    if (!control.signal.aborted) done(view, summary);
  } catch (error) {
    if (!control.signal.aborted) wrong(view, error);
  } finally {
    if (running === control) busy(false);
  }
}

/** @param {api.Row[]} more */
function found(more) {
  if (more.length > 0) messages.clear(at.message);
  rows.append(more);
}

/** @param {state.View} view @param {api.Summary} summary */
function done(view, summary) {
  messages.clear(at.message);
  if (rows.count === 0 && !view.follow) {
    const wider = view.to === "" && time.range(view).from > time.toMs("-7d") + 60_000 ? () => ask({ from: "-7d" }) : null;
    messages.nothing(at.message, { query: view.query, wider, clear: view.query ? () => ask({ query: "" }) : null });
  }
  pageEnd(view, summary);
  at.complete.replaceChildren(...badges(summary.complete));
  warn(summary.warnings ?? []);
}

/** @param {(string | Record<string, unknown>)[]} warnings */
function warn(warnings) {
  at.warnings.replaceChildren(...warnings.map((warning) => h("li", {}, messages.warningText(warning))));
  at.warnings.hidden = warnings.length === 0;
}

/** Counts, and whether there is a next page. @param {state.View} view @param {api.Summary} summary */
function pageEnd(view, summary) {
  nextPage = summary.cursor ? { ...bounds(view), cursor: summary.cursor } : null;
  at.more.hidden = nextPage === null;
  const full = rows.count >= ROWS_MAX;
  at.more.disabled = full;
  at.more.textContent = full ? `${ROWS_MAX.toLocaleString()} lines are shown: narrow the query or the time to see others` : "Load more";
  sayCount();
}

/** How many lines are shown, and of how many where the histogram has counted them. */
function sayCount() {
  const shown = rows.count.toLocaleString();
  if (nextPage && counted > rows.count) say(`The newest ${shown} of ${counted.toLocaleString()} lines`);
  else if (nextPage) say(`The newest ${shown} lines, and there are more`);
  else say(rows.count === 1 ? "1 line" : `${shown} lines`);
}

at.more.addEventListener("click", async () => {
  if (!nextPage || !running) return;
  const [view, control, before] = [state.current(), running, rows.count];
  at.more.disabled = true;
  busy(true);
  try {
    const limit = Math.min(PAGE_ROWS, ROWS_MAX - rows.count);
    const summary = await api.search({ ...nextPage, limit }, found, control.signal);
    if (control.signal.aborted) return;
    pageEnd(view, summary);
    rows.head(before)?.focus({ preventScroll: true });
  } catch (error) {
    at.more.disabled = false;
    if (!control.signal.aborted) wrong(view, error);
  } finally {
    if (running === control) busy(false);
  }
});

/** @param {state.View} view @param {unknown} error */
function wrong(view, error) {
  if (error instanceof api.SignedOut) return showDoor("Your session has ended. Sign in again: your query is kept.");
  messages.clear(at.message);
  if (error instanceof api.Refused && error.problem.span) {
    following?.stop();
    following = null;
    say("");
    at.query.setAttribute("aria-invalid", "true");
    messages.queryError(at.queryError, view.query, error.problem, (query) => ask({ query }));
    return;
  }
  say(rows.count > 0 ? `${rows.count.toLocaleString()} lines, not all` : "");
  messages.failed(at.message, error, run);
}

/** @param {state.View} view @param {AbortSignal} signal */
async function drawHistogram(view, signal) {
  histogram.loading();
  try {
    const counts = await api.histogram(bounds(view), signal);
    if (signal.aborted) return;
    // A time in the query narrows the range, and the server says to what.
    const asked = time.range(view);
    histogram.draw(counts, counts.from ? Date.parse(counts.from) : asked.from, counts.to ? Date.parse(counts.to) : asked.to);
    counted = counts.total ?? 0;
    if (nextPage && !view.follow) sayCount();
  } catch (error) {
    // The search tells what is wrong with both; only what the search may not say is said here.
    if (signal.aborted) return;
    if (error instanceof api.Refused && !error.problem.span) histogram.failed(messages.sentence(error.message));
    else histogram.hide();
  }
}

/** @param {boolean} on */
function busy(on) {
  at.go.hidden = on;
  at.cancel.hidden = !on;
  document.body.classList.toggle("searching", on);
}

/** @param {string} text */
function say(text) {
  at.status.textContent = text;
}

/** How complete the answer is. @param {api.Summary["complete"]} complete */
function badges(complete) {
  if (!complete) return [];
  const gaps = complete.gaps ?? [];
  const until = complete.until ? Date.parse(complete.until) : NaN;
  const behind = complete.behind_seconds ?? 0;
  const parts = [];
  if (gaps.length > 0) {
    const total = complete.gaps_total ?? gaps.length;
    const list = gaps.slice(0, GAPS_SHOWN_MAX).map((gap) => h("li", {}, gapText(gap)));
    const more = total > list.length ? h("li", {}, `and ${total - list.length} more`) : null;
    const places = total === 1 ? "1 place" : `${total} places`;
    parts.push(h("details", { class: "badge bad" }, h("summary", {}, `Lines are missing in ${places}`), h("ul", {}, ...list, more)));
  }
  if (behind >= BEHIND_SHOWN_S) {
    const to = Number.isNaN(until) ? "" : `Complete to ${time.full(until)}`;
    parts.push(h("span", { class: "badge late", title: to }, `Behind by ${time.roughly(behind)}`));
  } else if (!Number.isNaN(until)) {
    const title = "Everything that was printed before this time has arrived";
    parts.push(h("span", { class: gaps.length > 0 ? "badge" : "badge good", title }, `Complete to ${time.short(until)}`));
  } else if (gaps.length === 0) {
    parts.push(h("span", { class: "badge", title: "No collector has reported on these streams yet" }, "Completeness unknown"));
  }
  return parts;
}

/** @param {Record<string, unknown>} gap */
function gapText(gap) {
  const where = [gap.instance, gap.pod, gap.container].filter(Boolean).join(" · ") || "a stream";
  const reason = String(gap.reason ?? "missing").replaceAll("_", " ");
  const bytes = typeof gap.bytes === "number" ? `, ${gap.bytes.toLocaleString()} bytes` : "";
  const when = typeof gap.time === "string" ? `, noticed ${time.short(Date.parse(gap.time))}` : "";
  return `${where}: ${reason}${bytes}${when}`;
}

// ---------------------------------------------------------------------------------------------------------- following

/** @param {state.View} view */
function follow(view) {
  following = new Follow(view.query, {
    rows: (fresh) => {
      messages.clear(at.message);
      rows.prepend(fresh);
    },
    held: () => scrollY > 80 || document.querySelector("li.row.open") !== null,
    warnings: warn,
    complete: (complete) => at.complete.replaceChildren(...badges(complete)),
    told: ({ state: connection, rate, waiting, left }) => {
      const perSecond = rate < 10 ? rate.toFixed(1) : String(Math.round(rate));
      const lost = "Connection lost: connecting again, nothing is missed";
      const word = { connecting: "Connecting…", open: `Following: ${perSecond} lines/s`, lost }[connection];
      if (!document.body.classList.contains("searching")) say(word);
      at.follow.classList.toggle("lost", connection === "lost");
      at.fresh.hidden = waiting === 0;
      at.fresh.textContent = left > 0 ? `${waiting.toLocaleString()} new lines (${left.toLocaleString()} older ones: search to see them)` : `${waiting.toLocaleString()} new ${waiting === 1 ? "line" : "lines"} ↑`;
    },
    gap: (gap) => {
      at.warnings.append(h("li", {}, `Lines are missing here: ${gapText(gap)}.`));
      at.warnings.hidden = false;
      while (at.warnings.childElementCount > 20) at.warnings.firstElementChild?.remove();
    },
    closed: () => void followEnded(),
  });
}

/** The server refused to go on: the session may have ended. */
async function followEnded() {
  following = null;
  at.follow.setAttribute("aria-pressed", "false");
  try {
    if ((await api.session()) === null) return showDoor("Your session has ended. Sign in again: your query is kept.");
    say("The server ended the following. Press f to follow again.");
  } catch (error) {
    messages.failed(at.message, error, run);
  }
}

at.fresh.addEventListener("click", () => {
  scrollTo({ top: 0 });
  following?.release();
});

function toggleFollow() {
  const view = state.current();
  // New lines come now: a range that ended long ago cannot be followed.
  ask(view.follow ? { follow: false } : { follow: true, ...(view.to ? { from: "-5m", to: "" } : {}) });
}

// ----------------------------------------------------------------------------------------------------------- controls

at.search.addEventListener("submit", (event) => {
  event.preventDefault();
  at.query.blur();
  ask({ query: at.query.value.trim() });
});
at.cancel.addEventListener("click", cancel);
at.follow.addEventListener("click", toggleFollow);
byId("help-button", HTMLButtonElement).addEventListener("click", () => openHelp(at.help));

function cancel() {
  if (!document.body.classList.contains("searching")) return false;
  running?.abort();
  running = new AbortController();
  busy(false);
  messages.clear(at.message);
  say(rows.count > 0 ? `Cancelled: the first ${rows.count.toLocaleString()} lines` : "Cancelled");
  histogram.place.classList.remove("busy");
  return true;
}

for (const chip of [...time.CHIPS, { from: "custom", label: "Custom", name: "A range of your own" }]) {
  const button = h("button", { type: "button", value: chip.from, title: chip.name, "aria-label": chip.name, "aria-pressed": "false" }, chip.label);
  button.addEventListener("click", () => {
    if (chip.from !== "custom") return ask({ from: chip.from, to: "" });
    at.custom.hidden = !at.custom.hidden;
    if (!at.custom.hidden) at.customFrom.focus();
  });
  at.chips.append(button);
}

at.custom.addEventListener("submit", (event) => {
  event.preventDefault();
  const [from, to] = [time.fromInput(at.customFrom.value), time.fromInput(at.customTo.value)];
  const backwards = from !== null && to !== null && from >= to;
  at.customTo.setCustomValidity(backwards ? "The end must lie behind the beginning." : "");
  if (backwards) at.customTo.reportValidity();
  else if (from !== null && to !== null) ask({ from, to, follow: false });
});
at.custom.addEventListener("input", () => at.customTo.setCustomValidity(""));

at.zone.addEventListener("click", () => {
  time.setZone(time.zone() === "utc" ? "local" : "utc");
  show(state.current());
  rows.retime();
  histogram.redraw();
});

addEventListener("popstate", () => {
  if (at.door.hidden) run();
});
addEventListener("online", () => {
  if (!at.message.hidden && at.message.querySelector("button")) run();
});

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || at.help.open || !at.door.hidden) return;
  const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
  if (event.key === "Escape") {
    if (cancel()) return;
    if (typing) /** @type {HTMLElement} */ (event.target).blur();
    else rows.closeCurrent();
    return;
  }
  if (typing) return;
  const act = { "/": () => at.query.select(), j: () => rows.move(1), k: () => rows.move(-1), f: toggleFollow, "?": () => openHelp(at.help) }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

void start();
