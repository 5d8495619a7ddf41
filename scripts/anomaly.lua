--[[ Does a model of normal pictures know a strange one?

Trained on one digit (task=4), or on all but one (task=not4), or on pictures of
a folder (task=pictures), a flow (MAF) and a VAE score pictures by -log p, the
VAE by -ELBO; the normal law with the same mean and covariance, in closed form,
stands beside each. AUROC is the chance that an anomaly scores above a normal
picture; AUPRC is worth as much as it is above the prevalence, which is what
scores drawn at random get.

Expect: with one digit normal the MAF is at 0.9 or more and the Gaussian not far
behind, ahead on 0, 3 and 5. With nine digits normal likelihood fails: ones are
smooth, and a VAE finds them more likely than anything it was trained on
(AUROC near 0.07). Ten seconds a row on one core:

  orrery scripts/anomaly.lua seed=1..3
  orrery scripts/anomaly.lua task=not1,not4,not8
  orrery scripts/anomaly.lua task=pictures folder=FOLDER

Measured (mean +- standard deviation of AUROC over seed=1..3; without +- one
seed; shade: AUROC of how far the mean grey is from what is usual):

  task   MAF               VAE               Gaussian  shade  AUPRC MAF  random
  0      0.987 +- 0.006    0.945 +- 0.008    0.997     0.69   0.998      0.92
  1      0.998 +- 0.000    0.998 +- 0.000    0.996     0.83   1.000      0.89
  2      0.932             0.785             0.932     0.59   0.991      0.90
  3      0.916             0.786             0.935     0.58   0.981      0.88
  4      0.959 +- 0.002    0.880 +- 0.004    0.953     0.60   0.996      0.91
  5      0.918             0.829             0.944     0.55   0.990      0.91
  6      0.993             0.912             0.988     0.56   0.999      0.90
  7      0.968             0.925             0.964     0.63   0.996      0.89
  8      0.914 +- 0.002    0.720 +- 0.001    0.902     0.60   0.988      0.90
  9      0.970             0.879             0.961     0.58   0.996      0.90
  not0   0.848             0.922             0.751     0.70   0.285      0.08
  not1   0.482 +- 0.021    0.066 +- 0.003    0.487     0.80   0.095      0.11
  not2   0.929             0.856             0.869     0.51   0.650      0.10
  not3   0.770             0.759             0.677     0.46   0.291      0.12
  not4   0.784 +- 0.008    0.626 +- 0.006    0.682     0.41   0.270      0.09
  not5   0.831             0.726             0.773     0.47   0.297      0.09
  not6   0.852             0.780             0.848     0.45   0.373      0.10
  not7   0.744             0.599             0.780     0.44   0.301      0.11
  not8   0.762 +- 0.008    0.754 +- 0.005    0.661     0.46   0.216      0.10
  not9   0.525             0.485             0.527     0.43   0.111      0.10

Typicality takes the VAE on not1 from 0.07 to 0.84, at a cost elsewhere.

FOLDER holds good/ or train/good/ and test/good/, and folders of others beside
it or in test/ (MVTec AD; magnetic tile defects). Pictures there are cut into
patches of one brightness and contrast; a picture's score is the mean over its
strangest ones. Magnetic tiles (280 good, every fourth held out, 392 not) and
MVTec's screws (320 good, tested on 41 and 119), made 256 pixels wide:

  set     side  MAF              VAE              Gaussian  shade  AUPRC  random
  tiles   32    0.660 +- 0.011   0.538 +- 0.034   0.640     0.48   0.917  0.85
  tiles   64    0.642            0.507            0.599     0.48   0.906  0.85
  screws  32    0.366 +- 0.008   0.500 +- 0.008   0.296     0.00   0.668  0.74
  screws  64    0.355            0.504            0.299     0.00   0.657  0.74

A published flow has AUROC 0.7782 and AUPRC 0.9422 on a set that it does not
name; these are scores 1.08 standard deviations apart and about 84 % anomalies,
as many as of the tiles here. What differs: its set, of which nothing is said;
and patches of 8 pixels know neither where they are nor what surrounds them.
With patches of 4 or 16 pixels, of tiles 32 to 64 wide, less their own mean or
not, the Gaussian stays between 0.62 and 0.68. The MAF finds breaks (0.76),
frays and blowholes (0.7), but no cracks, a pixel wide (0.47). Of the screws the
good ones to be tested were photographed in other light than those to train on:
their mean grey alone tells them from all others, and it is they that are
unusual. Patches of one brightness and contrast do not forget that.
]]
local orrery = require "orrery"
local data, flow, optim = orrery.data, orrery.flow, orrery.optim
local plot, vae = orrery.plot, orrery.vae
local anomaly = flow.anomaly

local tasks = {}
for d = 0, 9 do
  tasks[d + 1], tasks[d + 11] = tostring(d), "not" .. d
end
tasks[21] = "pictures"

local run = orrery.experiment {
  name = "anomaly",
  knobs = {
    task = { { "0", "1", "4", "8", "not1", "not4", "not8" },
      "what is normal: a digit, all but a digit, a folder's good pictures",
      one_of = tasks },
    model = { { "maf", "vae" }, "which model is trained",
      one_of = { "maf", "vae" } },
    steps = { 1000, "updates", min = 1 },
    batch = { 100, "examples a step", min = 1 },
    layers = { 5, "of the MAF", min = 1 },
    hidden = { 0, "units; 0: 128 (256 for nine digits) of the MAF, 200 of the "
      .. "VAE", min = 0 },
    latent = { 10, "size of the VAE's code", min = 1 },
    lr = { 1e-3, "learning rate of Adam", min = 0 },
    draws = { 5, "of noise that a score is the mean of", min = 1 },
    background = { 0.0, "chance that a number is drawn afresh, for a second "
      .. "model to compare with; 0: none", min = 0, max = 1 },
    data = { "embedded", "embedded digits, or a folder with the MNIST files" },
    folder = { "", "of task=pictures" },
    side = { 32, "pixels that pictures are brought to", min = 8 },
    patch = { 8, "pixels of a patch's side", min = 2 },
    top = { 0.1, "part of a picture's patches that count: the strangest",
      min = 0, max = 1 },
    compile = { true, "record the step and replay it: the same numbers" },
  },
  step = "step",
  quick = { steps = 40, batch = 50, layers = 2, hidden = 16, draws = 1,
    task = { "0", "not1" } },
}

-- ---- what is normal, and what is not

-- How far each picture's mean grey is from what is usual: the plainest score.
local function shade(pictures, normal)
  return (pictures:flatten(2):mean(2) - normal:mean()):abs():double()
end

-- Whole levels as greys [N, 196]: means of 2 x 2 pixels.
local function small(set)
  local x = set.images:float():unsqueeze(2)
  return orrery.avg_pool2d(x, 2):round():flatten(2) / 255
end

local function of_digits(k)
  local digits = assert(data.mnist { dir = k.data,
    images = k.quick and 3000 or 0, held = k.quick and 300 or 0 })
  local digit = tonumber(k.task:match "%d")
  local function own(set)
    local is = set.labels:eq(digit + 1)
    return k.task:find "not" and is:logical_not() or is
  end
  local at = own(digits.train):nonzero():select(2, 1)
  local x = small(digits.test)
  local train = small(digits.train):index_select(1, at)
  return { train = train, test = x, shade = shade(x, train),
    labels = own(digits.test):logical_not():double(), patches = 1,
    pictures = x:reshape(-1, 1, 14, 14) }
end

-- All pictures of a folder as greys [N, 1, side, side]; nil without any.
local function read_folder(path, side)
  local set = data.images(path, { size = side, fit = "stretch",
    filter = "area", channels = 1, range = { 0, 1 }, classes = false })
  return set and set:everything()
end

-- Patches of pictures of one brightness and contrast (else that alone would
-- be what is judged), each half over the next, [N * P, patch^2]; and P.
local function cut(k, x)
  local flat = x:flatten(2)
  flat = flat - flat:mean(2):unsqueeze(2)
  flat = flat / (flat:std(2):unsqueeze(2) + 1e-3) / 8 + 0.5
  x = (flat:clamp { min = 0, max = 1 } * 255):round():reshape(-1, 1, k.side,
    k.side) / 255
  return anomaly.patches(x, k.patch)
end

-- Good pictures to train on, good ones held out, others by folder.
local function of_folder(k)
  local root = k.folder
  if k.patch > k.side then
    error(("anomaly: patches of %d do not fit into pictures of %d; lower patch "
      .. "or raise side"):format(k.patch, k.side), 0)
  end
  local train = read_folder(root .. "/train/good", k.side)
  local test = train and root .. "/test" or root
  local good = read_folder(test .. "/good", k.side)
  if not good then
    error(("anomaly: %q holds no good/ and no train/good/ with pictures; "
      .. "give folder=FOLDER"):format(root), 0)
  end
  if not train then  -- every fourth is held out
    local held = orrery.range(1, good:size(1)):remainder(4):eq(0)
    train = good:index_select(1, held:logical_not():nonzero():select(2, 1))
    good = good:index_select(1, held:nonzero():select(2, 1))
  end
  local kinds, names = { good }, { "good" }
  for _, name in ipairs(orrery.fs.list(test)) do
    local x = name ~= "good" and name ~= "ground_truth"
      and read_folder(test .. "/" .. name, k.side)
    if x then kinds[#kinds + 1], names[#names + 1] = x, name end
  end
  if #kinds == 1 then
    error(("anomaly: %q holds good pictures alone; put others in a folder "
      .. "beside them"):format(test), 0)
  end
  local all = orrery.cat(kinds, 1)
  local x, patches = cut(k, all)
  return { train = (cut(k, train)), test = x, patches = patches,
    labels = orrery.range(1, all:size(1)):gt(good:size(1)):double(),
    pictures = all, shade = shade(all, train), kinds = kinds, names = names }
end

-- ---- the models

-- Greys with uniform noise, as logits: numbers anywhere. And log |dz/dx|.
local to_line = flow.Logit()
local function logits(x, generator)
  return to_line(flow.dequantise(x, { generator = generator }))
end

-- Each: the model; its loss of greys, given noise; its log-likelihoods. The
-- MAF's are of logits, and under `greys` of the greys themselves, which adds
-- what the noise makes of the darkest level.
local build = {}

function build.maf(k, features, nine)
  local hidden = k.hidden > 0 and k.hidden or nine and 256 or 128
  local model = flow.Model { shape = { features },
    bijector = flow.maf(features, { layers = k.layers,
      hidden = { hidden }, last_scale = 0.01 }) }
  return model, function(x, generator)
    return -model:log_prob((logits(x, generator))):mean()
  end, { nll = function(x, generator)
    return model:log_prob((logits(x, generator)))
  end, greys = function(x, generator)
    local z, logdet = logits(x, generator)
    return model:log_prob(z) + logdet
  end }
end

function build.vae(k, features)
  local model = vae.mlp { features = features, latent = k.latent,
    hidden = k.hidden > 0 and k.hidden or 200 }
  return model, function(x, generator)
    return (model:loss(x, { generator = generator }))
  end, { nll = function(x, generator)
    local rec, kl = model:terms(x, generator)
    return -rec - kl:sum(2)
  end, rec = function(x, generator)
    return -(model:terms(x, generator))
  end }
end

-- The scores of all test pictures, always with the same noise.
local function scored(k, case, law, x)
  local noise = orrery.Generator(1)
  local nats = anomaly.nll(function(some) return law(some, noise) end,
    x or case.test, { draws = k.draws, batch = 5000 })
  return anomaly.of_patches(nats, case.patches,
    math.max(1, math.floor(k.top * case.patches + 0.5)))
end

local function train(k, log, case)
  local features, nine = case.train:size(2), k.task:find "not"
  local model, loss, scores = build[k.model](k, features, nine)
  local objects, all = { model = model }, model:parameters()
  local behind
  if k.background > 0 then
    local other, more, its = build[k.model](k, features, nine)
    objects.background = other
    for _, p in ipairs(other:parameters()) do all[#all + 1] = p end
    local own = loss
    loss = function(x, generator)
      return own(x, generator) + more(anomaly.perturbed(x, k.background,
        generator), generator)
    end
    behind = its.nll
  end
  local opt, noise = optim.Adam(all, { lr = k.lr }), log:generator "noise"
  objects.opt = opt
  local function update(x)
    local nats = loss(x, noise)
    opt:minimize(nats)
    return nats
  end
  if k.compile then update = orrery.compile(update) end
  log:steps { steps = k.steps, every = math.max(1, k.steps // 10),
    objects = objects,
    batches = data.TensorDataset(case.train):batches(k.batch,
      { shuffle = true, drop_last = true, generator = log:generator "order" }),
    update = function(x) return { loss = update(x) } end,
    mark = function(step, means)
      log:scalar("training loss", step, means.loss)
    end }
  return scores, behind
end

-- ---- what comes of it

local function gaussian(case)
  local some = case.train
  if some:size(1) > 20000 then  -- of patches there are many
    some = some:index_select(1, orrery.randperm(some:size(1),
      { generator = orrery.Generator(1) }):narrow(1, 1, 20000))
  end
  local law = anomaly.gaussian((logits(some, orrery.Generator(2))))
  return function(x, generator)
    return law:log_prob((logits(x, generator)):double())
  end
end

local function chart_roc(log, list, labels)
  local series = { { x = { 0, 1 }, y = { 0, 1 }, dashed = true,
    name = "chance" } }
  for _, one in ipairs(list) do
    local roc = orrery.metrics.roc_curve(one[2], labels)
    series[#series + 1] = { x = roc.fpr, y = roc.tpr, name = one[1] }
  end
  log:image("ROC", plot.line { series = series, title = "ROC",
    xlabel = "false alarms", ylabel = "anomalies found" })
end

-- What is usual of training examples, for typicality.
local function usual(k, case, law)
  local n = case.patches * 500
  return scored(k, case, law, case.train:narrow(1, 1,
    math.min(case.train:size(1) // case.patches * case.patches, n)))
end

local function by_kind(log, case, s)
  if not case.kinds then return end
  local rows, at = {}, case.kinds[1]:size(1)
  local first = s:narrow(1, 1, at)
  for i = 2, #case.kinds do
    local n = case.kinds[i]:size(1)
    local both = orrery.cat({ first, s:narrow(1, at + 1, n) }, 1)
    local y = orrery.range(1, both:size(1)):gt(first:size(1)):double()
    rows[i - 1] = { kind = case.names[i], pictures = n,
      auroc = orrery.metrics.auroc(both, y, { resamples = 0 }).value }
    at = at + n
  end
  log:table { title = "By kind", rows = rows,
    columns = { "kind", "pictures", "auroc" } }
end

function run.trial(k, log)
  local case = (k.task == "pictures" and of_folder or of_digits)(k)
  local scores, behind = train(k, log, case)
  local function value(s)
    return orrery.metrics.auroc(s, case.labels, { resamples = 0 }).value
  end
  local s = scored(k, case, scores.nll)
  local closed = scored(k, case, gaussian(case))
  local judged = anomaly.judged(s, case.labels,
    { resamples = k.quick and 20 or 200 })
  local beside = anomaly.judged(closed, case.labels, { resamples = 0 })
  log:image("scores", anomaly.histogram(s, case.labels,
    { title = ("%s, %s is normal"):format(k.model, k.task),
      cut = judged.at_rate.threshold }))
  log:image("pictures", anomaly.extremes(case.pictures, s, case.labels,
    { scale = k.task == "pictures" and 1 or 2 }))
  chart_roc(log, { { k.model, s }, { "Gaussian", closed } }, case.labels)
  by_kind(log, case, s)
  return { auroc = judged.auroc.value, low = judged.auroc.low,
    high = judged.auroc.high, auprc = judged.auprc.value,
    prevalence = judged.prevalence, gauss = beside.auroc.value,
    gauss_auprc = beside.auprc.value, found = judged.at_rate.recall,
    f1 = judged.f1.value, train = case.train:size(1) // case.patches,
    shade = value(case.shade),
    rec = scores.rec and value(scored(k, case, scores.rec)) or nil,
    greys = scores.greys and value(scored(k, case, scores.greys)) or nil,
    typical = value(anomaly.typicality(s, usual(k, case, scores.nll))),
    ratio = behind and value(anomaly.ratio(s, scored(k, case, behind)))
      or nil }
end

function run.report(trials, page)
  page:heading "Results"
  page:text("AUROC and AUPRC of -log p (-ELBO for the VAE), prevalence: the "
    .. "AUPRC of a random score; Gaussian: the closed form's; found: "
    .. "anomalies above the cut that lets 5 % of normal pictures through; "
    .. "other scores' AUROC: shade of |mean grey - its usual value|, for "
    .. "which no model is needed, typical of |NLL - its usual value|, greys of "
    .. "the MAF's density of greys, not of their logits, rec of the VAE's "
    .. "reconstruction alone, ratio against a model of perturbed examples.")
  local columns = { "task", "model", { "auroc", "AUROC" },
    { "gauss", "Gaussian" }, { "auprc", "AUPRC" }, "prevalence",
    { "gauss_auprc", "Gaussian AUPRC" }, "found", "shade", "typical" }
  local rows = trials:by_setting()
  for _, name in ipairs { "greys", "rec", "ratio" } do
    if rows[name] then columns[#columns + 1] = name end
  end
  page:table(trials, columns)
  page:heading "Scores and pictures"
  page:text("Rows: normal pictures with the lowest scores and with the "
    .. "highest (false alarms); anomalies with the lowest (missed) and with "
    .. "the highest.")
  page:image_matrix { rows = "task", images = { "scores", "pictures",
    "ROC" } }
end

return run(...)
