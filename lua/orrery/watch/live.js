// The live page: asks the watcher for what it does not have yet, and shows it.
//
// Events (server-sent): `runs` - rows that changed, and runs that are gone;
// `numbers` - what the chosen runs logged since; `pictures` - what they drew.
// The id of an event says how far the page has come, run by run; a page that
// comes back, or chooses other runs, sends it and gets what came after.
(function () {
'use strict';
const { make, show } = window.orrery;
const $ = (selector) => document.querySelector(selector);

const runs = new Map();      // id -> its row
const data = new Map();      // id -> { series, pictures } of runs once chosen
const places = new Map();    // id -> how far its numbers and pictures came
let listPlace = '';
let chosen = new Set();
let follow = true;           // the chosen are those that run
const mostChosen = 12, mostFollowed = 6, mostPoints = 4000;

// ------------------------------------------------------------------ numbers

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
  if (!data.has(id)) data.set(id, { series: new Map(), pictures: new Map() });
  return data.get(id);
}

// --------------------------------------------------------------- connection

let source, again, tried = 0;

function remember(id) {
  const [list, ...rest] = id.split(';');
  listPlace = list;
  for (const text of rest) places.set(Number(text.split(':')[0]), text);
}

function address() {
  const ids = [...chosen];
  const from = [listPlace].concat(ids.map((id) => places.get(id))
    .filter(Boolean)).join(';');
  return `events?runs=${ids.join(',')}${listPlace ? `&from=${from}` : ''}`;
}

function say(text, kind) {
  const state = $('#state');
  if (state.textContent !== text) state.textContent = text;
  state.className = `sub ${kind || ''}`;
}

const readers = {
  runs(news) {
    for (const row of news.runs) runs.set(row.id, row);
    for (const id of news.gone) {
      for (const map of [runs, data, places]) map.delete(id);
      chosen.delete(id);
    }
    choose();
  },
  numbers(news) {
    const mine = dataOf(news.run);
    if (news.afresh) mine.series.clear();
    for (const s of news.series) {
      if (!mine.series.has(s.name)) mine.series.set(s.name, new Series());
      mine.series.get(s.name).add(s);
    }
  },
  pictures(news) {
    const mine = dataOf(news.run);
    for (const picture of news.list) mine.pictures.set(picture.place, picture);
  },
};

function disconnect() {
  clearTimeout(again);
  if (source) source.close();
  source = null;
}

function connect() {
  disconnect();
  source = new EventSource(address());
  source.onopen = () => {
    tried = 0;
    say('live', 'live');
  };
  source.onerror = () => {
    tried += 1;
    say(tried < 3 ? 'the watcher does not answer; trying again'
      : 'the watcher has ended; start orrery watch again for new runs', 'lost');
    disconnect();
    again = setTimeout(connect, Math.min(1000 * tried, 10000));
  };
  for (const kind of Object.keys(readers)) {
    source.addEventListener(kind, (event) => {
      remember(event.lastEventId);
      readers[kind](JSON.parse(event.data));
      drawSoon();
    });
  }
}

// A page that nobody sees asks for nothing, and goes on where it was.
document.addEventListener('visibilitychange', () => {
  if (document.hidden) disconnect();
  else connect();
});

// ---------------------------------------------------------- which are chosen

const byRecent = (a, b) => (b.started || b.created || 0)
  - (a.started || a.created || 0) || b.id - a.id;

function choose() {
  if (!follow) return;
  const recent = [...runs.values()].sort(byRecent);
  const running = recent.filter((r) => r.status === 'running');
  // Those that ended stay to be compared with, until their place is needed.
  const ended = recent.filter((r) => chosen.has(r.id)
    && r.status !== 'running');
  let picked = running.concat(ended);
  if (!picked.length) picked = recent.filter((r) => r.started).slice(0, 1);
  setChosen(picked.slice(0, mostFollowed).map((r) => r.id));
}

function setChosen(ids) {
  const now = new Set(ids);
  if (now.size === chosen.size && ids.every((id) => chosen.has(id))) return;
  chosen = now;
  const hash = follow ? '' : `#runs=${ids.join(',')}`;
  history.replaceState(null, '', hash || location.pathname);
  connect();
  drawSoon();
}

function setFollow(on) {
  follow = on;
  $('#follow').setAttribute('aria-pressed', String(on));
  choose();
}

function toggle(id, on) {
  setFollow(false);
  const ids = [...chosen].filter((other) => other !== id);
  if (on) ids.push(id);
  setChosen(ids.slice(-mostChosen));
}

// ------------------------------------------------------------------ drawing

let drawing;
function drawSoon() {
  drawing = drawing || setTimeout(() => {
    drawing = null;
    draw();
  }, 200);
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const nameOf = (id) => {
  const row = runs.get(id);
  return row ? `${id}  ${row.label || row.experiment}` : String(id);
};
const chosenIds = () => [...chosen].filter((id) => runs.has(id))
  .sort((a, b) => a - b);

// Experiments: how far each has come.
const sweepItems = new Map();

function sweepItem(name) {
  if (!sweepItems.has(name)) {
    const bar = make('progress', { max: 1 });
    bar.setAttribute('aria-label', `progress of ${name}`);
    const item = make('li', {}, make('b', { textContent: name }), bar,
      make('span'));
    sweepItems.set(name, item);
    $('.sweeps').append(item);
  }
  return sweepItems.get(name);
}

function drawSweeps() {
  const sweeps = new Map();
  for (const row of runs.values()) {
    if (!sweeps.has(row.experiment)) sweeps.set(row.experiment, []);
    sweeps.get(row.experiment).push(row);
  }
  for (const [name, item] of sweepItems) {
    if (!sweeps.has(name)) {
      item.remove();
      sweepItems.delete(name);
    }
  }
  for (const [name, rows] of sweeps) {
    const item = sweepItem(name), counts = {};
    let part = 0;
    for (const row of rows) {
      counts[row.status] = (counts[row.status] || 0) + 1;
      part += row.status === 'running' ? row.fraction || 0
        : row.status === 'waiting' || row.status === 'interrupted' ? 0 : 1;
    }
    item.children[1].value = part / rows.length;
    const words = ['running', 'waiting', 'failed', 'diverged', 'interrupted']
      .filter((status) => counts[status])
      .map((status) => `${counts[status]} ${status}`);
    setText(item.children[2], [`${counts.done || 0} of ${rows.length} done`]
      .concat(words).join(', '));
  }
  $('#sweeps').hidden = sweeps.size === 0;
}

// The list of runs.
const rowItems = new Map();
let shownRows = 200;

function rowItem(id) {
  if (rowItems.has(id)) return rowItems.get(id);
  const box = make('input', { type: 'checkbox' });
  box.onchange = () => toggle(id, box.checked);
  const bar = make('progress', { max: 1 });
  const item = make('tr', {}, make('td', {}, make('label', {}, box)),
    make('td', { className: 'n', textContent: id }), make('td'), make('td'),
    make('td', {}, make('span'), bar), make('td'));
  Object.assign(item, { box, bar });
  rowItems.set(id, item);
  return item;
}

function duration(seconds) {
  if (seconds < 90) return `${show(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min`
    : `${show(seconds / 3600)} h`;
}

function remark(row) {
  if (row.message) return row.message.split('\n')[0];
  if (row.status === 'running') return row.note || '';
  return row.seconds ? duration(row.seconds) : '';
}

function fillRow(item, row) {
  item.box.checked = chosen.has(row.id);
  item.box.setAttribute('aria-label', `show run ${row.id}`);
  setText(item.children[2], row.experiment);
  setText(item.children[3], row.label || '');
  const status = item.children[4].firstChild;
  status.className = `status ${row.status}`;
  setText(status, row.status);
  item.bar.hidden = row.status !== 'running';
  item.bar.value = row.fraction || 0;
  item.bar.setAttribute('aria-label', `progress of run ${row.id}`);
  setText(item.children[5], remark(row));
}

function fits(row, words) {
  const text = `${row.id} ${row.experiment} ${row.label} ${row.status}`
    .toLowerCase();
  return words.every((word) => text.includes(word));
}

const rank = { running: 0, failed: 1, diverged: 1 };
const byRank = (a, b) => (rank[a.status] === 0 ? 0 : 1)
  - (rank[b.status] === 0 ? 0 : 1) || b.id - a.id;

function drawRuns() {
  const words = $('#filter').value.toLowerCase().split(/\s+/).filter(Boolean);
  const list = [...runs.values()].filter((row) => fits(row, words))
    .sort(byRank);
  const items = list.slice(0, shownRows).map((row) => {
    const item = rowItem(row.id);
    fillRow(item, row);
    return item;
  });
  const body = $('.list tbody');
  if (items.length !== body.children.length
    || items.some((item, i) => body.children[i] !== item)) {
    const at = document.activeElement;
    body.replaceChildren(...items);
    if (at && at !== document.body && body.contains(at)) at.focus();
  }
  $('.list table').hidden = items.length === 0;
  $('#choice').hidden = runs.size === 0;
  $('#none').hidden = items.length > 0;
  setText($('#none'), runs.size ? 'No run fits.'
    : 'No runs yet. They appear here as they start.');
  $('#more').hidden = list.length <= shownRows;
  setText($('#more'), `show all ${list.length}`);
}

// What went wrong, and what looks as if it will.
function troubles() {
  const list = [];
  for (const row of [...runs.values()].sort((a, b) => b.id - a.id)) {
    if (row.status === 'failed' || row.status === 'diverged') {
      const what = remark(row);
      list.push([row.id, what.startsWith(row.status) ? what
        : `${row.status}: ${what}`]);
    } else if (row.silent) {
      list.push([row.id, `no sign of life for ${row.silent} minutes`]);
    }
  }
  for (const id of chosenIds()) {
    for (const [name, s] of dataOf(id).series) {
      if (s.odd) {
        list.push([id, `${name} was ${s.is} at step ${s.at}`
          + (s.odd > 1 ? `, and no number ${s.odd} times in all` : '')]);
      }
    }
  }
  return list;
}

const shownTroubles = 4;
let toldTrouble = '';
function drawTrouble() {
  const list = troubles(), text = JSON.stringify(list);
  if (text === toldTrouble) return;
  toldTrouble = text;
  $('#trouble').hidden = list.length === 0;
  const items = list.map(([id, what]) => make('li', {},
    make('b', { textContent: `run ${nameOf(id)}` }), ` ${what}`));
  $('#trouble summary').textContent = `${items.length - shownTroubles} more`;
  $('#trouble details').hidden = items.length <= shownTroubles;
  $('#trouble details ul').replaceChildren(...items.slice(shownTroubles));
  $('.warnings').replaceChildren(...items.slice(0, shownTroubles));
}

// Curves: a chart for each name, a line for each run.
const charts = new Map();

function specs() {
  const by = new Map();
  for (const id of chosenIds()) {
    for (const [name, s] of dataOf(id).series) {
      if (!by.has(name)) by.set(name, { title: name, xlabel: 'step', series: [],
        size: 1 });
      const spec = by.get(name), p = s.points;
      spec.series.push({ name: nameOf(id), x: p.map((q) => q.x),
        y: p.map((q) => q.y), lo: p.map((q) => q.lo), hi: p.map((q) => q.hi) });
      spec.size = p.reduce((most, q) => Math.max(most, q.n), spec.size);
    }
  }
  for (const spec of by.values()) {
    if (spec.size > 1) {
      spec.note = `Up to ${spec.size} values to a point: the line is their `
        + 'mean, the band goes from the least to the most.';
    }
  }
  return by;
}

function drawCurves() {
  const by = specs();
  $('#curves').hidden = by.size === 0;
  if (!window.Dygraph) return drawLast(by);
  for (const [name, chart] of charts) {
    if (!by.has(name)) {
      chart.figure.remove();
      charts.delete(name);
    }
  }
  for (const [name, spec] of by) {
    const text = JSON.stringify(spec), kept = charts.get(name);
    if (!kept) {
      const figure = make('figure');
      $('.charts').append(figure);
      charts.set(name, { figure, chart: window.orrery.chart(figure, spec),
        text });
    } else if (kept.text !== text) {
      kept.text = text;
      kept.chart.update(spec);
    }
  }
}

// Without dygraphs: the last values.
function drawLast(by) {
  const note = $('#curves .note');
  note.hidden = false;
  setText(note, 'Curves need dygraphs (libjs-dygraphs), which is not installed '
    + 'where the watcher runs; these are the last values.');
  const items = [];
  for (const [name, spec] of by) {
    items.push(make('dt', { textContent: name }), make('dd', { textContent:
      spec.series.map((s) => `${s.name}: ${show(s.y[s.y.length - 1])}`)
        .join(', ') }));
  }
  $('.charts').replaceChildren(make('dl', { className: 'last' }, ...items));
}

// Pictures: those of one name and many steps are one, with a slider.
const figures = new Map();   // "run name" -> figure
const galleries = new Map(); // run -> section

function stacks(id) {
  const by = new Map();
  const list = [...dataOf(id).pictures.values()]
    .sort((a, b) => a.order - b.order);
  for (const picture of list) {
    const found = picture.name.match(/^(.*), (\S+ -?[\d.]+)$/);
    const name = found ? found[1] : picture.name;
    if (!by.has(name)) by.set(name, []);
    by.get(name).push({ ...picture, step: found ? found[2] : '',
      url: `picture/${id}/${picture.place}?${picture.stamp}` });
  }
  return by;
}

function pictureFigure(id, name) {
  const key = `${id} ${name}`;
  if (figures.has(key)) return figures.get(key);
  const image = make('img', { loading: 'lazy' });
  image.onload = () => sharpen(image);
  const zoom = make('button', { type: 'button', className: 'zoom' }, image);
  const slider = make('input', { type: 'range', min: 0 });
  slider.setAttribute('aria-label', `step of ${name} of run ${id}`);
  const output = make('output');
  const caption = make('figcaption', { textContent: name });
  const figure = make('figure', {}, zoom, caption, make('div',
    { className: 'sliders' }, make('label', {}, slider, output)));
  Object.assign(figure, { image, zoom, slider, output, newest: true });
  slider.oninput = () => {
    figure.newest = Number(slider.value) === figure.stack.length - 1;
    showStep(figure);
  };
  zoom.onclick = () => enlarge(image.src, image.alt);
  figures.set(key, figure);
  return figure;
}

// A small picture, shown large, shows its pixels.
function sharpen(image) {
  image.classList.toggle('pixels', image.naturalWidth < image.clientWidth);
}

function showStep(figure) {
  const picture = figure.stack[Number(figure.slider.value)];
  if (figure.image.getAttribute('src') !== picture.url) {
    figure.image.src = picture.url;
    figure.image.alt = picture.name;
    figure.zoom.setAttribute('aria-label', `enlarge ${picture.name}`);
  }
  setText(figure.output, picture.step);
}

function fillFigure(figure, stack) {
  figure.stack = stack;
  figure.slider.max = stack.length - 1;
  if (figure.newest) figure.slider.value = stack.length - 1;
  figure.slider.parentElement.parentElement.hidden = stack.length < 2;
  showStep(figure);
}

function gallery(id) {
  if (!galleries.has(id)) {
    galleries.set(id, make('div', { className: 'of-run' }, make('h3'),
      make('div', { className: 'pictures' })));
  }
  return galleries.get(id);
}

function place(parent, children) {
  if (children.length !== parent.children.length
    || children.some((child, i) => parent.children[i] !== child)) {
    parent.replaceChildren(...children);
  }
}

function drawPictures() {
  const sections = [];
  for (const id of chosenIds()) {
    const by = stacks(id);
    if (by.size > 0) {
      const section = gallery(id);
      setText(section.firstChild, `run ${nameOf(id)}`);
      place(section.lastChild, [...by].map(([name, stack]) => {
        const figure = pictureFigure(id, name);
        fillFigure(figure, stack);
        return figure;
      }));
      sections.push(section);
    }
  }
  place($('.of-runs'), sections);
  $('#pictures').hidden = sections.length === 0;
}

function enlarge(url, name) {
  const dialog = $('dialog');
  const close = make('button', { type: 'button', textContent: 'close' });
  close.onclick = () => dialog.close();
  const image = make('img', { src: url, alt: name });
  image.onload = () => {
    const times = Math.floor(Math.min(innerWidth * 0.8 / image.naturalWidth,
      innerHeight * 0.7 / image.naturalHeight));
    if (times > 1) image.width = times * image.naturalWidth;
    sharpen(image);
  };
  dialog.replaceChildren(make('div', { className: 'tools' },
    make('b', { textContent: name }), close), image);
  dialog.showModal();
}

function draw() {
  drawSweeps();
  drawRuns();
  drawTrouble();
  drawCurves();
  drawPictures();
}

// -------------------------------------------------------------------- start

$('#filter').oninput = drawRuns;
$('#follow').onclick = () => setFollow(!follow);
$('#clear').onclick = () => {
  setFollow(false);
  setChosen([]);
};
$('#more').onclick = () => {
  shownRows = Infinity;
  drawRuns();
};
$('dialog').onclick = (event) => {
  if (event.target === $('dialog')) $('dialog').close();
};
const named = location.hash.match(/^#runs=([\d,]*)$/);
if (named) {
  follow = false;
  $('#follow').setAttribute('aria-pressed', 'false');
  chosen = new Set(named[1].split(',').filter(Boolean).map(Number));
}
connect();
draw();
}());
