// A replay's page as a reader has it: formulas are set, code and pictures are
// there, nothing is asked for.
'use strict';
const fs = require('node:fs');
const { test, assert } = require('./browser');

const katex = process.env.ORRERY_KATEX || '/usr/share/javascript/katex';
const formulas = fs.existsSync(`${katex}/katex.min.js`) ? test
  : (name) => require('node:test').test(name,
    { skip: 'KaTeX is not here; scripts/setup.sh' }, () => {});

async function replay(t) {
  t.lua('replay_page.lua', t.folder);
  return t.open(`file://${t.folder}/replay.html`);
}

formulas('formulas are set, with text for who cannot see them',
  async (t) => {
    const page = await replay(t);
    assert.strictEqual(await page.locator('x-equation').count(), 3);
    assert.strictEqual(await page.locator('.katex math').count(), 3);
    assert.strictEqual(await page.locator('.katex-display').count(), 1);
    assert.strictEqual(await page.locator('.katex-error').count(), 0);
    const family = await page.locator('.katex .mathnormal').first()
      .evaluate((e) => document.fonts.ready.then(() =>
        document.fonts.check(`16px ${getComputedStyle(e).fontFamily
          .split(',')[0]}`)));
    assert.ok(family);
    await t.shot(page, 'replay');
  });

test('the page shows code, output, pictures, the error and its line',
  async (t) => {
    const page = await replay(t);
    assert.strictEqual(await page.textContent('h1'), 'Formulas');
    assert.strictEqual(await page.textContent('.out'), 'printed\n');
    assert.match(await page.textContent('.check'), /ok pi: 3.142, wanted 3/);
    assert.match(await page.textContent('[role=alert]'), /on purpose/);
    assert.match(await page.textContent('.bad'), /error "on purpose"/);
    const broken = await page.locator('img').evaluateAll((all) =>
      all.filter((i) => i.naturalWidth === 0).length);
    assert.strictEqual(broken, 0);
    assert.strictEqual(await page.locator('a[href^="https://example.org"]')
      .count(), 1);
  });

test('a phone shows the page without scrolling it sideways', async (t) => {
  const page = await replay(t);
  await page.setViewportSize({ width: 360, height: 740 });
  const wide = await page.evaluate(() =>
    document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `${wide} pixels too wide`);
  await t.shot(page, 'replay-phone');
});
