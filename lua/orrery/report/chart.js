// Curves of a page, drawn by dygraphs, with a legend whose entries switch
// lines off, seeds as a band, a log scale, and zoom by mouse, fingers and keys.
//
//   const chart = orrery.chart(figure, spec);   // figure: an empty <figure>
//   chart.update(spec);                         // more points, other lines
//
// spec = { title, xlabel, ylabel, note, ticks: [names of x = 1, 2 ...],
//   series: [{ name, group, x, y, lo, hi }] }: y null where a value was no
// number; lo, hi a band around y; x may be the place (from 0) of an earlier
// series with the same steps. Series of one group are seeds of one setting.
// The groups take the colours in turn, unless a series says which: { color: 3 }.
(function () {
'use strict';
const orrery = window.orrery, make = orrery.make;

const show = (v) => !Number.isFinite(v) ? '–'
  : Math.abs(v) >= 1e6 || (v !== 0 && Math.abs(v) < 1e-3) ? v.toExponential(2)
  : String(Number(v.toPrecision(4)));
orrery.show = show;

// Okabe & Ito, told apart by every reader; further lines are dashed.
const colors = ['#3b8ed0', '#e0702a', '#1fae84', '#e69f00', '#cc79a7',
  '#56b4e9', '#9a8f1a', '#a0764f', '#888888'];
orrery.colors = colors;

// Groups in the order they come: [{ name, members: [series] }].
function groupsOf(series) {
  const groups = new Map();
  series.forEach((s) => {
    if (typeof s.x === 'number') s.x = series[s.x].x;
    const name = s.group || s.name;
    if (!groups.has(name)) {
      groups.set(name, { name, members: [], color: s.color ?? groups.size });
    }
    groups.get(name).members.push(s);
  });
  return [...groups.values()];
}

// Mean over the seeds, one standard deviation to either side.
function band(group) {
  const at = new Map();
  for (const s of group.members) {
    s.x.forEach((x, i) => {
      if (!at.has(x)) at.set(x, []);
      if (s.y[i] !== null) at.get(x).push(s.y[i]);
    });
  }
  const x = [...at.keys()].sort((a, b) => a - b);
  const line = { x, y: [], lo: [], hi: [] };
  for (const step of x) {
    const ys = at.get(step), n = ys.length;
    const mean = n ? ys.reduce((a, b) => a + b, 0) / n : null;
    const sd = n > 1 ? Math.sqrt(ys.reduce((a, b) => a + (b - mean) ** 2, 0)
      / (n - 1)) : 0;
    line.y.push(mean);
    line.lo.push(n ? mean - sd : null);
    line.hi.push(n ? mean + sd : null);
  }
  return line;
}

// Lines to draw, each with the group it belongs to.
function linesOf(groups, each) {
  const lines = [];
  groups.forEach((group, g) => {
    const merged = group.members.length > 1 && !each;
    const members = merged ? [band(group)] : group.members;
    members.forEach((s) => lines.push({ group: g, x: s.x, y: s.y, lo: s.lo,
      hi: s.hi, thin: members.length > 1 }));
  });
  return lines;
}

// One row per step of any line: [x, [lo, y, hi] or null, ...]. A value that
// was no number is a gap; a step that a line has not is none.
function rowsOf(lines, log) {
  const rows = new Map();
  let least = Infinity;
  for (const s of lines) {
    for (const v of s.y) if (v > 0 && v < least) least = v;
  }
  const floor = (v) => (log ? Math.max(v, least / 2) : v);
  lines.forEach((s, l) => {
    s.x.forEach((x, i) => {
      let row = rows.get(x);
      if (!row) {
        row = new Array(lines.length + 1).fill(null);
        row[0] = x;
        rows.set(x, row);
      }
      const y = s.y[i];
      row[l + 1] = y === null ? [NaN, NaN, NaN]
        : s.lo ? [floor(s.lo[i]), y, s.hi[i]] : [y, y, y];
    });
  });
  const sorted = [...rows.values()].sort((a, b) => a[0] - b[0]);
  return sorted.length ? sorted : [[0].concat(lines.map(() => null))];
}

const positive = (spec) => spec.series.every((s) =>
  s.y.every((v) => v === null || v > 0) && s.y.some((v) => v !== null));

// One finger scrolls the page, two zoom.
function interaction() {
  const model = Object.assign({}, Dygraph.defaultInteractionModel);
  for (const name of ['touchstart', 'touchmove', 'touchend']) {
    const usual = model[name];
    model[name] = (event, g, context) => {
      if (event.touches.length > 1 || (name === 'touchend' && context.zooming))
        usual(event, g, context);
      context.zooming = event.touches.length > 1;
    };
  }
  return model;
}

// A point with a bar from lo to hi: nothing lies between two names.
const errorBar = (lines) => (g, name, context, cx, cy, color, size, i) => {
  const line = lines[Number(name.slice(5))];
  context.fillStyle = context.strokeStyle = color;
  context.beginPath();
  context.arc(cx, cy, 4, 0, 2 * Math.PI);
  context.fill();
  if (!line.lo) return;
  context.lineWidth = 2;
  context.beginPath();
  context.moveTo(cx, g.toDomYCoord(line.lo[i]));
  context.lineTo(cx, g.toDomYCoord(line.hi[i]));
  context.stroke();
};

class Chart {
  constructor(figure, spec) {
    figure.chart = this;
    this.each = false;
    this.log = false;
    this.hidden = new Set();
    figure.classList.add('curve');
    this.caption = make('figcaption');
    this.tools = make('div', { className: 'tools' });
    this.plot = make('div', { className: 'plot', tabIndex: 0 });
    this.plot.setAttribute('role', 'group');
    this.legend = make('div', { className: 'legend' });
    this.note = make('p', { className: 'note' });
    figure.replaceChildren(make('div', { className: 'top' }, this.caption,
      this.tools), this.plot, this.legend, this.note);
    this.addTools();
    this.plot.addEventListener('keydown', (e) => this.key(e));
    this.update(spec);
    orrery.whenSeen(figure, () => this.draw());
  }

  addTools() {
    const toggle = (text, field) => {
      const button = make('button', { type: 'button', textContent: text });
      button.setAttribute('aria-pressed', 'false');
      button.onclick = () => {
        this[field] = !this[field];
        button.setAttribute('aria-pressed', String(this[field]));
        this.draw();
      };
      return button;
    };
    this.logButton = toggle('log scale', 'log');
    this.eachButton = toggle('every seed', 'each');
    this.reset = make('button', { type: 'button', textContent: 'whole range' });
    this.reset.onclick = () => this.g && this.g.resetZoom();
    this.tools.append(this.eachButton, this.logButton, this.reset);
  }

  update(spec) {
    this.spec = spec;
    this.groups = groupsOf(spec.series);
    const several = this.groups.some((g) => g.members.length > 1);
    this.caption.textContent = spec.title || '';
    this.note.textContent = spec.note || '';
    this.note.hidden = !spec.note;
    this.eachButton.hidden = !several;
    this.logButton.hidden = !positive(spec);
    if (this.logButton.hidden) this.log = false;
    this.plot.setAttribute('aria-label', `chart of ${spec.title || 'values'}: `
      + 'plus and minus zoom, arrows move, 0 shows all');
    this.drawLegend();
    if (this.g) this.draw();
  }

  drawLegend() {
    const names = this.groups.map((g) => `${g.color} ${g.name}`).join('\n');
    if (names === this.named) return;
    this.named = names;
    this.values = [];
    this.legend.replaceChildren(...this.groups.map((group, g) => {
      const value = make('b');
      this.values[g] = value;
      const swatch = make('i',
        { className: group.color >= colors.length ? 'dash' : '' });
      swatch.style.borderColor = colors[group.color % colors.length];
      const button = make('button', { type: 'button' }, swatch,
        make('span', { textContent: group.name || 'value' }), value);
      button.setAttribute('aria-pressed', String(!this.hidden.has(group.name)));
      button.onclick = () => this.toggle(group.name, button);
      return button;
    }));
  }

  toggle(name, button) {
    if (!this.hidden.delete(name)) this.hidden.add(name);
    button.setAttribute('aria-pressed', String(!this.hidden.has(name)));
    this.draw();
  }

  // Values under the pointer, else the last ones.
  tell(x) {
    if (!this.lines) return;
    this.groups.forEach((group, g) => {
      const lines = this.lines.filter((s) => s.group === g);
      const found = lines.map((s) => s.y[x === undefined ? s.y.length - 1
        : s.x.indexOf(x)]).filter(Number.isFinite);
      const mean = found.reduce((a, b) => a + b, 0) / found.length;
      this.values[g].textContent = show(mean);
    });
  }

  key(event) {
    if (!this.g) return;
    const [low, high] = this.g.xAxisRange(), width = high - low;
    const [first, last] = this.g.xAxisExtremes();
    const move = { '+': [0.25, -0.25], '=': [0.25, -0.25], '-': [-0.5, 0.5],
      ArrowRight: [0.2, 0.2], ArrowLeft: [-0.2, -0.2] }[event.key];
    if (event.key === '0') this.g.resetZoom();
    if (!move) return;
    event.preventDefault();
    const from = Math.max(first, low + move[0] * width);
    const to = Math.min(last, high + move[1] * width);
    if (to > from) this.g.updateOptions({ dateWindow: [from, to] });
  }

  options(lines) {
    const { spec } = this, series = {};
    lines.forEach((s, l) => {
      const { color } = this.groups[s.group];
      series[`line ${l}`] = { color: colors[color % colors.length],
        strokeWidth: spec.ticks ? 0 : s.thin ? 1 : 1.8,
        strokePattern: color >= colors.length ? [6, 3] : null };
    });
    const whole = lines.every((s) => s.x.every(Number.isInteger));
    const few = lines.every((s) => s.x.length <= 40);
    return { labels: ['x'].concat(lines.map((_, l) => `line ${l}`)), series,
      visibility: lines.map((s) => !this.hidden.has(this.groups[s.group].name)),
      customBars: true, fillAlpha: spec.ticks ? 0 : 0.2, logscale: this.log,
      drawPoints: few, pointSize: 2.5, connectSeparatedPoints: true,
      legend: 'never', highlightCircleSize: 4, axisLabelFontSize: 12,
      xlabel: spec.xlabel || '', ylabel: spec.ylabel || '', xLabelHeight: 16,
      xRangePad: spec.ticks ? 48 : few ? 6 : 0,
      drawPointCallback: spec.ticks ? errorBar(lines)
        : Dygraph.Circles.DEFAULT,
      gridLineColor: 'rgba(128,128,128,.25)',
      axisLineColor: 'rgba(128,128,128,.6)', interactionModel: interaction(),
      axes: { y: { axisLabelWidth: 56, axisLabelFormatter: show },
        x: spec.ticks ? { axisLabelWidth: Math.max(68,
          Math.floor(440 / spec.ticks.length)), ticker: () => spec.ticks.map(
          (label, i) => ({ v: i + 1, label })) } : { axisLabelFormatter: (v) =>
          (Number.isInteger(v) ? v.toLocaleString('en')
            : whole ? '' : show(v)) } },
      highlightCallback: (_, x) => this.tell(x),
      unhighlightCallback: () => this.tell() };
  }

  draw() {
    const lines = this.lines = linesOf(this.groups, this.each);
    const rows = rowsOf(lines, this.log), options = this.options(lines);
    if (this.g) {
      this.g.updateOptions(Object.assign(options, { file: rows }));
    } else {
      this.g = new Dygraph(this.plot, rows, options);
    }
    this.tell();
  }
}

// Charts are drawn one at a time, so that the first is there at once.
const waiting = [];
function drawNext() {
  const act = waiting.shift();
  if (act) act();
  if (waiting.length > 0) setTimeout(drawNext, 0);
}

// Calls `act` once the element comes near the window, or the page is printed.
orrery.whenSeen = function (element, act) {
  let done = false;
  const once = () => { if (!done) { done = true; act(); } };
  const watcher = new IntersectionObserver((entries) => {
    if (!entries.some((e) => e.isIntersecting)) return;
    watcher.disconnect();
    if (waiting.push(once) === 1) setTimeout(drawNext, 0);
  }, { rootMargin: '400px' });
  watcher.observe(element);
  window.addEventListener('beforeprint', once);
};

orrery.chart = (figure, spec) => new Chart(figure, spec);

// Charts that the page was written with.
orrery.startCharts = function () {
  for (const data of document.querySelectorAll('script.chart')) {
    orrery.chart(data.parentElement, JSON.parse(data.textContent));
  }
};
}());
