// A report as a reader has it: opened from disk, read, clicked.
'use strict';
const http = require('node:http');
const { test, assert } = require('./browser');

async function report(t, options) {
  t.lua('report_page.lua', t.folder);
  const page = await t.open(`file://${t.folder}/report.html`, options);
  await page.locator('.plot canvas').first().waitFor();  // drawn when seen
  return page;
}

// The part of the x axis that the first chart shows.
const range = (page) => page.evaluate(() =>
  document.querySelector('.curve').chart.g.xAxisRange());

test('a report shows its curves and asks for nothing', async (t) => {
  for (const look of [{}, { dark: true }, { width: 390, height: 844,
    touch: true }, { width: 390, height: 844, dark: true }]) {
    const page = await report(t, look);
    assert.strictEqual(await page.textContent('h1'), 'a report');
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth
      <= document.documentElement.clientWidth), 'wider than the window');
    await t.shot(page, `report_${look.width || 1200}_${
      look.dark ? 'dark' : 'light'}`);
  }
});

test('whatever a report holds, it fetches nothing', async (t) => {
  let asked = 0;
  const server = http.createServer((_, answer) => {
    asked++;
    answer.end('here');
  });
  server.unref();
  await new Promise((go) => server.listen(0, '127.0.0.1', go));
  const address = `http://127.0.0.1:${server.address().port}/`;
  const page = await report(t,
    { allow: /Content Security Policy|asked for http:..127/ });
  assert.deepStrictEqual(await page.evaluate(async (from) => {
    const picture = new Promise((tell) => {
      const image = new Image();
      image.onload = image.onerror = (e) => tell(e.type);
      image.src = `${from}a.png`;
    });
    const answer = fetch(from, { mode: 'no-cors' }).then(() => 'fetched',
      () => 'refused');
    return [await picture, await answer];
  }, address), ['error', 'refused']);
  assert.strictEqual(asked, 0);
  await new Promise((go) => server.close(go));
});

test('seeds are a band of mean and deviation, or lines', async (t) => {
  const page = await report(t);
  const lines = () => page.evaluate(() => document.querySelector('.curve')
    .chart.lines.map((s) => [s.y.length, s.y[49], s.lo && s.lo[49]]));
  const end = 100 * (Math.exp(-5) + 0.2 + 0.06);  // seeds differ by 3
  const [first] = await lines();
  assert.ok(Math.abs(first[1] - end) < 1e-3 && Math.abs(first[2] - end + 3)
    < 1e-3, String(first));
  assert.strictEqual((await lines()).length, 3);
  const button = page.getByRole('button', { name: 'every seed' }).first();
  await button.click();
  assert.strictEqual(await button.getAttribute('aria-pressed'), 'true');
  assert.strictEqual((await lines()).length, 9);
});

test('a chart zooms by dragging and by keys, and back', async (t) => {
  const page = await report(t);
  const whole = await range(page);
  const box = await page.locator('.plot').first().boundingBox();
  await page.mouse.move(box.x + box.width / 3, box.y + 80);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2, box.y + 80, { steps: 5 });
  await page.mouse.up();
  const dragged = await range(page);
  assert.ok(dragged[1] - dragged[0] < (whole[1] - whole[0]) / 4, dragged);
  await page.getByRole('button', { name: 'whole range' }).first().click();
  assert.deepStrictEqual(await range(page), whole);
  await page.locator('.plot').first().press('+');
  const near = await range(page);
  assert.ok(near[0] > whole[0] && near[1] < whole[1], near);
  await page.keyboard.press('ArrowRight');
  assert.ok((await range(page))[0] > near[0]);
  await page.keyboard.press('0');
  assert.deepStrictEqual(await range(page), whole);
});

test('a log scale and lines switched off', async (t) => {
  const page = await report(t);
  await page.getByRole('button', { name: 'log scale' }).first().click();
  assert.strictEqual(await page.evaluate(() =>
    document.querySelector('.curve').chart.g.getOption('logscale')), true);
  await page.getByRole('button', { name: /^beta 4/ }).click();
  assert.deepStrictEqual(await page.evaluate(() =>
    document.querySelector('.curve').chart.g.visibility()),
  [true, false, true]);
  // What falls below zero has no log scale to be offered.
  const long = page.locator('.curve').nth(1);
  assert.strictEqual(await long.getByRole('button', { name: 'log scale' })
    .isVisible(), false);
});

// The grey level of what each cell of the matrix shows.
const levels = (page) => page.evaluate(async () => {
  const found = [];
  for (const cell of document.querySelectorAll('.sliders + div .zoom > *')) {
    if (cell.decode) await cell.decode();
    const canvas = document.createElement('canvas');
    canvas.width = cell.naturalWidth || cell.width;
    canvas.height = cell.naturalHeight || cell.height;
    const context = canvas.getContext('2d');
    context.drawImage(cell, 0, 0);
    found.push(context.getImageData(4, 4, 1, 1).data[0]);
  }
  return found;
});

// They are drawn when their picture is decoded.
async function become(page, want) {
  let now;
  for (let i = 0; i < 100; i++) {
    now = await levels(page);
    if (String(now) === String(want)) break;
    await page.waitForTimeout(20);
  }
  assert.deepStrictEqual(now, want);
}

test('the matrix lays out settings and steps, and slides', async (t) => {
  const page = await report(t);
  const matrix = page.locator('.sliders').locator('..');
  const headings = () => matrix.locator('th').allTextContents();
  assert.deepStrictEqual(await headings(), ['', 'epoch 1', 'epoch 2',
    'epoch 3', 'beta 1', 'beta 4']);
  await become(page, [11, 12, 13, 81, 82, 83]);
  // The second sample of the first seed, then of the second.
  const slider = page.getByRole('slider', { name: 'sample' });
  await slider.fill('2');
  assert.strictEqual(await slider.getAttribute('aria-valuetext'), '2');
  await become(page, [21, 22, 23, 91, 92, 93]);
  // Epochs down, samples across; beta gets a slider.
  await page.getByRole('combobox', { name: 'rows' }).selectOption('epoch');
  await page.getByRole('combobox', { name: 'columns' }).selectOption('sample');
  assert.deepStrictEqual((await headings()).slice(1, 7), ['sample 1',
    'sample 2', 'sample 3', 'sample 4', 'sample 5', 'sample 6']);
  await page.getByRole('slider', { name: 'beta' }).press('ArrowRight');
  await become(page, [1, 2, 3].flatMap((epoch) =>
    [10, 20, 30, 40, 50, 60].map((sample) => 70 + epoch + sample)));
  await t.shot(page, 'matrix');
});

test('a picture is looked at closely, and the next one', async (t) => {
  const page = await report(t);
  await page.getByRole('button', { name: 'enlarge samples, beta 1, seed 1, '
    + 'epoch 1, sample all' }).click();
  const dialog = page.getByRole('dialog');
  assert.strictEqual(await dialog.isVisible(), true);
  const caption = () => dialog.locator('p').textContent();
  assert.match(await caption(), /epoch 1/);
  const { width, height } = await dialog.locator('img').boundingBox();
  assert.strictEqual(height / width, 22 / 32);
  assert.strictEqual(width % 32, 0, 'whole pixels');  // 3 * (8 + 2) + 2
  assert.ok(width > 300);
  await t.shot(page, 'enlarged');
  await page.keyboard.press('ArrowRight');
  assert.match(await caption(), /epoch 2/);
  await page.getByRole('button', { name: 'picture before' }).click();
  assert.match(await caption(), /epoch 1/);
  await page.keyboard.press('Escape');
  assert.strictEqual(await dialog.isVisible(), false);
});

test('a picture shown twice is in the page once', async (t) => {
  const page = await report(t);
  const twice = page.locator('img[data-from]');
  assert.strictEqual(await twice.count(), 4);
  assert.ok(await twice.evaluateAll((all) =>
    all.every((i) => i.complete && i.naturalWidth === 32)));
  assert.strictEqual((await page.content()).split('id="picture').length - 1, 12);
});

test('every control has a name', async (t) => {
  const page = await report(t);
  const nameless = await page.evaluate(() =>
    [...document.querySelectorAll('button, input, select, summary')]
      .filter((e) => getComputedStyle(e).display !== 'none'
        && !(e.textContent.trim() || e.getAttribute('aria-label')
        || e.labels && e.labels.length)).map((e) => e.outerHTML));
  assert.deepStrictEqual(nameless, []);
});

test('a fold opens by a click and by the keyboard', async (t) => {
  const page = await report(t);
  const text = page.locator('details pre').first();
  assert.strictEqual(await text.isVisible(), false);
  await page.click('summary');
  assert.strictEqual(await text.isVisible(), true);
  await page.keyboard.press('Enter');
  assert.strictEqual(await text.isVisible(), false);
});
