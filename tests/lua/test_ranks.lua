--- Areas, curves and thresholds against pairs counted one by one, the listed
--- facts, and scikit-learn where it is installed.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local json = require "orrery.json"
local python = require "orrery.testing.python"
local metrics = orrery.metrics

local f64 = { dtype = "float64" }
local function tensor(v) return orrery.tensor(v, f64) end
local function near(got, want, tol) t.near(tensor(got), tensor(want), tol) end
local plain = { resamples = 0 }

local function auroc(s, y)
  return metrics.auroc(tensor(s), orrery.tensor(y), plain).value
end
local function ap(s, y)
  return metrics.average_precision(tensor(s), orrery.tensor(y), plain).value
end

local six = { .9, .8, .7, .6, .55, .1 }
local truth = { 1, 0, 1, 1, 0, 0 }

t.test("F202 F203 F204: six cases by hand, and a constant score", function()
  near(auroc(six, truth), 7 / 9, 1e-12)  -- 7 of 9 pairs in order
  near(ap(six, truth), (1 + 2 / 3 + 3 / 4) / 3, 1e-12)
  near(auroc({ 2, 2, 2, 2 }, { 1, 0, 0, 1 }), 0.5, 1e-12)
  near(ap({ 2, 2, 2, 2, 2 }, { 1, 0, 0, 1, 0 }), 0.4, 1e-12)
end)

t.test("with ties the area is that of pairs, ties counting half", function()
  for seed = 1, 20 do
    local g = orrery.Generator(seed)
    local s = orrery.randint(1, 8, { 60 }, { generator = g }):double() / 8
    local y = orrery.rand({ 60 }, { generator = g }):lt(0.3):double()
    local p, q, sum, pairs_ = s:tolist(), y:tolist(), 0, 0
    for i = 1, 60 do
      for j = 1, 60 do
        if q[i] == 1 and q[j] == 0 then
          pairs_ = pairs_ + 1
          sum = sum + (p[i] > p[j] and 1 or p[i] == p[j] and 0.5 or 0)
        end
      end
    end
    near(metrics.auroc(s, y, plain).value, sum / pairs_, 1e-12)
    -- A rising map of the scores changes nothing.
    near(metrics.auroc((s * 5):exp() - 9, y, plain).value, sum / pairs_, 0)
    near(metrics.auroc(-s, y, plain).value, 1 - sum / pairs_, 1e-12)
  end
end)

t.test("F205: a random score has the prevalence as its average precision",
  function()
    local g = orrery.Generator(1)
    local y = orrery.rand({ 20000 }, { generator = g }):lt(0.84):double()
    local s = orrery.rand({ 20000 }, { dtype = "float64", generator = g })
    near(metrics.average_precision(s, y, plain).value, 0.84, 0.02)
  end)

t.test("F206 F207: two normal laws 1.0835 apart, 84 % positive", function()
  local d = math.sqrt(2) * orrery.ndtri(tensor { 0.7782 })[1]:item()
  near(d, 1.08346895, 1e-8)
  local g, n = orrery.Generator(2), 100000
  local positive = math.floor(0.84 * n)
  local s = orrery.randn({ n }, { dtype = "float64", generator = g })
  local y = orrery.range(1, n):le(positive):double()
  s = s + y * d
  near(metrics.auroc(s, y, plain).value, 0.7782, 0.01)
  near(metrics.average_precision(s, y, plain).value, 0.9422, 0.01)
end)

t.test("F208: calling nothing positive is right for 95 % at 5 % positives",
  function()
    local y = orrery.range(1, 100):le(5):double()
    local s = orrery.range(1, 100, f64)  -- positives score lowest
    local cut = metrics.threshold(s, y, "accuracy")
    near(cut.accuracy, 0.95, 1e-12)
    t.equal({ cut.threshold, cut.recall }, { math.huge, 0 })
  end)

t.test("curves by hand, with a tie", function()
  local s, y = tensor { 3, 2, 2, 1 }, tensor { 1, 0, 1, 0 }
  local roc = metrics.roc_curve(s, y)
  t.near(roc.fpr, tensor { 0, 0, .5, 1 }, 1e-12)
  t.near(roc.tpr, tensor { 0, .5, 1, 1 }, 1e-12)
  t.equal(roc.thresholds:tolist(), { math.huge, 3, 2, 1 })
  local pr = metrics.pr_curve(s, y)
  t.near(pr.precision, tensor { .5, 2 / 3, 1, 1 }, 1e-12)
  t.near(pr.recall, tensor { 1, 1, .5, 0 }, 1e-12)
  t.equal(pr.thresholds:tolist(), { 1, 2, 3 })
end)

t.test("thresholds: the best F1, the best of hits less false alarms",
  function()
    local s, y = tensor(six), tensor(truth)
    local cut = metrics.threshold(s, y)
    t.equal(cut.threshold, 0.6)
    near(cut.value, 2 * 0.75 / 1.75, 1e-12)
    near(cut.precision, 0.75, 1e-12)
    near(cut.recall, 1, 1e-12)
    near(cut.accuracy, 5 / 6, 1e-12)
    near(metrics.threshold(s, y, "youden").value, 1 - 1 / 3, 1e-12)
  end)

t.test("the interval holds the truth of two normal laws", function()
  local g = orrery.Generator(7)
  local y = orrery.range(1, 500):le(250):double()
  local s = orrery.randn({ 500 }, { dtype = "float64", generator = g }) + y
  local area = metrics.auroc(s, y, { resamples = 300 })
  local want = orrery.ndtr(tensor { 1 / math.sqrt(2) })[1]:item()
  t.ok(area.low < want and want < area.high)
  t.ok(area.high - area.low < 0.12)
end)

t.test("labels and scores that cannot be ranked are refused", function()
  local s = tensor { 1, 2, 3 }
  t.fails("auroc: labels hold other numbers than 0 and 1; give 1 for a "
    .. "positive", metrics.auroc, s, tensor { 0, 1, 2 })
  t.fails("auroc: all labels are 0; both kinds are needed", metrics.auroc, s,
    tensor { 0, 0, 0 })
  t.fails("pr_curve: scores are [3], labels are [2]; give [N] of both",
    metrics.pr_curve, s, tensor { 0, 1 })
  t.fails("roc_curve: scores hold NaN; leave those cases out",
    metrics.roc_curve, tensor { 0 / 0, 1, 2 }, tensor { 0, 1, 1 })
end)

-- ---- beside scikit-learn

local sklearn = python.having "sklearn.metrics"
if not sklearn then
  return t.skip("ranks beside scikit-learn", "no python3 here has sklearn")
end

local program = [=[
import json
from sklearn import metrics as m
with open("cases.json") as f:
    cases = json.load(f)
out = []
for c in cases:
    s, y = c["s"], c["y"]
    fpr, tpr, _ = m.roc_curve(y, s, drop_intermediate=False)
    p, r, _ = m.precision_recall_curve(y, s)
    out.append(dict(auroc=m.roc_auc_score(y, s),
                    ap=m.average_precision_score(y, s), fpr=list(fpr),
                    tpr=list(tpr), precision=list(p), recall=list(r)))
print(json.dumps(out))
]=]

-- Ten thousand cases with ties, in one list and in many short ones.
local function sets()
  local list, g = {}, orrery.Generator(5)
  for _, n in ipairs { 10000, 2000, 200, 20, 20, 20, 20, 5, 5 } do
    for _, levels in ipairs { 10, 300 } do
      local s = orrery.randint(1, levels, { n }, { generator = g }):double()
        / 7
      local y = (orrery.rand({ n }, { generator = g }) * levels)
        :lt(s:float() * 4):double()
      y[1], y[2] = 0, 1
      list[#list + 1] = { s = s:tolist(), y = y:tolist() }
    end
  end
  return list
end

t.needing "json"("10,000 cases with ties are ranked as scikit-learn does",
  function()
    local folder, cases = files.folder(), sets()
    local file = assert(io.open(folder .. "/cases.json", "w"))
    file:write(json.encode(cases))
    file:close()
    local text, why = python.run(sklearn, program, folder)
    t.ok(text, why)
    local wanted = json.decode(text)
    for i, case in ipairs(cases) do
      local want, s, y = wanted[i], tensor(case.s), tensor(case.y)
      near(metrics.auroc(s, y, plain).value, want.auroc, 1e-12)
      near(metrics.average_precision(s, y, plain).value, want.ap, 1e-12)
      local roc, pr = metrics.roc_curve(s, y), metrics.pr_curve(s, y)
      t.near(roc.fpr, tensor(want.fpr), 1e-12)
      t.near(roc.tpr, tensor(want.tpr), 1e-12)
      t.near(pr.precision, tensor(want.precision), 1e-12)
      t.near(pr.recall, tensor(want.recall), 1e-12)
    end
    files.drop(folder)
  end)
