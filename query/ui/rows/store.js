// @ts-check
// The rows that are loaded, newest first: many, so each is kept as the text that came and read when it is shown.
//
// A row that says the same as the one beside it is folded into that one: it has no place of its own and is kept as its twin.
//
// Bounds: ROWS_MAX rows and TEXT_MAX characters. A row has a number `n`: 0, 1, 2… for what a search brought, −1, −2… for what arrived since. It changes only where rows come between (`insert`).

import { signal } from "../lib/html.js";

/** @typedef {import("../lib/api.js").Row} Row */
/** @typedef {{row: Row, text: string}} Came */
/** @typedef {{id: string, n: number, level: string, text: string, twins?: {id: string, text: string}[]}} Entry */

export const ROWS_MAX = 100_000;
/** Characters of all texts: lines may be 256 KiB each. */
const TEXT_MAX = 96 << 20;
/** Rows that are kept read: a few screens. */
const READ_MAX = 600;
/** Dropping is done by so many, for the sake of speed. */
const DROP = 1_000;

export class RowStore {
  constructor() {
    /** Changes with every change of the rows. */
    this.version = signal(0);
    /** @type {Entry[]} oldest last */
    this.older = [];
    /** @type {Entry[]} newest last */
    this.newer = [];
    /** How many of the newer ones were let go of. */
    this.dropped = 0;
    this.characters = 0;
    /** Rows that are folded into others. */
    this.folded = 0;
    /** A frame that will tell of new rows. */
    this.frame = 0;
    /** @type {Map<string, Entry>} */
    this.byId = new Map();
    /** @type {Map<string, Row>} */
    this.read = new Map();
  }

  clear() {
    [this.older, this.newer, this.dropped, this.characters, this.folded] = [[], [], 0, 0, 0];
    this.byId.clear();
    this.read.clear();
    this.changed();
  }

  /** Tells of rows that came since the last frame, now. */
  flush() {
    if (this.frame) this.changed();
  }

  changed() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.version.value = this.version.peek() + 1;
  }

  /** Places in the list. */
  get count() {
    return this.newer.length + this.older.length;
  }

  /** Rows that are loaded, folded ones among them. */
  get loaded() {
    return this.count + this.folded;
  }

  get full() {
    return this.loaded >= ROWS_MAX || this.characters >= TEXT_MAX;
  }

  /** Behind the last one, as a search gives them. @param {Came[]} rows */
  append(rows) {
    const first = this.count === 0;
    for (const { row, text } of rows) this.add(this.older, row, text, this.older.length);
    // The first ones are shown at once, the others with the next frame: an answer comes in many pieces.
    if (first) this.changed();
    else this.frame ||= requestAnimationFrame(() => this.changed());
  }

  /** Before the first one, in the order of arrival; the oldest go where there is no more room. @param {Came[]} rows */
  prepend(rows) {
    for (const { row, text } of rows) this.add(this.newer, row, text, -1 - this.dropped - this.newer.length);
    this.trim();
    if (rows.length > 0) this.changed();
  }

  /**
   * Among those that arrived, behind the one with this id, in the order of arrival; the oldest of them where it is not there any more.
   * @param {string} behind
   * @param {Came[]} rows
   */
  insert(behind, rows) {
    const entry = this.byId.get(behind);
    const later = this.newer.splice(entry && entry.n < 0 ? -entry.n - this.dropped : 0);
    for (const { row, text } of rows) this.add(this.newer, row, text, -1 - this.dropped - this.newer.length);
    // As other entries, so that whoever has drawn them by their numbers draws them anew.
    for (const { n: _, ...rest } of later) {
      const moved = { ...rest, n: -1 - this.dropped - this.newer.length };
      this.newer.push(moved);
      for (const { id } of [moved, ...(moved.twins ?? [])]) this.byId.set(id, moved);
    }
    this.trim();
    this.changed();
  }

  /** Lets go of the oldest where there is no more room. */
  trim() {
    while (this.loaded > ROWS_MAX || (this.characters > TEXT_MAX && this.count > 1)) this.drop(Math.max(Math.min(DROP, this.count >> 1), 1));
  }

  /** @param {Entry[]} list @param {Row} row @param {string} text @param {number} n */
  add(list, row, text, n) {
    if (this.byId.has(row.id)) return;
    this.characters += text.length;
    const beside = list.at(-1);
    if (beside && same(this.row(beside), row)) {
      (beside.twins ??= []).push({ id: row.id, text });
      this.byId.set(row.id, beside);
      this.folded++;
      return;
    }
    const entry = { id: row.id, n, level: row.level ?? "", text };
    list.push(entry);
    this.byId.set(row.id, entry);
    this.remember(row);
  }

  /** Lets go of the oldest. @param {number} count */
  drop(count) {
    const gone = this.older.splice(Math.max(this.older.length - count, 0));
    if (gone.length === 0) {
      gone.push(...this.newer.splice(0, count));
      this.dropped += gone.length;
    }
    for (const entry of gone) {
      for (const { id, text } of [entry, ...(entry.twins ?? [])]) {
        this.byId.delete(id);
        this.characters -= text.length;
      }
      this.folded -= entry.twins?.length ?? 0;
    }
  }

  /** The entry at a place of the list. @param {number} index @returns {Entry | undefined} */
  at(index) {
    const { length } = this.newer;
    return index < length ? this.newer[length - 1 - index] : this.older[index - length];
  }

  /** The place of a row in the list; −1 where it is not there. @param {string} id */
  indexOf(id) {
    const entry = this.byId.get(id);
    if (!entry) return -1;
    return entry.n >= 0 ? this.newer.length + entry.n : this.newer.length + this.dropped + entry.n;
  }

  /** @param {{id: string, text: string}} entry one, or a twin @returns {Row} */
  row(entry) {
    const known = this.read.get(entry.id);
    if (known) return known;
    const said = JSON.parse(entry.text);
    return this.remember(said.row ?? said);
  }

  /** @param {Row} row */
  remember(row) {
    if (this.read.size >= READ_MAX) for (const id of [...this.read.keys()].slice(0, READ_MAX >> 1)) this.read.delete(id);
    this.read.set(row.id, row);
    return row;
  }
}

/** Whether two rows say the same: all but when, and by which number. @param {Row} a @param {Row} b */
function same(a, b) {
  return a.message === b.message && a.level === b.level && a.instance === b.instance && a.module === b.module && a.version === b.version && JSON.stringify(a.attributes) === JSON.stringify(b.attributes);
}

/** What the explorer shows. */
export const rows = new RowStore();
