// The live page, while a sweep runs and after.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const nodeTest = require('node:test');
const { test: pageTest, assert, interpreter } = require('./browser');

const program = path.join(process.env.ORRERY_BUILD_DIR || 'build', 'orrery');
const script = path.join(__dirname, 'watched_run.lua');

// A build without the server has no page to look at.
const why = spawnSync(program, ['-e',
  'io.write(require("orrery.watch").missing() or "")'],
{ encoding: 'utf8' }).stdout;
const test = why ? (name) => nodeTest(name, { skip: why }) : pageTest;

// Starts the watcher of a folder; its address.
async function watch(t, out, ...words) {
  const watcher = t.start(program, ['watch', out, ...words]);
  const url = (await watcher.line(/http:\S+/))[0];
  return { url, watcher };
}

const train = (t, out, ...words) =>
  t.start(interpreter, [script, `out=${out}`, ...words]);

// Errors of the network are no mistake of the page once its watcher is gone.
const open = (t, url, options) => t.open(url, { origin: url, ...options });

const read = (...names) => fs.readFileSync(path.join(...names), 'utf8');

// Values of the lines of a chart by its title; [] before it is there.
function lines(page, title) {
  return page.evaluate((wanted) => {
    const figure = [...document.querySelectorAll('.curve')]
      .find((f) => f.querySelector('figcaption').textContent === wanted);
    return figure ? figure.chart.spec.series.map((s) => s.y) : [];
  }, title);
}

async function until(page, title, holds) {
  for (let i = 0; i < 600; i++) {
    const found = await lines(page, title);
    if (holds(found)) return found;
    await page.waitForTimeout(100);
  }
  throw new Error(`${title} does not come to it`);
}

const long = (n) => (found) => found.length === 2
  && found.every((y) => y.length === n);

test('curves grow and pictures appear while a sweep trains', async (t) => {
  const out = path.join(t.folder, 'runs'), alone = path.join(t.folder, 'alone');
  const { url } = await watch(t, out);
  const page = await open(t, url);
  await page.getByText('No runs yet').waitFor();
  const sweep = train(t, out, '-j', '2');
  const half = await until(page, 'loss', long(12));
  await page.getByRole('button', { name: 'enlarge samples, epoch 12' }).nth(1)
    .waitFor();
  await page.getByText('0 of 2 done, 2 running').waitFor();
  await t.shot(page, 'watch_half');

  // Closed, and opened again: it has what it had.
  await page.close();
  const again = await open(t, url);
  assert.deepStrictEqual(await until(again, 'loss', long(12)), half);

  fs.writeFileSync(path.join(out, 'go'), '');
  const whole = await until(again, 'loss', long(24));
  whole.forEach((y, i) => assert.deepStrictEqual(y.slice(0, 12), half[i]));
  await again.getByText('2 of 2 done').waitFor();
  await again.getByText('kl was nan at step 7').first().waitFor();
  const pictures = again.getByRole('slider', { name: /^step of samples/ });
  assert.strictEqual(await pictures.first().getAttribute('max'), '5');
  await again.getByRole('button', { name: 'enlarge samples, epoch 24' })
    .first().waitFor();
  assert.strictEqual((await sweep.over).code, 0);
  await t.shot(again, 'watch_whole');

  // What was watched is what it is unwatched.
  fs.mkdirSync(alone);
  fs.writeFileSync(path.join(alone, 'go'), '');
  assert.strictEqual((await train(t, alone).over).code, 0);
  assert.strictEqual(read(out, 'watched', 'summary.csv'),
    read(alone, 'watched', 'summary.csv'));
  for (const name of fs.readdirSync(path.join(alone, 'watched'))) {
    if (fs.existsSync(path.join(alone, 'watched', name, 'metrics.csv'))) {
      assert.strictEqual(read(out, 'watched', name, 'metrics.csv'),
        read(alone, 'watched', name, 'metrics.csv'));
    }
  }
});

async function trained(t) {
  const out = path.join(t.folder, 'runs');
  fs.mkdirSync(out);
  fs.writeFileSync(path.join(out, 'go'), '');
  const done = await train(t, out).over;
  assert.strictEqual(done.code, 0, done.said);
  return watch(t, out);
}

test('runs are chosen by the mouse and the keyboard', async (t) => {
  const { url } = await trained(t);
  const page = await open(t, url);
  await until(page, 'loss', (y) => y.length === 1);
  await page.getByRole('checkbox', { name: 'show run 1' }).setChecked(true);
  await until(page, 'loss', (y) => y.length === 2);
  assert.match(page.url(), /#runs=[12],[12]$/);
  await page.reload();  // the address remembers
  await until(page, 'loss', (y) => y.length === 2);
  await page.getByRole('button', { name: 'choose none' }).press('Enter');
  await until(page, 'loss', (y) => y.length === 0);
  await page.getByRole('checkbox', { name: 'show run 2' }).press('Space');
  await until(page, 'loss', (y) => y.length === 1 && y[0].length === 24);
  await page.getByRole('searchbox').fill('beta=1 DONE');
  await page.getByRole('checkbox', { name: 'show run 2' })
    .waitFor({ state: 'detached' });
  assert.strictEqual(await page.getByRole('checkbox').count(), 1);
  await page.getByRole('searchbox').fill('nothing');
  await page.getByText('No run fits.').waitFor();
});

test('a picture is enlarged, and its steps have a slider', async (t) => {
  const { url } = await trained(t);
  const page = await open(t, url);
  await page.getByRole('button', { name: 'enlarge samples, epoch 24' })
    .waitFor();
  const slider = page.getByRole('slider', { name: /^step of samples/ });
  await slider.focus();
  await page.keyboard.press('Home');
  await page.getByRole('button', { name: 'enlarge samples, epoch 4' }).click();
  const large = page.getByRole('dialog').getByRole('img');
  await page.waitForFunction(() => {
    const image = document.querySelector('dialog img');
    return image && image.complete && image.naturalWidth > 0;
  });
  assert.strictEqual(await large.getAttribute('alt'), 'samples, epoch 4');
  assert.ok((await large.boundingBox()).width > 200);
  await t.shot(page, 'watch_large');
  await page.keyboard.press('Escape');
  assert.strictEqual(await page.getByRole('dialog').isVisible(), false);
});

test('a hundred runs on a desk and a phone, light and dark', async (t) => {
  const out = path.join(t.folder, 'runs');
  t.lua('many_runs.lua', out, '100');
  const { url } = await watch(t, out);
  for (const look of [{}, { dark: true }, { width: 390, height: 844,
    touch: true }, { width: 390, height: 844, dark: true }]) {
    const page = await open(t, `${url}#runs=97,96,95`, look);
    await until(page, 'loss', (y) => y.length === 3);
    assert.strictEqual(await page.getByRole('checkbox').count(), 100);
    await page.getByText('out of <b>memory</b> & patience').first().waitFor();
    await page.locator('.plot').first().scrollIntoViewIfNeeded();
    await page.locator('.plot canvas').first().waitFor();
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth
      <= document.documentElement.clientWidth), 'wider than the window');
    const nameless = await page.evaluate(() =>
      [...document.querySelectorAll('button, input, progress, img')]
        .filter((e) => e.checkVisibility() && !(e.textContent.trim()
          || e.getAttribute('aria-label') || e.getAttribute('alt')))
        .map((e) => e.outerHTML));
    assert.deepStrictEqual(nameless, []);
    await t.shot(page, `watch_${look.width || 1200}_${
      look.dark ? 'dark' : 'light'}`);
  }
});

test('a long curve is short, and keeps its least and greatest', async (t) => {
  const out = path.join(t.folder, 'runs'), n = 30000;
  t.lua('many_runs.lua', out, '8', String(n));
  const { url } = await watch(t, out);
  const page = await open(t, `${url}#runs=1,2`);
  const spec = () => page.evaluate(() => {
    const figure = [...document.querySelectorAll('.curve')].find((f) =>
      f.querySelector('figcaption').textContent === 'wave');
    return figure ? figure.chart.spec : { series: [{ x: [] }], note: '' };
  });
  let found = await spec();
  for (let i = 0; i < 300 && !(found.series[0].x.at(-1) > n - 50); i++) {
    await page.waitForTimeout(100);
    found = await spec();
  }
  const [s] = found.series;
  assert.ok(s.x.length <= 2001 && s.x.length > 900, String(s.x.length));
  assert.strictEqual(Math.max(...s.hi), 50);
  assert.strictEqual(Math.min(...s.lo), -40);
  s.x.forEach((x, i) => assert.ok(Math.abs(x - 7000) < 60
    || Math.abs(s.y[i] - Math.sin(x / 999)) < 0.01, `${x} ${s.y[i]}`));
  assert.match(found.note, /values to a point/);
});

test('runs keep their colour; lines of one name share a chart', async (t) => {
  const out = path.join(t.folder, 'runs');
  t.lua('many_runs.lua', out, '8', '10');
  const { url } = await watch(t, out);
  const page = await open(t, `${url}#runs=1,2`);
  await until(page, 'wave', (y) => y.length === 1);
  const found = await page.evaluate(() => Object.fromEntries(
    [...document.querySelectorAll('.curve')].map((f) =>
      [f.querySelector('figcaption').textContent, [...f.querySelectorAll(
        '.legend button')].map((b) => [b.querySelector('i').style.borderColor,
        b.querySelector('span').textContent])])));
  assert.deepStrictEqual(Object.keys(found).sort(), ['D',
    'KL per latent, run 1', 'KL per latent, run 2', 'gap', 'loss', 'wave']);
  const colors = (name) => found[name].map((line) => line[0]);
  assert.strictEqual(new Set(colors('loss')).size, 2);
  assert.deepStrictEqual(colors('gap'), colors('loss'));
  assert.deepStrictEqual(colors('wave'), colors('loss').slice(0, 1));
  assert.strictEqual(new Set(colors('D')).size, 4);
  assert.deepStrictEqual(found['KL per latent, run 1'].map((line) => line[1]),
    ['1', '2', '3', '4', '5', '6', '7', '8']);
});

test('the page says when its watcher has ended, and keeps all', async (t) => {
  const { url, watcher } = await trained(t);
  const page = await open(t, url, { allow: /net::ERR|Failed to load/ });
  await until(page, 'loss', (y) => y.length === 1);
  watcher.kill('SIGINT');
  assert.strictEqual((await watcher.over).code, 0);
  await page.getByText('the watcher does not answer').waitFor();
  assert.strictEqual((await lines(page, 'loss'))[0].length, 24);
});
