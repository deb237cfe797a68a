// @ts-check
// Who is signed in, and the ways in and out.

import * as api from "../lib/api.js";
import { signal } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { sentence } from "../lib/text.js";

/** `undefined` until the server has said. @type {import("../lib/html.js").Signal<api.Session | null | undefined>} */
export const session = signal(undefined);

/** Why the door is shown; empty for a first visit. */
export const doorReason = signal(/** @type {"" | "ended" | "left"} */ (""));

/** Why a sign-in through the provider ended with nobody, as a sentence says it. The server sends browsers back with it behind the `#`. */
const ENDINGS = /** @type {const} */ (["unreachable", "untrusted", "stale", "denied", "misconfigured", "unknown", "ambiguous", "unkept"]);
/** @typedef {typeof ENDINGS[number]} Ending */
export const ending = signal(takeEnding());

/** Reads it once: the address is to be shared without it. @returns {Ending | ""} */
function takeEnding() {
  if (!location.hash.startsWith("#signin=")) return "";
  const code = location.hash.slice("#signin=".length);
  history.replaceState(null, "", location.pathname + location.search);
  return ENDINGS.find((known) => known === code) ?? "untrusted";
}

/** What kept the page from learning who is there. */
export const trouble = signal(/** @type {unknown} */ (null));

export async function learn() {
  trouble.value = null;
  try {
    session.value = await api.session();
  } catch (error) {
    trouble.value = error;
  }
}

/** The server says that there is no session any more. */
export function ended() {
  doorReason.value = "ended";
  session.value = null;
}

/** Signs in; what went wrong as a sentence, or nothing. @param {string} token */
export async function enter(token) {
  try {
    await api.signIn(token.trim());
    const now = await api.session();
    if (!now) return t("door.cookies");
    session.value = now;
    return "";
  } catch (error) {
    if (error instanceof api.SignedOut) return t("door.refused");
    if (error instanceof api.Offline) return t("door.offline");
    return sentence(error instanceof Error ? error.message : String(error));
  }
}

export async function leave() {
  try {
    await api.signOut();
  } catch (error) {
    // Without a session there is nothing to end; without a server the cookie stays, and the reader is told.
    if (!(error instanceof api.SignedOut)) {
      trouble.value = error;
      return;
    }
  }
  doorReason.value = "left";
  session.value = null;
}
