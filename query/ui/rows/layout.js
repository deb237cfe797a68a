// @ts-check
// Where rows stand: closed ones are all equally high, open ones higher. px, from the top of the list.

/** @typedef {{index: number, extra: number}} Open what an open row takes beyond a closed one */

export class Layout {
  /** @param {number} count @param {number} rowPx @param {Open[]} opens by index */
  constructor(count, rowPx, opens) {
    this.count = count;
    this.rowPx = rowPx;
    this.opens = opens;
  }

  get height() {
    return this.top(this.count);
  }

  /** @param {number} index */
  top(index) {
    let extra = 0;
    for (const open of this.opens) {
      if (open.index >= index) break;
      extra += open.extra;
    }
    return index * this.rowPx + extra;
  }

  /** The row at a height. @param {number} y */
  at(y) {
    let above = 0;
    for (const open of this.opens) {
      const begin = open.index * this.rowPx + above;
      if (y < begin + this.rowPx) break;
      if (y < begin + this.rowPx + open.extra) return open.index;
      above += open.extra;
    }
    return Math.min(Math.max(Math.floor((y - above) / this.rowPx), 0), Math.max(this.count - 1, 0));
  }
}
