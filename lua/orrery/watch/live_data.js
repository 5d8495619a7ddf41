// What the live page knows: rows of runs, and the numbers and pictures of those
// that were chosen. Long curves stay short: neighbours become one point.
(function () {
'use strict';
const mostPoints = 4000;

const runs = new Map();      // id -> its row
const data = new Map();      // id -> { series, pictures, warnings }

// Points of one curve, each { x, y, lo, hi, n }: when they become too many,
// two neighbours become one with their mean, least and greatest.
class Series {
  constructor() {
    this.points = [];
    this.odd = 0;
  }

  add(s) {
    s.x.forEach((x, i) => {
      const y = s.y[i];
      this.points.push({ x, y, lo: s.lo ? s.lo[i] : y, hi: s.hi ? s.hi[i] : y,
        n: s.size || 1 });
    });
    if (s.odd && !this.odd) Object.assign(this, { at: s.odd_at, is: s.odd_is });
    this.odd += s.odd || 0;
    while (this.points.length > mostPoints) this.halve();
  }

  halve() {
    const old = this.points, merged = [];
    for (let i = 0; i + 1 < old.length; i += 2) {
      merged.push(join(old[i], old[i + 1]));
    }
    if (old.length % 2) merged.push(old[old.length - 1]);
    this.points = merged;
  }

  get merged() { return this.points.some((p) => p.n > 1); }
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
