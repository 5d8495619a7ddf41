--- Scores of anomalies against closed forms, cuts against counts by hand and
--- scikit-learn's curve.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local json = require "orrery.json"
local python = require "orrery.testing.python"
local anomaly, metrics = orrery.flow.anomaly, orrery.metrics

local f64 = { dtype = "float64" }
local function tensor(v) return orrery.tensor(v, f64) end
local function near(got, want, tol) t.near(tensor(got), tensor(want), tol) end

t.test("nll is -log p in any number of pieces, of laws and functions",
  function()
    local x = orrery.randn({ 7, 3 }, f64)
    local want = (x ^ 2):sum(2) / 2 + 1.5 * math.log(2 * math.pi)
    local model = orrery.flow.Model { shape = { 3 },
      bijector = orrery.flow.Reverse(3) }
    for _, batch in ipairs { 1, 3, 7, 500 } do
      t.near(anomaly.nll(model, x, { batch = batch }), want, 1e-12)
    end
    local seen = 0
    local got = anomaly.nll(function(some)
      seen = seen + 1
      return -(some ^ 2):sum(2) - seen
    end, x, { draws = 3 })
    t.near(got, (x ^ 2):sum(2) + 2, 1e-12)  -- the mean of 1, 2, 3
    t.ok(not got.requires_grad)
  end)

t.test("gaussian is the law of the examples' own mean and covariance",
  function()
    local x = tensor { { 0, 0 }, { 2, 0 }, { 0, 2 }, { 2, 2 } }
    local nats = anomaly.nll(anomaly.gaussian(x), x)
    t.near(nats, tensor { 1, 1, 1, 1 } + math.log(2 * math.pi), 1e-12)
    -- Its mean is the entropy of that law, whatever the examples.
    local y = orrery.randn({ 50, 4 }, f64):matmul(orrery.randn({ 4, 4 }, f64))
    local off = y - y:mean(1)
    local covariance = off:transpose(1, 2):matmul(off) / 50
    near(anomaly.nll(anomaly.gaussian(y), y):mean():item(),
      (covariance:det():log():item() + 4 * (1 + math.log(2 * math.pi))) / 2,
      1e-10)
    -- A ridge adds to every variance.
    local ridged = anomaly.gaussian(x, { ridge = 3 })
    t.near(ridged:log_prob(tensor { { 1, 1 } }),
      { -math.log(2 * math.pi) - math.log(4) }, 1e-12)
  end)

t.test("typicality is the distance from the mean, of groups of it", function()
  local normal = tensor { 9, 11 }
  t.equal(anomaly.typicality(tensor { 4, 10, 13 }, normal):tolist(),
    { 6, 0, 3 })
  t.equal(anomaly.typicality(tensor { 4, 10, 13, 8, 99 }, normal,
    { group = 2 }):tolist(), { 3, 0.5 })
end)

-- The origin is the most likely point of N(0, I) and yet none of its draws:
-- |x|^2 / 2 has mean d / 2 and variance d / 2.
t.test("too likely an example is found by typicality alone", function()
  local g, d, n = orrery.Generator(1), 400, 300
  local base = orrery.dist.Independent(orrery.dist.Normal(
    orrery.zeros({ d }, f64), 1), 1)
  local function draws(scale)
    return orrery.randn({ n, d }, { dtype = "float64", generator = g }) * scale
  end
  local normal = anomaly.nll(base, draws(1))
  local s = orrery.cat({ anomaly.nll(base, draws(1)),
    anomaly.nll(base, draws(0.8)) }, 1)
  local y = orrery.range(1, 2 * n):gt(n):double()
  local how = { resamples = 0 }
  t.ok(metrics.auroc(s, y, how).value < 0.01)
  t.ok(metrics.auroc(anomaly.typicality(s, normal), y, how).value > 0.99)
end)

-- Two numbers: one of the background, alike in both kinds but with a wide
-- spread of densities, one that tells. What both models agree on cancels.
t.test("a ratio cancels what the background explains", function()
  local g, n = orrery.Generator(2), 400
  local wide = orrery.randn({ 2 * n }, { dtype = "float64", generator = g })
  local telling = orrery.randn({ 2 * n }, { dtype = "float64", generator = g })
  local y = orrery.range(1, 2 * n):gt(n):double()
  telling = telling + 3 * y
  local background = 50 * wide ^ 2
  local s = background + telling ^ 2 / 2
  t.near(anomaly.ratio(s, background), telling ^ 2 / 2, 1e-10)
  local how = { resamples = 0 }
  local alone = metrics.auroc(s, y, how).value
  local ratio = metrics.auroc(anomaly.ratio(s, background), y, how).value
  t.ok(alone < 0.65 and ratio > 0.93, ("%g %g"):format(alone, ratio))
end)

t.test("perturbed draws that share of the numbers afresh, uniform", function()
  local g = orrery.Generator(3)
  local x = orrery.full({ 200, 100 }, 5.0)
  local y = anomaly.perturbed(x, 0.25, g)
  local hit = y:ne(5):double()
  near(hit:mean():item(), 0.25, 4 * math.sqrt(0.25 * 0.75 / 20000))
  local fresh = y:masked_select(y:ne(5)):double()
  near(fresh:mean():item(), 0.5, 4 / math.sqrt(12 * 5000))
  t.ok(fresh:min():item() >= 0 and fresh:max():item() < 1)
  t.equal(anomaly.perturbed(x, 0, g), x)
  t.equal(anomaly.perturbed(x, 1, g):eq(5):any():item(), 0)
end)

t.test("a cut lets no more through than asked; equal scores stay together",
  function()
    local s = tensor { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }
    t.equal(anomaly.threshold(s, 0.3), 8.0)
    t.equal(anomaly.threshold(s, 0.29), 9.0)
    t.equal(anomaly.threshold(s, 1), 1.0)
    t.equal(anomaly.threshold(s, 0.05), math.huge)
    t.equal(anomaly.threshold(tensor { 1, 2, 2, 2 }, 0.5), math.huge)
    t.equal(anomaly.threshold(tensor { 1, 2, 2, 3 }, 0.5), 3.0)
  end)

t.test("the most hits at a rate of false alarms, by hand", function()
  local s = tensor { .9, .8, .7, .6, .55, .1 }
  local y = tensor { 1, 0, 1, 1, 0, 0 }
  local function at(fpr) return metrics.threshold(s, y, { fpr = fpr }) end
  t.equal({ at(0).threshold, at(0).fpr }, { 0.9, 0 })
  near(at(0).recall, 1 / 3, 1e-12)
  t.equal({ at(1 / 3).threshold, at(1 / 3).recall }, { 0.6, 1 })
  near(at(1 / 3).fpr, 1 / 3, 1e-12)
  near(at(1 / 3).precision, 3 / 4, 1e-12)
  t.equal(at(1).threshold, 0.6)
end)

t.test("judged holds what each measure gives by itself", function()
  local g = orrery.Generator(4)
  local y = orrery.rand({ 100 }, { generator = g }):lt(0.3):double()
  local s = orrery.randn({ 100 }, { generator = g }):double() + y
  local all = anomaly.judged(s, y, { rate = 0.1, resamples = 10, seed = 3 })
  local how = { resamples = 10, seed = 3 }
  t.equal(all.auroc.value, metrics.auroc(s, y, how).value)
  t.equal(all.auroc.low, metrics.auroc(s, y, how).low)
  t.equal(all.auprc.value, metrics.average_precision(s, y, how).value)
  t.equal(all.prevalence, y:mean():item())
  t.equal(all.f1, metrics.threshold(s, y, "f1"))
  t.equal(all.at_rate, metrics.threshold(s, y, { fpr = 0.1 }))
end)

t.test("the histogram has both kinds and the cut", function()
  local s, y = tensor { 1, 2, 3, 4 }, tensor { 0, 0, 1, 1 }
  local chart = anomaly.histogram(s, y, { bins = 2, cut = 2.5, title = "T" })
  t.equal(#chart.series, 3)
  t.equal({ chart.series[1].name, chart.series[2].name, chart.series[3].name },
    { "normal", "anomalous", "cut" })
  t.equal({ chart.series[1].y[2], chart.series[2].y[1] }, { 0, 0 })
  t.equal(#anomaly.histogram(s, y).series, 2)
  -- 0 to 1 with one far off: the frame ends 5 widths of the middle half on.
  local far = orrery.cat({ orrery.linspace(0, 1, 101), orrery.full({ 9 },
    1000) }, 1):double()
  local x = anomaly.histogram(far, far:gt(0.5)).series[1].x
  t.ok(x[#x] < 5, x[#x])
end)

t.test("extremes are the lowest and the highest of each kind", function()
  local images = orrery.range(0, 5):float():reshape(6, 1, 1, 1) / 5
  local picture = anomaly.extremes(images, tensor { 1, 5, 3, 2, 9, 4 },
    tensor { 0, 0, 0, 1, 1, 1 }, { columns = 2, scale = 1 })
  -- Padding of one around each: the pixels at (2, 2), (2, 4), (4, 2), ...
  local p = picture.figures[1].pixels:float():div(255)
  t.equal(#picture.row_names, 4)
  local grey = {}
  for row = 2, 8, 2 do
    for column = 2, 4, 2 do
      grey[#grey + 1] = math.floor(p[row][column]:item() * 5 + 0.5)
    end
  end
  t.equal(grey, { 0, 2, 1, 2, 3, 5, 4, 5 })
end)

t.test("wrong arguments are said to be so", function()
  local s, y = tensor { 1, 2 }, tensor { 0, 1 }
  t.fails("anomaly.nll: the model is 3; give one with log_prob, or a function "
    .. "of x that gives log p(x)", anomaly.nll, 3, s)
  t.fails("anomaly.nll: log p is [] for x [2]; give one number for each row",
    anomaly.nll, function(x) return x:sum() end, s)
  t.fails("anomaly.nll: x is [0, 2]; give [N, ...], one or more", anomaly.nll,
    function(x) return x end, orrery.zeros(0, 2))
  t.fails("anomaly.typicality: group is 3 but there are 2 scores; take a "
    .. "smaller one", anomaly.typicality, s, s, { group = 3 })
  t.fails("anomaly.ratio: 2 scores but 1 of the background; give both of the "
    .. "same examples", anomaly.ratio, s, tensor { 1 })
  t.fails("anomaly.gaussian: the covariance of 2 examples of 3 numbers is "
    .. "singular; give more, or { ridge = 1e-3 }", anomaly.gaussian,
    tensor { { 1, 2, 3 }, { 3, 2, 1 } })
  t.fails("anomaly.threshold: rate is 2; give a number from 0 to 1",
    anomaly.threshold, s, 2)
  t.fails("threshold: fpr is -1; use a number from 0 to 1", metrics.threshold,
    s, y, { fpr = -1 })
  t.fails("threshold: wish is \"f2\"; use \"f1\", \"youden\", \"accuracy\" or "
    .. "{ fpr = 0.05 }", metrics.threshold, s, y, "f2")
end)

-- ---- pictures of a folder

-- Stripes that are normal, and discs of noise on them that are not, in folders
-- as MVTec lays them out.
local function draw_folders(root)
  local g = orrery.Generator(8)
  local along = orrery.range(1, 32):float()
  local function picture(path, strange)
    local x = ((along / 2 + 6 * orrery.rand({ 1 }, { generator = g })):sin()
      * 0.3 + 0.5):expand { 32, 32 }:contiguous()
    x = x + 0.03 * orrery.randn({ 32, 32 }, { generator = g })
    if strange then
      local square = (along - 16) ^ 2
      x = orrery.where((square:unsqueeze(2) + square):lt(64),
        orrery.rand({ 32, 32 }, { generator = g }), x)
    end
    assert(orrery.io.write_png(path, (x:clamp { min = 0, max = 1 } * 255)
      :round():to("uint8"):reshape(1, 32, 32)))
  end
  for folder, n in pairs { ["train/good"] = 12, ["test/good"] = 4,
    ["test/disc"] = 6 } do
    assert(orrery.fs.mkdir(root .. "/" .. folder))
    for i = 1, n do
      picture(("%s/%s/%d.png"):format(root, folder, i), folder:find "disc")
    end
  end
end

local missing = orrery.runs.missing()
local script = missing and function(name) t.skip(name, missing) end
  or t.needing "png"
script("the script tells discs from stripes in a folder of pictures",
  function()
    local folder = files.folder()
    draw_folders(folder .. "/set")
    local pipe = io.popen(("'%s' '%s/scripts/anomaly.lua' --quick steps=200 "
      .. "task=pictures model=vae folder='%s/set' side=32 patch=8 out='%s/runs'"
      .. " 2>&1"):format(files.interpreter(), os.getenv "ORRERY_SOURCE_DIR"
      or ".", folder, folder))
    local said = pipe:read "a"
    t.ok(pipe:close(), said)
    t.ok(said:find "gauss 1%f[^%d.]", said)
    files.drop(folder)
  end)

-- ---- patches

t.test("patches are the windows of a picture, row by row", function()
  local x = orrery.range(1, 40):double():reshape(2, 1, 4, 5)
  local rows, each = anomaly.patches(x, 3)  -- one pixel on at a time
  t.equal(each, 2 * 3)
  t.equal({ rows:shape() }, { 12, 9 })
  for i, corner in ipairs { { 1, 1, 1 }, { 1, 1, 2 }, { 1, 1, 3 },
    { 1, 2, 1 }, { 1, 2, 2 }, { 1, 2, 3 }, { 2, 1, 1 } } do
    local n, top, left = table.unpack(corner)
    near(rows[i], x[{ n, 1, { top, top + 2 }, { left, left + 2 } }]
      :reshape(-1))
  end
  local _, halves = anomaly.patches(orrery.zeros(1, 1, 16, 24))
  t.equal(halves, 3 * 5)  -- of 8 pixels, 4 on
end)

t.test("a picture's score is the mean of its strangest patches", function()
  local s = tensor { 1, 5, 2, 4, 7, 7, 0, 1 }
  near(anomaly.of_patches(s, 4, 1), { 5, 7 })
  near(anomaly.of_patches(s, 4, 2), { 4.5, 7 })
  near(anomaly.of_patches(s, 4, 4), { 3, 15 / 4 })
  t.equal(anomaly.of_patches(s, 1, 1), s)
end)

t.test("patches that do not fit are said", function()
  t.fails("anomaly.patches: x is [2, 3, 8, 8]; give [N, 1, H, W] of 4 pixels "
    .. "a side or more", anomaly.patches, orrery.zeros(2, 3, 8, 8), 4)
  t.fails("anomaly.patches: x is [1, 1, 8, 6]; give [N, 1, H, W] of 8 pixels "
    .. "a side or more", anomaly.patches, orrery.zeros(1, 1, 8, 6))
  t.fails("anomaly.of_patches: scores are [5]; give [N * 2], 2 for each "
    .. "picture", anomaly.of_patches, orrery.zeros(5), 2, 1)
  t.fails("anomaly.of_patches: strangest is 3 of 2 patches; lower it",
    anomaly.of_patches, orrery.zeros(4), 2, 3)
end)

-- ---- beside scikit-learn

local sklearn = python.having "sklearn.metrics"
if not sklearn then
  return t.skip("cuts beside scikit-learn", "no python3 here has sklearn")
end

local program = [=[
import json
import numpy as np
from sklearn import metrics as m
with open("cases.json") as f:
    cases = json.load(f)
out = []
for c in cases:
    s, y = np.array(c["s"]), np.array(c["y"])
    fpr, tpr, cut = m.roc_curve(y, s, drop_intermediate=False)
    allowed = np.where(fpr <= c["rate"], tpr, -1)
    at = int(np.argmax(allowed))
    p, r, where = m.precision_recall_curve(y, s)
    f1 = 2 * p[:-1] * r[:-1] / np.maximum(p[:-1] + r[:-1], 1e-300)
    best = len(f1) - 1 - int(np.argmax(f1[::-1]))
    out.append(dict(fpr=fpr[at], tpr=tpr[at],
                    cut=None if at == 0 else cut[at], f1=f1[best],
                    f1_cut=where[best]))
print(json.dumps(out))
]=]

t.needing "json"("cuts are those of scikit-learn's curves", function()
  local folder, cases, g = files.folder(), {}, orrery.Generator(6)
  for i, n in ipairs { 2000, 300, 50, 50, 20, 20 } do
    local s = orrery.randint(1, 40, { n }, { generator = g }):double() / 8
    local y = (orrery.rand({ n }, { generator = g }) * 40):lt(s:float() * 6)
      :double()
    y[1], y[2] = 0, 1
    cases[i] = { s = s:tolist(), y = y:tolist(), rate = i / 12 }
  end
  local file = assert(io.open(folder .. "/cases.json", "w"))
  file:write(json.encode(cases))
  file:close()
  local text, why = python.run(sklearn, program, folder)
  t.ok(text, why)
  for i, want in ipairs(json.decode(text)) do
    local case = cases[i]
    local s, y = tensor(case.s), tensor(case.y)
    local cut = metrics.threshold(s, y, { fpr = case.rate })
    near({ cut.recall, cut.fpr }, { want.tpr, want.fpr }, 1e-12)
    t.equal(cut.threshold, type(want.cut) == "number" and want.cut
      or math.huge)
    local f1 = metrics.threshold(s, y, "f1")
    near({ f1.value, f1.threshold }, { want.f1, want.f1_cut }, 1e-12)
  end
  files.drop(folder)
end)
