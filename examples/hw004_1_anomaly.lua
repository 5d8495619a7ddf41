-- %% [markdown]
-- # 004-1.2.3  Anomaly detection by a flow
-- Trained on normal pictures alone, a flow scores a picture by
-- $-\log p_X(x)$ (Bishop 1994); from some score on it counts as an anomaly.
--
-- **(1)** Accuracy is no measure where one kind is rare. AUROC is the chance
-- that an anomaly scores above a normal picture,
-- $P(s_a > s_n) + \frac12 P(s_a = s_n)$; AUPRC the area under precision by
-- recall, whose worth depends on how many anomalies there are.
-- **(4)** Published: AUROC 0.7782, AUPRC 0.9422 on an unnamed set. With two
-- normal laws of scores those two belong to about 84 % anomalies: they were not
-- rare there, and AUPRC says little. **(5)** Does the error of reconstruction
-- serve? No; not for want of a mechanism, as was published, but because a flow
-- reconstructs *exactly*: $f^{-1}(f(x)) = x$, whatever $x$.

-- %%
local orrery = require "orrery"
local data, flow, metrics = orrery.data, orrery.flow, orrery.metrics
local optim, plot, replay = orrery.optim, orrery.plot, orrery.replay
local anomaly = flow.anomaly
local set = replay.settings {
  train = 600, test = 100, steps = 2000, hidden = 128, draws = 200000,
  quick = { train = 20, test = 20, steps = 40, hidden = 24, draws = 20000 },
}
local double = { dtype = "float64" }
local plain = { resamples = 0 }
local function column(list) return orrery.tensor(list, double) end
local function auroc(s, y) return metrics.auroc(s, y, plain).value end
local function auprc(s, y)
  return metrics.average_precision(s, y, plain).value
end

-- %% [markdown]
-- ## By hand
-- Six cases, three of them positive; a score that is the same for all; and
-- what "always normal" gets right where 5 % are anomalies.

-- %% Six cases
local six, truth = column { .9, .8, .7, .6, .55, .1 },
  column { 1, 0, 1, 1, 0, 0 }
replay.check("AUROC, 7 pairs of 9", auroc(six, truth), 7 / 9, { abs = 1e-6 })
replay.check("average precision", auprc(six, truth), 0.805555556,
  { abs = 1e-6 })
replay.check("AUROC of a constant", auroc(six * 0, truth), 0.5,
  { abs = 1e-6 })
local rare = orrery.range(1, 100):le(5):double()
replay.check("accuracy of always normal, 5 % anomalies",
  metrics.threshold(-rare, rare, "accuracy").accuracy, 0.95, { abs = 1e-6 })
replay.check("AUROC of always normal", auroc(rare * 0, rare), 0.5,
  { abs = 1e-6 })

-- %% [markdown]
-- ## What 0.7782 and 0.9422 say
-- Scores $N(0, 1)$ of normal and $N(d', 1)$ of anomalous pictures have AUROC
-- $\Phi(d' / \sqrt 2)$. How many anomalies make AUPRC 0.9422?

-- %% Two normal laws
local gap = math.sqrt(2) * orrery.ndtri(column { 0.7782 })[1]:item()
replay.check("d'", gap, 1.08346895, { abs = 1e-6 })

local function two_laws(prevalence, n)
  local g = orrery.Generator(1)
  local y = orrery.range(1, n):le(math.floor(prevalence * n)):double()
  return orrery.randn({ n }, { dtype = "float64", generator = g }) + y * gap, y
end
local function area_at(prevalence)
  return auprc(two_laws(prevalence, set.draws))
end
local low, high = 0.5, 0.99
for _ = 1, 12 do
  local middle = (low + high) / 2
  if area_at(middle) < 0.9422 then low = middle else high = middle end
end
replay.check("prevalence at AUPRC 0.9422", (low + high) / 2, 0.84,
  { abs = 0.01, quick = { abs = 0.03 } })
local s, y = two_laws(0.84, set.draws)
replay.check("AUROC at 0.84", auroc(s, y), 0.778, { abs = 0.01 })
replay.check("AUPRC at 0.84", auprc(s, y), 0.943, { abs = 0.01 })
local random = orrery.rand({ set.draws }, { dtype = "float64" })
replay.check("AUPRC of a random score", auprc(random, y), 0.84, { abs = 0.02 })
replay.check("AUROC after a rising map", auroc((s / 3):exp() - 7, y),
  auroc(s, y), { abs = 1e-9 })

-- %% The same scores with fewer anomalies
local shares = { 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.84, 0.95 }
local series = { { name = "AUROC", x = shares, y = {} },
  { name = "AUPRC", x = shares, y = {} },
  { name = "AUPRC of a random score", x = shares, y = shares, dashed = true },
  { name = "accuracy of always normal", x = shares, y = {}, dashed = true } }
for i, share in ipairs(shares) do
  local t, z = two_laws(share, set.draws // 4)
  series[1].y[i], series[2].y[i] = auroc(t, z), auprc(t, z)
  series[4].y[i] = 1 - share
end
plot.line { series = series, log_x = true, ymin = 0, ymax = 1,
  xlabel = "share of anomalies", title = "one score, other prevalences" }

-- %% [markdown]
-- ## A flow on textures
-- Normal: woven stripes of two directions with noise. Anomalous: the same with
-- a scratch, a spot, or a part where the weave is missing. The MAF learns
-- 8 x 8 patches; a picture's score is the mean over its strangest tenth. The
-- normal law with the patches' own mean and covariance stands beside it.

-- %% Pictures, 32 x 32
local size = 32
local at = orrery.range(1, size):float()
local rows, columns = at:unsqueeze(2), at:unsqueeze(1)
local random_of = orrery.Generator(11)
local function uniform(from, to)
  return from + (to - from) * orrery.rand({ 1 }, { generator = random_of })
end
local function weave()
  local x = 0.5 + 0.15 * ((rows * 0.9 + uniform(0, 6.28)):sin()
    + (columns * 1.3 + uniform(0, 6.28)):sin())
  return x + 0.08 * orrery.randn({ size, size }, { generator = random_of })
end
local function mask_where(distance, reach)
  return distance:abs():lt(reach)
end
local faults = {
  scratch = function(x)
    local angle = uniform(0, 3.14)
    local line = (rows - uniform(10, 22)) * angle:cos()
      + (columns - uniform(10, 22)) * angle:sin()
    return orrery.where(mask_where(line, 0.7), x + 0.25, x)
  end,
  spot = function(x)
    local d = (rows - uniform(8, 24)) ^ 2 + (columns - uniform(8, 24)) ^ 2
    return orrery.where(mask_where(d, 7), x * 0.4, x)
  end,
  missing = function(x)
    local inside = orrery.maximum((rows - uniform(9, 23)):abs()
      + columns * 0, (columns - uniform(9, 23)):abs() + rows * 0)
    local flat = 0.5 + 0.08 * orrery.randn({ size, size },
      { generator = random_of })
    return orrery.where(mask_where(inside, 5), flat, x)
  end,
}
local function sheet(n, fault)
  local list = {}
  for i = 1, n do
    local x = weave()
    list[i] = ((fault and faults[fault](x) or x):clamp { min = 0, max = 1 }
      * 255):round() / 255
  end
  return orrery.stack(list, 1):unsqueeze(2)
end
local normal = sheet(set.train)
local kinds = { "scratch", "spot", "missing" }
local tests = { sheet(set.test) }
for i, kind in ipairs(kinds) do tests[i + 1] = sheet(set.test, kind) end
local test = orrery.cat(tests, 1)
local labels = orrery.range(1, test:size(1)):gt(set.test):double()
local shown = {}
for i, x in ipairs(tests) do shown[i] = x:narrow(1, 1, 8) end
plot.grid(orrery.cat(shown, 1), { columns = 8, scale = 2,
  row_names = { "normal", table.unpack(kinds) } })

-- %% Trained on normal patches
local known, each = anomaly.patches(normal, 8)
local model = flow.Model { shape = { 64 }, bijector = flow.Chain {
  flow.Logit(1e-3), flow.maf(64, { layers = 5, hidden = { set.hidden },
    last_scale = 0.01, clamp = 2 }) } }
local opt = optim.Adam(model, { lr = 1e-3 })
local noise = orrery.Generator(12)
local step = orrery.compile(function(x)
  local nats = -model:log_prob(flow.dequantise(x, { generator = noise }))
    :mean()
  opt:minimize(nats)
  return nats
end)
local done, order = 0, data.TensorDataset(known):batches(100,
  { shuffle = true, drop_last = true, seed = 13 })
while done < set.steps do
  orrery.tidy(function() step(order() or order()) end)
  done = done + 1
end

local function scored(law, x)
  local g = orrery.Generator(14)
  return anomaly.of_patches(anomaly.nll(function(some)
    return law:log_prob(flow.dequantise(some, { generator = g }))
  end, (anomaly.patches(x, 8)), { batch = 5000 }), each, each // 10)
end
local by_flow = scored(model, test)
local by_law = scored(anomaly.gaussian((known)), test)
local judged = anomaly.judged(by_flow, labels, { resamples = 200 })
print(("prevalence %.2f"):format(judged.prevalence))
print(("%-10s  AUROC %.4f [%.4f, %.4f]  AUPRC %.4f"):format("MAF",
  judged.auroc.value, judged.auroc.low, judged.auroc.high,
  judged.auprc.value))
print(("%-10s  AUROC %.4f                   AUPRC %.4f"):format("normal law",
  auroc(by_law, labels), auprc(by_law, labels)))
print("published   AUROC 0.7782                   AUPRC 0.9422, at about 0.84")
for i, kind in ipairs(kinds) do
  local own = orrery.cat({ by_flow:narrow(1, 1, set.test),
    by_flow:narrow(1, i * set.test + 1, set.test) }, 1)
  print(("  %-8s  AUROC %.4f"):format(kind, auroc(own,
    orrery.range(1, 2 * set.test):gt(set.test):double())))
end
replay.check("AUROC", judged.auroc.value, 0.75, { relation = ">=",
  quick = { wanted = 0.3 } })
replay.check("AUPRC above the prevalence", judged.auprc.value,
  judged.prevalence, { relation = ">", quick = { wanted = 0.3 } })

-- %% Scores, and the curves
anomaly.histogram(by_flow, labels, { title = "scores of pictures, nats",
  cut = judged.at_rate.threshold })

-- %% ROC and precision by recall
local roc, pr = metrics.roc_curve(by_flow, labels),
  metrics.pr_curve(by_flow, labels)
plot.grid({ plot.line { title = "ROC", xlabel = "false alarms",
    ylabel = "found", series = { { x = roc.fpr, y = roc.tpr, name = "MAF" },
      { x = { 0, 1 }, y = { 0, 1 }, name = "chance", dashed = true } } },
  plot.line { title = "precision and recall", xlabel = "recall",
    ylabel = "precision", ymin = 0, series = {
      { x = pr.recall, y = pr.precision, name = "MAF" },
      { x = { 0, 1 }, y = { judged.prevalence, judged.prevalence },
        name = "prevalence", dashed = true } } } }, { columns = 2 })

-- %% Which ones
anomaly.extremes(test, by_flow, labels, { columns = 10 })

-- %% [markdown]
-- ## The error of reconstruction
-- There and back, $f^{-1}(f(x)) - x$ is rounding: the score it gives is that of
-- a coin once differences below the noise of rounding count as ties; in double
-- precision, and with log-scales clamped to 2: with 5 a flow becomes so steep
-- where it has seen nothing that rounding grows to any size there, in double
-- precision too (Behrmann et al. 2021).

-- %% There and back
local function error_of(dtype)
  local flow_of = model.bijector:to(dtype)
  local x = flow.dequantise((anomaly.patches(test, 8)),
    { generator = orrery.Generator(15) }):to(dtype)
  return orrery.no_grad(function()
    return (flow_of:inverse((flow_of(x))) - x):abs():amax(2):double()
  end)
end
local exact = error_of "float64"
print(("largest error: double %.2g, single %.2g"):format(exact:max():item(),
  error_of("float32"):max():item()))
replay.check("largest error of reconstruction", exact:max(), 0,
  { abs = 1e-3 })
local coarse = (exact:reshape(-1, each):amax(2) / 1e-3):floor()
replay.check("AUROC of it", auroc(coarse, labels), 0.5, { abs = 0.1 })

-- %% [markdown]
-- ## Where likelihood fails
-- Pictures of nothing but a smooth shade are no weave; to this model, as to
-- any density of high-dimensional pictures (Nalisnick et al. 2019), they are
-- *more* likely than the weave itself: less noise, less to explain. What is too
-- likely is caught by typicality, $|{-\log p(x)} - \bar H|$, $\bar H$ the mean
-- over normal pictures that were not trained on.

-- %% Smooth pictures
local smooth = {}
for i = 1, set.test do
  smooth[i] = ((0.5 + 0.1 * ((rows + columns) / 64 - 0.5)
    * uniform(-1, 1) + 0.05 * uniform(-1, 1)) * 255):round() / 255
end
local calm = orrery.stack(smooth, 1):unsqueeze(2)
local both = orrery.cat({ by_flow:narrow(1, 1, set.test),
  scored(model, calm) }, 1)
local strange = orrery.range(1, 2 * set.test):gt(set.test):double()
replay.check("AUROC of smooth pictures", auroc(both, strange), 0.5,
  { relation = "<", quick = { wanted = 1.1 } })
replay.check("the same by typicality", auroc(anomaly.typicality(both,
  scored(model, sheet(set.test))), strange), 0.75, { relation = ">",
  quick = { wanted = -1 } })
