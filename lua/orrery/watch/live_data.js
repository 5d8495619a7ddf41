// What the live page knows: rows of runs, and the numbers and pictures of those
// that were chosen. Long curves stay short: neighbours become one point.
(function () {
'use strict';
const mostPoints = 2000;

const runs = new Map();      // id -> its row
const data = new Map();      // id -> { series, pictures, warnings }

// Points of one curve, each { x, y, lo, hi, n } for n values: their mean, least
// and greatest. When they become too many, each stands for twice as many. The
// newest stands by itself: it is what one wants to read.
class Series {
  constructor() {
    this.older = [];
    this.newest = null;
    this.odd = 0;
    this.most = 1;  // values that a point may stand for
  }

  get points() {
    return this.newest ? this.older.concat([this.newest]) : [];
  }

  add(s) {
    s.x.forEach((x, i) => {
      const y = s.y[i];
      if (this.newest) this.push(this.newest);
      this.newest = { x, y, lo: s.lo ? s.lo[i] : y, hi: s.hi ? s.hi[i] : y,
        n: s.size || 1 };
    });
    if (s.odd && !this.odd) Object.assign(this, { at: s.odd_at, is: s.odd_is });
    this.odd += s.odd || 0;
  }

  push(point) {
    const last = this.older.length - 1;
    if (last >= 0 && this.older[last].n + point.n <= this.most) {
      this.older[last] = join(this.older[last], point);
    } else {
      this.older.push(point);
    }
    if (this.older.length > mostPoints) {
      const all = this.older;
      this.older = [];
      this.most *= 2;
      for (const p of all) this.push(p);
    }
  }
}

function join(a, b) {
  const n = a.n + b.n, x = (a.x * a.n + b.x * b.n) / n;
  if (a.y === null || b.y === null) {
    const { y, lo, hi } = a.y === null ? b : a;
    return { x, y, lo, hi, n };
  }
  return { x, y: (a.y * a.n + b.y * b.n) / n, lo: Math.min(a.lo, b.lo),
    hi: Math.max(a.hi, b.hi), n };
}

function dataOf(id) {
  if (!data.has(id)) data.set(id, { series: new Map(),
    pictures: new Map(), warnings: [], changes: 0 });
  return data.get(id);
}

function nameOf(id) {
  const row = runs.get(id);
  return row ? `${id}  ${row.label || row.experiment}` : String(id);
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

window.orrery.live = { runs, data, Series, dataOf, nameOf, setText };
}());
