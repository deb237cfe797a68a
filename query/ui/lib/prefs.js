// @ts-check
// What a person has chosen for this browser: language, zone, theme. A browser that keeps nothing still shows the page.

/** @param {string} name @returns {string | null} */
export function recall(name) {
  try {
    return localStorage.getItem(`martlog.${name}`);
  } catch {
    return null;
  }
}

/** @param {string} name @param {string} value */
export function keep(name, value) {
  try {
    localStorage.setItem(`martlog.${name}`, value);
  } catch {
    // It holds until the page is closed.
  }
}
