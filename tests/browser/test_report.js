// A report as a reader has it: opened from disk, read, clicked.
'use strict';
const { test, assert } = require('./browser');

test('a report shows its curves and asks for nothing', async (t) => {
  t.lua('report_page.lua', t.folder);
  const page = await t.open(`file://${t.folder}/report.html`);
  assert.strictEqual(await page.textContent('h1'), 'a report');
  assert.ok(await page.locator('.curve canvas').count() > 0);
  await t.shot(page, 'report');
});

test('a fold opens by a click and by the keyboard', async (t) => {
  t.lua('report_page.lua', t.folder);
  const page = await t.open(`file://${t.folder}/report.html`);
  const text = page.locator('details pre').first();
  assert.strictEqual(await text.isVisible(), false);
  await page.click('summary');
  assert.strictEqual(await text.isVisible(), true);
  await page.keyboard.press('Enter');
  assert.strictEqual(await text.isVisible(), false);
});
