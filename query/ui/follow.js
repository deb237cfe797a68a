// @ts-check
// Follow mode: new lines over an EventSource. The browser reconnects by itself, behind the last event; what arrives while the reader looks elsewhere waits in a
// bounded buffer.

import { tail } from "./api.js";

/** Lines that wait while the reader looks at older ones; what is over it is found by a search. */
const WAITING_MAX = 1_000;
/** The page is drawn this often at most, ms. */
const DRAW_MS = 120;
/** The rate is the mean of this many seconds. */
const RATE_S = 5;

/**
 * @typedef {object} Told
 * @property {"connecting" | "open" | "lost"} state
 * @property {number} rate lines a second
 * @property {number} waiting lines that wait
 * @property {number} left lines that were left out of the buffer
 */

export class Follow {
  /**
   * @param {string} query
   * @param {{rows: (rows: import("./api.js").Row[]) => void, told: (told: Told) => void, warnings: (warnings: Record<string, unknown>[]) => void, complete: (complete: {until?: string | null, behind_seconds?: number}) => void, gap: (gap: Record<string, unknown>) => void, closed: () => void, held: () => boolean}} on
   *   `held` says whether new lines must wait; `closed` is called when the server refuses to go on
   */
  constructor(query, on) {
    this.on = on;
    /** @type {import("./api.js").Row[]} */
    this.waiting = [];
    this.left = 0;
    /** @type {number[]} */
    this.counts = [0];
    /** @type {Told["state"]} */
    this.state = "connecting";
    this.source = tail(query);
    this.source.addEventListener("open", () => this.become("open"));
    this.source.addEventListener("error", () => {
      if (this.source.readyState === EventSource.CLOSED) {
        this.stop();
        on.closed();
      } else this.become("lost");
    });
    this.source.addEventListener("row", (event) => this.arrived(JSON.parse(event.data)));
    this.source.addEventListener("gap", (event) => on.gap(JSON.parse(event.data)));
    this.source.addEventListener("status", (event) => {
      const status = JSON.parse(event.data || "{}");
      if (Array.isArray(status.warnings)) on.warnings(status.warnings);
      if ("behind_seconds" in status) on.complete(status);
    });
    this.drawTimer = setInterval(() => this.draw(), DRAW_MS);
    this.rateTimer = setInterval(() => {
      this.counts = [0, ...this.counts].slice(0, RATE_S + 1);
      this.tell();
    }, 1_000);
  }

  /** @param {Told["state"]} state */
  become(state) {
    this.state = state;
    this.tell();
  }

  /** @param {import("./api.js").Row} row */
  arrived(row) {
    this.counts[0]++;
    this.waiting.push(row);
    if (this.waiting.length > WAITING_MAX) {
      this.waiting.shift();
      this.left++;
    }
  }

  draw() {
    if (this.waiting.length === 0) return;
    if (this.on.held()) this.tell();
    else this.release();
  }

  /** Hands over what waits. */
  release() {
    const rows = this.waiting;
    this.waiting = [];
    if (rows.length > 0) this.on.rows(rows);
    this.tell();
  }

  tell() {
    const seconds = Math.max(this.counts.length - 1, 1);
    const whole = this.counts.length > 1 ? this.counts.slice(1) : this.counts;
    const rate = whole.reduce((sum, count) => sum + count, 0) / seconds;
    this.on.told({ state: this.state, rate, waiting: this.waiting.length, left: this.left });
  }

  stop() {
    clearInterval(this.drawTimer);
    clearInterval(this.rateTimer);
    this.source.close();
  }
}
