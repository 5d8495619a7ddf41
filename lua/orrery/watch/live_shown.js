// What the live page shows of the chosen runs: curves and pictures as they
// come. live.js says when, and which runs.
(function () {
'use strict';
const { make, show, live } = window.orrery;
const $ = (selector) => document.querySelector(selector);
const { dataOf, nameOf, setText } = live;

// A run has one colour in all charts, and keeps it while it is chosen.
const colors = new Map();

function giveColors(ids) {
  for (const id of colors.keys()) if (!ids.includes(id)) colors.delete(id);
  for (const id of ids) {
    const used = new Set(colors.values());
    let color = 0;
    while (used.has(color)) color += 1;
    if (!colors.has(id)) colors.set(id, color);
  }
}

// Curves: a chart for each name, a line for each run. "KL per latent/3" is line
// 3 of the chart "KL per latent"; with many lines, each run has a chart of it.
const charts = new Map();
const manyLines = 6;

function partsOf(name) {
  const found = name.match(/^(.+)\/([^/]+)$/);
  return found ? { title: found[1], line: found[2] } : { title: name };
}

function linesPerChart(ids) {
  const lines = new Map();
  for (const id of ids) {
    for (const name of dataOf(id).series.keys()) {
      const { title, line } = partsOf(name);
      if (!lines.has(title)) lines.set(title, new Set());
      lines.get(title).add(line);
    }
  }
  return lines;
}

function specs(ids) {
  const by = new Map(), lines = linesPerChart(ids);
  for (const id of ids) {
    for (const [name, s] of dataOf(id).series) {
      const { title, line } = partsOf(name);
      const own = ids.length === 1 || lines.get(title).size > manyLines;
      const chart = line && own && ids.length > 1 ? `${title}, run ${id}`
        : title;
      if (!by.has(chart)) {
        by.set(chart, { title: chart, xlabel: 'step', series: [], size: 1 });
      }
      const spec = by.get(chart), p = s.points;
      spec.series.push({ name: !line ? nameOf(id) : own ? line
        : `${nameOf(id)}, ${line}`, color: line ? undefined : colors.get(id),
      x: p.map((q) => q.x), y: p.map((q) => q.y), lo: p.map((q) => q.lo),
      hi: p.map((q) => q.hi) });
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

let drawn;
live.drawCurves = function (ids) {
  const now = ids.map((id) => `${id}:${dataOf(id).changes}`).join(' ');
  if (now === drawn) return;
  drawn = now;
  giveColors(ids);
  const by = specs(ids);
  $('#curves').hidden = by.size === 0;
  if (!window.Dygraph) return drawLast(by);
  for (const [name, chart] of charts) {
    if (!by.has(name)) {
      chart.figure.remove();
      charts.delete(name);
    }
  }
  for (const [name, spec] of by) {
    const kept = charts.get(name);
    if (kept) {
      kept.chart.update(spec);
    } else {
      const figure = make('figure');
      $('.charts').append(figure);
      charts.set(name, { figure, chart: window.orrery.chart(figure, spec) });
    }
  }
};

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

live.drawPictures = function (ids) {
  const sections = [];
  for (const id of ids) {
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
};
}());
