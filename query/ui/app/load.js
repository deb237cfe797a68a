// @ts-check
// An answer that a component needs: asked when its question changes, ended when the component goes.

import { html, useEffect, useState } from "../lib/html.js";
import { SignedOut } from "../lib/api.js";
import { Failure, Waiting } from "./notes.js";
import { ended } from "./session.js";

/**
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} ask
 * @param {unknown[]} question
 * @returns {{value: T | null, error: unknown, again: () => void}}
 */
export function useAnswer(ask, question) {
  const [state, setState] = useState({ value: /** @type {T | null} */ (null), error: /** @type {unknown} */ (null) });
  const [tries, setTries] = useState(0);
  useEffect(() => {
    const control = new AbortController();
    setState({ value: null, error: null });
    ask(control.signal).then(
      (value) => control.signal.aborted || setState({ value, error: null }),
      (error) => {
        if (control.signal.aborted) return;
        if (error instanceof SignedOut) ended();
        else setState({ value: null, error });
      },
    );
    return () => control.abort();
  }, [...question, tries]);
  return { ...state, again: () => setTries(tries + 1) };
}

/** What stands in the place of an answer that is not there yet, or will not come; null where it is there. @param {{value: unknown, error: unknown, again: () => void}} answer @param {number} [lines] */
export function missing({ value, error, again }, lines = 6) {
  if (error !== null) return html`<${Failure} error=${error} again=${again} />`;
  return value === null ? html`<${Waiting} lines=${lines} />` : null;
}
