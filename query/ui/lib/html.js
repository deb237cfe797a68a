// @ts-check
// The one place that names the vendored libraries: elements as tagged templates (htm), components (preact), state (signals).
//
// Log text is hostile: a string in a template becomes a text node or an attribute, never markup, and no component sets `dangerouslySetInnerHTML` (the
// page's Trusted Types would refuse it).

import htm from "htm";
import { h } from "preact";

export { render } from "preact";
export { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
export { batch, computed, effect, signal, untracked, useComputed, useSignal } from "@preact/signals";

/**
 * @template T
 * @typedef {import("@preact/signals").Signal<T>} Signal
 */

export const html = htm.bind(h);
