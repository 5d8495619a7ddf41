// What the tests of pages share: a headless Chromium, pages that may neither
// complain nor ask for anything, Lua programs that write pages or serve them.
//
//     const { test, assert } = require('./browser');
//     test('a click opens the picture', async (t) => {
//       t.lua('report_page.lua', t.folder);           // beside this file
//       const page = await t.open(`file://${t.folder}/report.html`);
//       await page.click('button');
//     });
//
// Every page is closed at the end of its test, which fails when the console
// had an error or a warning, or the page asked for what it does not hold. A
// page of a server may ask that server: t.open(url, { origin: url }).
// ORRERY_SHOTS=FOLDER keeps what t.shot(page, 'name') takes.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn, spawnSync } = require('node:child_process');
const { after, test: nodeTest } = require('node:test');

// The system's browser: none is fetched.
function findChromium() {
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  for (const folder of (process.env.PATH || '').split(':')) {
    for (const name of names) {
      const file = path.join(folder, name);
      if (fs.existsSync(file)) return file;
    }
  }
  const mac = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';
  return fs.existsSync(mac) ? mac : null;
}

// scripts/setup.sh tests puts playwright-core into the cache folder.
function findPlaywright() {
  const cache = process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache');
  for (const folder of [process.env.ORRERY_NODE_MODULES,
    path.join(cache, 'orrery', 'node_modules'), '']) {
    try {
      return require(path.join(folder || '', 'playwright-core'));
    } catch { /* look in the next */ }
  }
  return null;
}

const playwright = findPlaywright();
const chromium = findChromium();

// A build without one of these writes other pages; its name, or null.
const interpreter = process.env.ORRERY_LUA || 'lua5.4';
function findLacking() {
  const done = spawnSync(interpreter, ['-e', `
    local orrery = require "orrery"
    for _, library in ipairs { "json", "png", "sqlite" } do
      if not orrery.io.features[library] then return io.write(library) end
    end
    if not orrery._markdown "" then io.write "markdown" end`],
  { encoding: 'utf8' });
  return done.stdout ? `this build has no ${done.stdout}` : null;
}

const missing = !chromium ? 'chromium is not here; scripts/setup.sh tests'
  : !playwright ? 'playwright-core is not here; scripts/setup.sh tests'
    : findLacking();

let browser;  // one for all tests of a file
async function theBrowser() {
  browser = browser || await playwright.chromium.launch({
    executablePath: chromium,
    chromiumSandbox: process.getuid() !== 0,  // it refuses root
  });
  return browser;
}
after(async () => { if (browser) await browser.close(); });

const here = __dirname;

/** What a test gets: pages, programs and a folder, gone when it ends. */
class Bench {
  constructor() {
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'orrery-browser-'));
    this.contexts = [];
    this.children = [];
    this.complaints = [];
  }

  /** Opens a page. options: width, height, dark, touch, origin (whose answers
   *  it may ask for), allow (a pattern of console messages that are no
   *  mistake). */
  async open(url, options = {}) {
    const context = await (await theBrowser()).newContext({
      viewport: { width: options.width || 1200, height: options.height || 900 },
      colorScheme: options.dark ? 'dark' : 'light',
      hasTouch: Boolean(options.touch), isMobile: Boolean(options.touch),
    });
    this.contexts.push(context);
    const page = await context.newPage();
    this.listen(page, url, options);
    await page.goto(url);
    return page;
  }

  listen(page, url, options) {
    const complain = (text) => {
      if (!(options.allow && options.allow.test(text))) {
        this.complaints.push(text);
      }
    };
    page.on('console', (m) => {
      if (['error', 'warning'].includes(m.type())) complain(m.text());
    });
    page.on('pageerror', (e) => complain(String(e)));
    page.on('request', (r) => {
      const asked = r.url();
      const own = asked.split('#')[0] === url.split('#')[0]
        || /^(data|blob):/.test(asked)
        || options.origin && new URL(asked).origin
          === new URL(options.origin).origin;
      if (!own) complain(`the page asked for ${asked}`);
    });
  }

  /** Runs a Lua program of this folder to its end; what it printed. */
  lua(file, ...words) {
    const done = spawnSync(interpreter, [path.join(here, file), ...words],
      { encoding: 'utf8', timeout: 120000 });
    assert.strictEqual(done.status, 0, done.stderr || String(done.error));
    return done.stdout;
  }

  /** Starts a program; child.line(pattern) waits for a line of its output.
   *  It is ended with the test. */
  start(program, words, options = {}) {
    const child = spawn(program, words, options);
    let said = '', ended = false;
    const waiting = [];
    const look = () => {
      for (let i = waiting.length - 1; i >= 0; i--) {
        const found = said.match(waiting[i].pattern);
        if (found || ended) {
          const { yes, no, pattern } = waiting.splice(i, 1)[0];
          if (found) yes(found);
          else no(new Error(`no ${pattern} in what it printed: ${said}`));
        }
      }
    };
    const hear = (bytes) => { said += bytes; look(); };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.over = new Promise((yes) => child.on('close', (code, signal) => {
      ended = true;
      look();
      yes({ code, signal, said });
    }));
    child.line = (pattern) => new Promise((yes, no) => {
      waiting.push({ pattern, yes, no });
      look();
    });
    this.children.push(child);
    return child;
  }

  async shot(page, name) {
    const folder = process.env.ORRERY_SHOTS;
    if (!folder) return;
    fs.mkdirSync(folder, { recursive: true });
    // What is drawn when it comes into sight is drawn.
    await page.evaluate(async () => {
      const at = scrollY;
      for (let y = 0; y < document.body.scrollHeight; y += 400) {
        scrollTo(0, y);
        await new Promise((go) => setTimeout(go, 60));
      }
      scrollTo(0, at);
    });
    await page.screenshot({ path: path.join(folder, `${name}.png`),
      fullPage: true });
  }

  async end() {
    for (const context of this.contexts) await context.close();
    for (const child of this.children) {
      if (child.exitCode === null) child.kill('SIGKILL');
      await child.over;
    }
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A test of pages; skipped, and says why, without the browser. */
function test(name, body) {
  nodeTest(name, { skip: missing || false, timeout: 120000 }, async () => {
    const bench = new Bench();
    try {
      await body(bench);
      assert.deepStrictEqual(bench.complaints, []);
    } finally {
      await bench.end();
    }
  });
}

module.exports = { test, assert, interpreter };
