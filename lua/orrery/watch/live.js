// The live page: asks the watcher for what it does not have yet, and shows it.
//
// Events (server-sent): `runs` - rows that changed, and runs that are gone;
// `numbers` - what the chosen runs logged since; `kept` - what they drew, and
// what is amiss with them.
// The id of an event says how far the page has come, run by run; a page that
// comes back, or chooses other runs, sends it and gets what came after.
(function () {
'use strict';
const { make, show, live } = window.orrery;
const { runs, data, Series, dataOf, nameOf, setText } = live;
const $ = (selector) => document.querySelector(selector);

const places = new Map();    // id -> how far its numbers and pictures came
let listPlace = '';
let chosen = new Set();
let follow = true;           // the chosen are those that run
const mostChosen = 12, mostFollowed = 6;

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
    mine.changes += 1;
    if (news.afresh) mine.series.clear();
    for (const s of news.series) {
      if (!mine.series.has(s.name)) mine.series.set(s.name, new Series());
      mine.series.get(s.name).add(s);
    }
  },
  kept(news) {
    const mine = dataOf(news.run);
    for (const picture of news.pictures) {
      mine.pictures.set(picture.place, picture);
    }
    if (news.warnings) mine.warnings = news.warnings;
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

// What runs comes first, what waits last, in its order.
const rank = (row) => ({ running: 0, waiting: 2 }[row.status] ?? 1);
const byRank = (a, b) => rank(a) - rank(b)
  || (rank(a) === 2 ? a.id - b.id : b.id - a.id);

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
    for (const text of dataOf(id).warnings) list.push([id, text]);
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

function draw() {
  drawSweeps();
  drawRuns();
  drawTrouble();
  live.drawCurves(chosenIds());
  live.drawPictures(chosenIds());
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
const named = location.hash.match(/^#runs=([\d,]*)$/);
if (named) {
  follow = false;
  $('#follow').setAttribute('aria-pressed', 'false');
  chosen = new Set(named[1].split(',').filter(Boolean).map(Number)
    .slice(0, mostChosen));
}
connect();
draw();
}());
