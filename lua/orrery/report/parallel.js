// Parallel coordinates: an upright axis for each setting and result, a line
// for each run. A click on an axis' name colours the lines by it, dragging
// along an axis leaves those that pass there, a line under the pointer or in
// focus says what it is.
//
//   orrery.parallel(element, { axes: [{ name, ticks }], lines: [{ name,
//     values }] });    // ticks: names of the values 1, 2 ... of that axis
(function () {
'use strict';
const orrery = window.orrery = window.orrery || {};
const top = 46, bottom = 316, gap = 132, right = 60;

function svg(tag, fields, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const name in fields) element.setAttribute(name, fields[name]);
  element.append(...children);
  return element;
}

const show = (v) => !Number.isFinite(v) ? '–'
  : Math.abs(v) >= 1e6 || (v !== 0 && Math.abs(v) < 1e-3) ? v.toExponential(2)
  : String(Number(v.toPrecision(4)));

// From dark blue by green to yellow, alike for all readers.
function shade(part) {
  const stops = [[62, 84, 160], [33, 145, 140], [150, 190, 60], [226, 170, 40]];
  const at = Math.min(Math.max(part, 0), 1) * (stops.length - 1);
  const i = Math.min(Math.floor(at), stops.length - 2), f = at - i;
  return `rgb(${stops[i].map((v, c) =>
    Math.round(v + f * (stops[i + 1][c] - v))).join(' ')})`;
}

class Parallel {
  constructor(root, spec) {
    this.spec = spec;
    this.ranges = spec.axes.map(() => null);
    this.by = spec.axes.length - 1;
    // Room for the words beside the first axis.
    this.left = Math.max(right, ...(spec.axes[0].ticks || []).map((word) =>
      16 + 7 * String(word).length));
    this.scales = spec.axes.map((axis, a) => {
      const all = spec.lines.map((l) => l.values[a])
        .filter((v) => Number.isFinite(v));
      let low = Math.min(...all), high = Math.max(...all);
      if (!(high > low)) { low -= 1; high += 1; }
      return { low, high,
        y: (v) => bottom - (v - low) / (high - low) * (bottom - top),
        v: (y) => low + (bottom - y) / (bottom - top) * (high - low) };
    });
    this.said = Object.assign(document.createElement('p'),
      { className: 'note' });
    this.said.setAttribute('aria-live', 'polite');
    const wide = document.createElement('div');
    wide.className = 'wide';
    const width = this.left + right + gap * (spec.axes.length - 1);
    this.svg = svg('svg', { viewBox: `0 0 ${width} 340`, class: 'parallel',
      role: 'group', 'aria-label': 'runs as lines through their settings and '
        + 'results', style: `min-width: ${width * 0.7}px; max-width: ${width * 1.15}px` });
    wide.append(this.svg);
    root.replaceChildren(wide, this.said);
    this.drawLines();
    this.drawAxes();
    this.paint();
  }

  x(a) { return this.left + a * gap; }

  text(a, v) {
    const { ticks } = this.spec.axes[a];
    return ticks && Number.isInteger(v) ? ticks[v - 1] : show(v);
  }

  drawLines() {
    this.paths = this.spec.lines.map((line) => {
      const points = line.values.map((v, a) => Number.isFinite(v)
        ? `${this.x(a)},${this.scales[a].y(v).toFixed(1)}` : null)
        .filter((p) => p);
      const words = this.spec.axes.map((axis, a) =>
        `${axis.name} ${this.text(a, line.values[a])}`).join(', ');
      const path = svg('polyline', { points: points.join(' '), fill: 'none',
        tabindex: 0, role: 'img', 'aria-label': `${line.name}: ${words}` });
      const tell = () => { this.said.textContent = `${line.name}: ${words}`; };
      for (const e of ['pointerenter', 'focus']) {
        path.addEventListener(e, () => { path.classList.add('lit'); tell(); });
      }
      for (const e of ['pointerleave', 'blur']) {
        path.addEventListener(e, () => path.classList.remove('lit'));
      }
      this.svg.append(path);
      return path;
    });
  }

  drawAxes() {
    this.names = this.spec.axes.map((axis, a) => {
      const x = this.x(a), { low, high, y } = this.scales[a];
      const marks = axis.ticks ? axis.ticks.map((_, i) => i + 1)
        : [low, (low + high) / 2, high];
      const name = svg('text', { x, y: 20, 'text-anchor': 'middle',
        class: 'name', tabindex: 0, role: 'button' }, axis.name);
      name.setAttribute('aria-label', `colour by ${axis.name}`);
      const colour = () => { this.by = a; this.paint(); };
      name.addEventListener('click', colour);
      name.addEventListener('keydown', (e) => {
        if (e.key === 'Enter' || e.key === ' ') { e.preventDefault(); colour(); }
      });
      const brush = svg('rect', { x: x - 9, width: 18, y: 0, height: 0,
        class: 'brush' });
      const grip = svg('rect', { x: x - 16, width: 32, y: top,
        height: bottom - top, class: 'grip' });
      this.brushing(grip, brush, a);
      this.svg.append(svg('line', { x1: x, x2: x, y1: top, y2: bottom,
        class: 'axis' }), ...marks.map((v, m) => this.tick(a, v, axis.ticks
        || m === 1 ? 0 : m - 1)),
      brush, grip, name);
      return name;
    });
  }

  // Beside the axis; the ends of numbers below (-1) and above (1) it, out of
  // the way of the lines.
  tick(a, v, end) {
    const x = this.x(a) - (end ? 0 : 6);
    const y = this.scales[a].y(v) + (end < 0 ? 18 : end > 0 ? -8 : 4);
    return svg('text', { x, y, class: 'tick', 'text-anchor':
      end ? 'middle' : 'end' }, this.text(a, v));
  }

  // Dragging leaves the lines that pass between; a click lets all back.
  brushing(grip, brush, a) {
    let from = null;
    const y = (e) => {
      const box = this.svg.getBoundingClientRect();
      const at = (e.clientY - box.top) / box.height * 340;
      return Math.min(Math.max(at, top), bottom);
    };
    grip.addEventListener('pointerdown', (e) => {
      from = y(e);
      grip.setPointerCapture(e.pointerId);
    });
    grip.addEventListener('pointermove', (e) => {
      if (from === null) return;
      const to = y(e), few = Math.abs(to - from) < 4;
      const { v } = this.scales[a];
      this.ranges[a] = few ? null : [v(Math.max(from, to)),
        v(Math.min(from, to))];
      brush.setAttribute('y', Math.min(from, to));
      brush.setAttribute('height', few ? 0 : Math.abs(to - from));
      this.paint();
    });
    grip.addEventListener('pointerup', (e) => {
      if (Math.abs(y(e) - from) < 4) {
        this.ranges[a] = null;
        brush.setAttribute('height', 0);
        this.paint();
      }
      from = null;
    });
  }

  paint() {
    const { low, high } = this.scales[this.by];
    let left_over = 0;
    this.spec.lines.forEach((line, l) => {
      const inside = this.ranges.every((range, a) => !range
        || (line.values[a] >= range[0] && line.values[a] <= range[1]));
      if (inside) left_over++;
      const v = line.values[this.by];
      this.paths[l].setAttribute('stroke', Number.isFinite(v)
        ? shade((v - low) / (high - low)) : '#888');
      this.paths[l].classList.toggle('out', !inside);
    });
    this.names.forEach((name, a) => {
      name.setAttribute('aria-pressed', String(a === this.by));
    });
    this.said.textContent = `${left_over} of ${this.spec.lines.length} runs, `
      + `coloured by ${this.spec.axes[this.by].name}`;
  }
}

orrery.parallel = (root, spec) => new Parallel(root, spec);

orrery.startParallel = function () {
  for (const data of document.querySelectorAll('script.parallel')) {
    orrery.parallel(data.parentElement, JSON.parse(data.textContent));
  }
};
}());
