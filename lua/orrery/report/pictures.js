// Pictures of a page: one click looks at them closely, a matrix lays them out
// by two of what they depend on and puts a slider to each of the rest.
//
//   orrery.matrix(element, spec);
//
// spec = { title, axes: [{ name, values: [text] }], rows, columns: names of
//   axes, or "", cells: [{ at: [place on each axis, from 0], from: id of an
//   <img> }], tiles: { count, columns, width, height, padding } where every
//   picture is a grid of the same samples }
// An <img data-from="ID"> shows the picture of another: each is in the page
// once. A picture in <button class="zoom"> is looked at closely.
(function () {
'use strict';
const orrery = window.orrery, make = orrery.make;

// ------------------------------------------------------ looking closely

let dialog, shown, place;

// All pictures that can be looked at, in the order of the page.
const all = () => [...document.querySelectorAll('button.zoom')]
  .filter((b) => b.checkVisibility ? b.checkVisibility() : b.offsetParent);

function put(button) {
  const picture = button.firstElementChild;
  const copy = picture.cloneNode();
  if (picture.getContext) copy.getContext('2d').drawImage(picture, 0, 0);
  copy.removeAttribute('loading');
  copy.removeAttribute('id');
  // Small pictures grow by whole numbers: their pixels stay square.
  const width = picture.naturalWidth || picture.width;
  const height = picture.naturalHeight || picture.height;
  const room = Math.min(innerWidth * 0.9 / width, innerHeight * 0.76 / height);
  const times = room > 2 ? Math.floor(Math.min(room, 12)) : room;
  copy.style.width = `${Math.round(width * times)}px`;
  copy.style.maxWidth = 'none';
  copy.style.height = 'auto';
  place.replaceChildren(copy);
  shown = button;
  dialog.querySelector('p').textContent = picture.alt
    || picture.getAttribute('aria-label') || '';
}

function step(by) {
  const list = all(), i = list.indexOf(shown);
  if (i >= 0) put(list[(i + by + list.length) % list.length]);
}

function open(button) {
  if (!dialog) {
    const control = (text, name, act) => {
      const b = make('button', { type: 'button', textContent: text });
      b.setAttribute('aria-label', name);
      b.onclick = act;
      return b;
    };
    place = make('div');
    dialog = make('dialog', {}, make('div', { className: 'tools' },
      control('‹', 'picture before', () => step(-1)), make('p'),
      control('›', 'next picture', () => step(1)),
      control('close', 'close', () => dialog.close())), place);
    dialog.setAttribute('aria-label', 'picture, enlarged');
    dialog.addEventListener('keydown', (e) => {
      if (e.key === 'ArrowRight') step(1);
      if (e.key === 'ArrowLeft') step(-1);
    });
    dialog.addEventListener('click', (e) => {
      if (e.target === dialog) dialog.close();
    });
    document.body.append(dialog);
  }
  put(button);
  dialog.showModal();
}

document.addEventListener('click', (e) => {
  const button = e.target.closest && e.target.closest('button.zoom');
  if (button) open(button);
});

// ------------------------------------------------------------ the matrix

class Matrix {
  constructor(root, spec) {
    this.root = root;
    this.axes = spec.axes.filter((a) => a.values.length > 1);
    this.fixed = spec.axes.map((a) => this.axes.indexOf(a));
    this.tiles = spec.tiles;
    if (this.tiles && this.tiles.count > 1) {
      this.samples = { name: 'sample', values: ['all'] };
      for (let i = 1; i <= this.tiles.count; i++) {
        this.samples.values.push(String(i));
      }
      this.axes.push(this.samples);
    }
    this.title = spec.title;
    this.cells = new Map();
    for (const cell of spec.cells) {
      this.cells.set(this.key(this.fixed.map((i, a) => [i, cell.at[a]])),
        cell.from);
    }
    this.at = this.axes.map(() => 0);
    this.layout = { rows: this.place(spec.rows),
      columns: this.place(spec.columns) };
    // The last of a series is what one looks for first.
    const last = this.place(spec.axes[spec.axes.length - 1].name);
    if (last >= 0) this.at[last] = this.axes[last].values.length - 1;
    this.controls = make('div', { className: 'sliders' });
    this.body = make('div', { className: 'wide' });
    root.replaceChildren(this.controls, this.body);
    this.drawControls();
    this.draw();
  }

  place(name) { return this.axes.findIndex((a) => a.name === name); }

  key(pairs) {
    return pairs.filter(([i]) => i >= 0).map(([, v]) => v).join(' ');
  }

  drawControls() {
    const chooser = (side) => {
      const select = make('select', {}, make('option', { value: -1,
        textContent: '–' }), ...this.axes.map((a, i) =>
        make('option', { value: i, textContent: a.name })));
      select.value = this.layout[side];
      select.setAttribute('aria-label', side);
      select.onchange = () => {
        const other = side === 'rows' ? 'columns' : 'rows';
        const before = this.layout[side];
        this.layout[side] = Number(select.value);
        if (this.layout[other] === this.layout[side]) {
          this.layout[other] = this.layout[side] < 0 ? -1 : before;
        }
        this.drawControls();
        this.draw();
        this.controls.querySelectorAll('select')[side === 'rows' ? 0 : 1]
          .focus();
      };
      return make('label', {}, side, select);
    };
    const parts = this.axes.length > 0 ? [chooser('rows'), chooser('columns')]
      : [];
    this.axes.forEach((axis, i) => {
      if (i !== this.layout.rows && i !== this.layout.columns) {
        parts.push(this.slider(axis, i));
      }
    });
    this.controls.replaceChildren(...parts);
  }

  slider(axis, i) {
    const out = make('output', { textContent: axis.values[this.at[i]] });
    const input = make('input', { type: 'range', min: 0,
      max: axis.values.length - 1, step: 1 });
    input.value = this.at[i];
    input.setAttribute('aria-label', axis.name);
    input.setAttribute('aria-valuetext', axis.values[this.at[i]]);
    input.oninput = () => {
      this.at[i] = Number(input.value);
      out.textContent = axis.values[this.at[i]];
      input.setAttribute('aria-valuetext', out.textContent);
      this.draw();
    };
    return make('label', {}, axis.name, input, out);
  }

  // Places on an axis that is laid out; of samples all but "all".
  shownOn(side) {
    const axis = this.axes[this.layout[side]];
    if (!axis) return [null];
    const places = axis.values.map((_, i) => i);
    return axis === this.samples ? places.slice(1) : places;
  }

  draw() {
    const { rows, columns } = this.layout, table = make('table',
      { className: 'matrix' });
    const across = this.shownOn('columns'), down = this.shownOn('rows');
    const head = (axis, i) => make('th', { textContent: axis
      ? `${axis.name} ${axis.values[i]}` : '' });
    if (columns >= 0) {
      table.append(make('tr', {}, rows >= 0 ? make('th') : '',
        ...across.map((c) => head(this.axes[columns], c))));
    }
    for (const r of down) {
      const line = make('tr');
      if (rows >= 0) line.append(head(this.axes[rows], r));
      for (const c of across) {
        const at = [...this.at];
        if (r !== null) at[rows] = r;
        if (c !== null) at[columns] = c;
        line.append(make('td', {}, this.picture(at)));
      }
      table.append(line);
    }
    this.body.replaceChildren(table);
  }

  picture(at) {
    const key = at.filter((_, i) => this.axes[i] !== this.samples).join(' ');
    const source = document.getElementById(this.cells.get(key));
    if (!source) return make('span', { className: 'none', textContent: '–' });
    const words = this.axes.map((a, i) => `${a.name} ${a.values[at[i]]}`);
    const name = [this.title, ...words].join(', ');
    const sample = this.samples ? at[this.axes.indexOf(this.samples)] : 0;
    const picture = sample > 0 ? this.cut(source, sample, name)
      : make('img', { src: source.src, alt: name, className: 'pixels' });
    // Small ones grow by whole numbers.
    const width = sample > 0 ? picture.width : source.width;
    if (width < 96) {
      picture.style.width = `${width * Math.ceil(96 / (width || 96))}px`;
    }
    const button = make('button', { type: 'button', className: 'zoom' },
      picture);
    button.setAttribute('aria-label', `enlarge ${name}`);
    return button;
  }

  // One sample of a grid.
  cut(source, sample, name) {
    const t = this.tiles, i = sample - 1;
    const x = (i % t.columns) * (t.width + t.padding) + t.padding;
    const y = Math.floor(i / t.columns) * (t.height + t.padding) + t.padding;
    const canvas = make('canvas', { width: t.width, height: t.height });
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', name);
    source.decode().then(() => canvas.getContext('2d').drawImage(source, x, y,
      t.width, t.height, 0, 0, t.width, t.height), () => {});
    return canvas;
  }
}

orrery.matrix = (root, spec) => new Matrix(root, spec);

// What the page was written with.
orrery.startPictures = function () {
  for (const image of document.querySelectorAll('img[data-from]')) {
    image.src = document.getElementById(image.dataset.from).src;
  }
  for (const data of document.querySelectorAll('script.matrix')) {
    orrery.matrix(data.parentElement, JSON.parse(data.textContent));
  }
};
}());
