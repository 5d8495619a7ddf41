-- %% [markdown]
-- # 002-1  The linear baseline: principal components
-- Of all planes the one through the mean along the leading eigenvectors of the
-- covariance loses least of the squared error (Pearson 1901): what is lost is
-- the sum of the other eigenvalues, $\sum_{i > k} \lambda_i$. A linear
-- autoencoder $x \mapsto B A x$ cannot do better, since $BA$ has rank $k$, and
-- does as well when trained: it finds the same plane, though with any axes
-- within it. What is won by layers that are not linear, and what the KL term
-- costs, can then be read off: an autoencoder is the VAE with weight 0.

-- %%
local orrery = require "orrery"
local data, metrics, nn = orrery.data, orrery.metrics, orrery.nn
local optim, plot, replay = orrery.optim, orrery.plot, orrery.replay
local vae = orrery.vae
local set = replay.settings {
  steps = 3000, hidden = 200, held = 2000, images = 8000,
  quick = { steps = 150, hidden = 64, held = 300, images = 1000 },
}
local double = { dtype = "float64" }

-- net trained on what loss_of(net, x) gives of each batch.
local function trained(net, images, loss_of, rate, batch)
  local opt = optim.Adam(net, { lr = rate })
  local rates = optim.CosineAnnealingLR(opt, { T_max = set.steps })
  for _, x in images:steps(set.steps, batch, { shuffle = true, seed = 0 }) do
    opt:minimize(loss_of(net, x:flatten(2)))
    rates:step()
  end
  return net
end

local function squared(net, x) return ((net(x) - x) ^ 2):sum(2):mean() end

-- x -> B A x + b, A to k numbers.
local function linear(features, k, dtype)
  return nn.Sequential { nn.Linear(features, k, { dtype = dtype }),
    nn.Linear(k, features, { dtype = dtype }) }
end

-- %% [markdown]
-- ## Four directions
-- A sample whose covariance has the eigenvalues 4, 1.5, 0.6 and 0.2 exactly: in
-- two dimensions 0.8 is lost.

-- %% Eigenvalues 4, 1.5, 0.6, 0.2
local raw = orrery.randn(600, 4, double)
local centred = raw - raw:mean(1)
local _, _, axes = orrery.svd(centred)
local white = centred:matmul(axes:transpose(1, 2))
white = white / white:std(1, { correction = 0 })
local turn = orrery.svd(orrery.randn(4, 4, double))
local four = (white * orrery.tensor({ 4, 1.5, 0.6, 0.2 }, double):sqrt())
  :matmul(turn)
replay.check("two principal components lose", metrics.pca(four, 2):error(four),
  0.8, { abs = 1e-6 })
local small = linear(4, 2, "float64")
for _, rate in ipairs { 0.03, 0.003 } do
  local opt = optim.Adam(small, { lr = rate })
  for _ = 1, 500 do opt:minimize(squared(small, four)) end
end
replay.check("the linear autoencoder loses", squared(small, four), 0.8,
  { rel = 0.01 })

-- %% [markdown]
-- ## Digits in two dimensions
-- Three autoencoders beside the two components: linear; with a hidden layer of
-- 200 on either side; and the last again as a VAE, the squared error's weight
-- that of a Gaussian of $\sigma^2 = 0.05$ a pixel. In two dimensions the KL
-- term costs next to nothing of the squared error: what the codes cannot hold
-- is far more.

-- %% Training
local digits = assert(data.mnist {})
local images = digits.train:subset(1, set.images)
local learned = images:everything():flatten(2)
local held, labels = digits.test:subset(1, set.held):everything()
local flat = held:flatten(2)

local pca = metrics.pca(learned, 2)
local plain = trained(linear(784, 2), images, squared, 1e-2, 400)

local function network(beta)
  orrery.manual_seed(1)
  return trained(vae.mlp { latent = 2, hidden = set.hidden,
    likelihood = "gaussian", sigma = math.sqrt(0.05) }, images,
    function(net, x) return (net:loss(x, { beta = beta })) end, 3e-3, 100)
end
local auto, variational = network(0), network(1)

-- %% What is lost, and what a code tells of the class
local function no_grad(fn, ...)
  local given = { ... }
  return orrery.no_grad(function() return fn(table.unpack(given)) end)
end
local models = { "components", "linear", "autoencoder", "VAE" }
local codes = { pca:encode(flat):float(), no_grad(plain[1], flat),
  no_grad(auto.encode, auto, flat), no_grad(variational.encode, variational,
    flat) }
local function back_of(x)
  return { pca:decode(pca:encode(x)):float(), no_grad(plain, x),
    no_grad(auto.reconstruct, auto, x),
    no_grad(variational.reconstruct, variational, x) }
end
local back, of_learned = back_of(flat), back_of(learned)
local function error_of(x, y) return ((y - x) ^ 2):sum(2):mean():item() end
local half = set.held // 2
local lost, known, knows = {}, {}, {}
for i, name in ipairs(models) do
  local c = codes[i]
  lost[name] = error_of(flat, back[i])
  known[name] = error_of(learned, of_learned[i])
  knows[name] = metrics.knn_accuracy(c:narrow(1, 1, half),
    labels:narrow(1, 1, half), c:narrow(1, half + 1, half),
    labels:narrow(1, half + 1, half))
  print(("%-12s squared error %.2f, of images learned %.2f; neighbours name "
    .. "the class %.3f"):format(name, lost[name], known[name], knows[name]))
end
replay.check("on the images learned: linear, of the components",
  known.linear / known.components, 1,
  { rel = 0.01, quick = { relation = "<", wanted = 4 } })
replay.check("components: lost on the images learned", known.components,
  pca.variances:narrow(1, 3, 782):sum(), { rel = 1e-6 })
local less = { relation = "<", quick = { wanted = 60 } }
replay.check("squared error, autoencoder below components", lost.autoencoder,
  lost.components, less)
replay.check("squared error, VAE below components", lost.VAE, lost.components,
  less)
replay.check("images learned: VAE, of the autoencoder", known.VAE
  / known.autoencoder, 1.05, { relation = "<" })
local more = { relation = ">", quick = { wanted = 0.15 } }
replay.check("neighbours, VAE above components", knows.VAE, knows.components,
  more)

-- %% The plane of each
local sheet = { columns = 3 }
for i, name in ipairs(models) do
  if name ~= "linear" then
    sheet[#sheet + 1] = plot.scatter { codes[i], class = labels,
      classes = digits.classes, title = name, square = true }
  end
end
plot.grid(sheet)

-- %% [markdown]
-- From above: the images, and what comes back of the components, the linear
-- autoencoder, the other one, and the VAE.

-- %% What comes back
local rows = { flat:narrow(1, 1, 16) }
for i = 1, #models do rows[i + 1] = back[i]:narrow(1, 1, 16) end
plot.grid(orrery.cat(rows, 1):clamp { min = 0, max = 1 }
  :reshape(-1, 1, 28, 28), { columns = 16, scale = 2 })

-- %% [markdown]
-- ## Groups without labels
-- Ten groups of codes by k-means, against the ten digits: the adjusted Rand
-- index counts pairs that are together in both, less what chance gives; 1 is
-- the same division, 0 none better than chance.

-- %% k-means and the adjusted Rand index
local function groups(x, k)
  local centres, group = x:narrow(1, 1, k)
  for _ = 1, 40 do
    group = x:cdist(centres):argmin { axis = 2 }
    local members = nn.functional.one_hot(group, k):float():transpose(1, 2)
    centres = members:matmul(x)
      / members:sum { axis = 2, keepdim = true }:clamp { min = 1 }
  end
  return group
end
local function pairs_in(counts)
  return (counts * (counts - 1) / 2):sum():item()
end
local function rand_index(a, b, k)
  local table_ = nn.functional.one_hot(a, k):double():transpose(1, 2)
    :matmul(nn.functional.one_hot(b, k):double())
  local n = a:size(1)
  local of_a, of_b = pairs_in(table_:sum(2)), pairs_in(table_:sum(1))
  local chance = of_a * of_b / (n * (n - 1) / 2)
  return (pairs_in(table_) - chance) / ((of_a + of_b) / 2 - chance)
end
local shuffled = labels:index_select(1, orrery.randperm(labels:size(1)))
replay.check("labels with themselves", rand_index(labels, labels, 10), 1,
  { abs = 1e-12 })
replay.check("labels at random", rand_index(labels, shuffled, 10), 0,
  { abs = 0.01, quick = { abs = 0.05 } })
local found = {}
for i, name in ipairs(models) do
  found[name] = rand_index(groups(codes[i], 10), labels, 10)
  print(("%-12s adjusted Rand index %.3f"):format(name, found[name]))
end
replay.check("groups of the VAE's codes, more than chance", found.VAE, 0.15,
  { relation = ">", quick = { wanted = 0.05 } })
