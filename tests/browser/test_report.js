// A report as a reader has it: opened from disk, read, clicked.
'use strict';
const { test, assert } = require('./browser');

async function report(t, options) {
  t.lua('report_page.lua', t.folder);
  return t.open(`file://${t.folder}/report.html`, options);
}

// The part of the x axis that the first chart shows.
const range = (page) => page.evaluate(() =>
  document.querySelector('.curve').chart.g.xAxisRange());

test('a report shows its curves and asks for nothing', async (t) => {
  for (const look of [{}, { dark: true }, { width: 390, height: 844,
    touch: true }, { width: 390, height: 844, dark: true }]) {
    const page = await report(t, look);
    assert.strictEqual(await page.textContent('h1'), 'a report');
    await page.locator('.plot canvas').first().waitFor();
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth
      <= document.documentElement.clientWidth), 'wider than the window');
    await t.shot(page, `report_${look.width || 1200}_${
      look.dark ? 'dark' : 'light'}`);
  }
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
  await page.locator('.plot canvas').first().waitFor();
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
  await page.locator('.plot canvas').first().waitFor();
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
