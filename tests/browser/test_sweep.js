// The report of a sweep and of its runs: what the settings do, warnings,
// pictures, trials.
'use strict';
const fs = require('node:fs');
const { test, assert } = require('./browser');

async function sweep(t, options) {
  t.lua('sweep_page.lua', t.folder);
  const page = await t.open(`file://${t.folder}/sweep/report.html`, options);
  await page.locator('.plot canvas').first().waitFor();  // drawn when seen
  return page;
}

const nameless = (page) => page.evaluate(() =>
  [...document.querySelectorAll('button, input, select, summary, [tabindex]')]
    .filter((e) => getComputedStyle(e).display !== 'none'
      && !(e.textContent.trim() || e.getAttribute('aria-label')))
    .map((e) => e.outerHTML));

test('it fits a phone and a desk, light and dark', async (t) => {
  for (const look of [{}, { dark: true }, { width: 390, height: 844,
    touch: true }, { width: 390, height: 844, dark: true }]) {
    const page = await sweep(t, look);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth
      <= document.documentElement.clientWidth), 'wider than the window');
    assert.deepStrictEqual(await nameless(page), []);
    await t.shot(page, `sweep_${look.width || 1200}_${
      look.dark ? 'dark' : 'light'}`);
  }
});

test('what failed and what collapsed is said first', async (t) => {
  const page = await sweep(t);
  const warnings = await page.locator('.warnings li').allTextContents();
  assert.strictEqual(warnings.length, 1, warnings);
  assert.match(warnings[0], /beta=4 model=conv seed=2 the disk is full/);
});

test('runs are lines through their settings and results', async (t) => {
  const page = await sweep(t);
  const lines = page.locator('svg.parallel polyline');
  assert.strictEqual(await lines.count(), 7);
  const note = page.locator('svg.parallel').locator('../..').locator('.note');
  assert.match(await note.textContent(), /^7 of 7 runs, coloured by rate/);
  await page.getByRole('button', { name: 'colour by beta' }).click();
  assert.match(await note.textContent(), /coloured by beta/);
  const colours = await lines.evaluateAll((all) =>
    all.map((l) => l.getAttribute('stroke')));
  assert.strictEqual(new Set(colours).size, 2);
  // The upper half of the first axis: those with beta 4.
  const handle = page.locator('svg.parallel .grip').first();
  await handle.scrollIntoViewIfNeeded();
  const grip = await handle.boundingBox();
  const x = grip.x + grip.width / 2;
  await page.mouse.move(x, grip.y + grip.height / 2);
  await page.mouse.down();
  await page.mouse.move(x, grip.y - 4, { steps: 4 });
  await page.mouse.up();
  assert.match(await note.textContent(), /^3 of 7 runs/);
  await page.mouse.click(x, grip.y + 10);
  assert.match(await note.textContent(), /^7 of 7 runs/);
  await lines.first().focus();
  assert.match(await note.textContent(),
    /^beta=1 model=mlp seed=1: beta 1, model mlp, distortion 6, rate 10$/);
});

test('results against settings, numbers and words', async (t) => {
  const page = await sweep(t);
  const chart = (title) => page.evaluate((name) => {
    const { spec } = [...document.querySelectorAll('.curve')]
      .find((f) => f.chart.spec.title === name).chart;
    return [spec.series[0].x, spec.series[0].y, spec.ticks || null];
  }, title);
  // Over seeds and betas: mlp (5 + 20) / 2 + 1.5; conv (17, 16, 31)...
  assert.deepStrictEqual(await chart('distortion by model'),
    [[1, 2], [(16 + 17 + 31) / 3, 14].map((v) => Number(v.toPrecision(6))),
      ['conv', 'mlp']]);
  assert.deepStrictEqual(await chart('rate by beta'), [[1, 4], [10, 2.5],
    null]);
});

test('curves of one setting are one line, parts of a chart are lines',
  async (t) => {
    const page = await sweep(t);
    const groups = await page.evaluate(() =>
      Object.fromEntries([...document.querySelectorAll('.curve')].map((f) =>
        [f.chart.spec.title, f.chart.groups.map((g) => [g.name,
          g.members.length])])));
    assert.deepStrictEqual(groups.loss, [['beta=1 model=mlp', 2],
      ['beta=1 model=conv', 2], ['beta=4 model=mlp', 2],
      ['beta=4 model=conv', 2]]);
    assert.ok(groups.split.some(([name, n]) =>
      name === 'beta=1 model=mlp, train' && n === 2));
  });

test('a trial opens, and so does the page of its run', async (t) => {
  const page = await sweep(t);
  const trial = page.locator('details.run').first();
  await trial.locator('summary').first().click();
  assert.strictEqual(await trial.locator('img').first().isVisible(), true);
  assert.match(await trial.textContent(), /per class/);
  const folder = fs.readdirSync(`${t.folder}/sweep`)
    .find((name) => name.startsWith('beta=1_model=mlp_seed=1'));
  const own = await t.open(`file://${t.folder}/sweep/${folder}/report.html`);
  const headings = await own.locator('h2').allTextContents();
  for (const name of ['Result', 'Curves', 'Pictures', 'per class', 'Settings',
    'Environment']) assert.ok(headings.includes(name), name);
  assert.deepStrictEqual(await nameless(own), []);
  assert.strictEqual(await own.getByRole('slider', { name: 'sample' })
    .count(), 1);
  await t.shot(own, 'run');
});
