--- What a generator covers of a law whose modes are known: modes found, the
--- share of good samples, divergences over modes, coverage of mass.
local orrery = require "orrery"
local blame = require "orrery.blame"
local checks = require "orrery.metrics.checks"
local options = require "orrery.options"

local modes = {}

-- log K - H(counts / n): KL to the uniform law; nan of nothing at all.
local function kl_uniform(counts)
  local n, nats = 0, 0.0
  for _, c in ipairs(counts) do n = n + c end
  for _, c in ipairs(counts) do
    if c > 0 then nats = nats + c / n * math.log(c / n * #counts) end
  end
  return n > 0 and nats or 0 / 0
end

local function at_least(counts, least)
  local found = 0
  for _, c in ipairs(counts) do if c >= least then found = found + 1 end end
  return found
end

---@class orrery.metrics.Modes
---@field modes integer  with at least one sample of high quality
---@field modes20 integer  with at least twenty
---@field of integer  modes that there are
---@field quality number  share of samples of high quality, 0 to 1
---@field kl number  KL(samples of high quality over modes || uniform), nats;
---  nan when there are none
---@field kl_all number  the same over all samples, each given to its nearest
---  mode: defined also while no sample is good; at most log(of)
---@field counts integer[]  samples of high quality of each mode
---@field n integer  samples
---@field nearest orrery.Tensor  int64 [N], the mode nearest to each sample

--- Modes captured and the share of samples of high quality (Srivastava et al.
--- 2017): those strictly within three standard deviations of the nearest mode.
--- A perfect sampler of round Gaussians in the plane scores 1 - exp(-9 / 2) =
--- 98.89 %.
---
---     local m = metrics.modes(ring:sample(2500), ring)
---     print(m.modes, m.modes20, m.quality, m.kl, m.kl_all)
---
---@param samples orrery.Tensor  [N, D]
---@param law orrery.data.Law|table  its `centers` [K, D] and `radius`
---@return orrery.metrics.Modes
function modes.modes(samples, law)
  local who = "modes"
  local x = checks.codes(who, samples)
  if type(law) ~= "table" or not law.centers or not law.radius then
    blame("%s: law is %s; give one that has modes, as data.known.ring {}, or "
      .. "{ centers =, radius = }", who, options.is_tensor(law)
        and options.shown(law) or tostring(law))
  end
  options.tensor(who, "centers", law.centers, "float")
  options.number(who, "radius", law.radius)
  local centers = law.centers:to "float64"
  if centers:dim() ~= 2 or centers:size(2) ~= x:size(2) then
    blame("%s: samples are %s but the centres %s; match their second axes",
      who, samples:shape_str(), centers:shape_str())
  end
  return orrery.no_grad(function()
    local far, index = x:cdist(centers):min(2)
    local k, good = centers:size(1), far:lt(law.radius)
    local function count(labels)
      return labels:bincount { minlength = k }:tolist()
    end
    local counts, all = count(index:masked_select(good)), count(index)
    return { modes = at_least(counts, 1), modes20 = at_least(counts, 20),
      of = k, n = x:size(1), quality = good:double():mean():item(),
      kl = kl_uniform(counts), kl_all = kl_uniform(all), counts = counts,
      nearest = index }
  end)
end

--- Classes that a classifier finds in generated samples, and the divergence
--- of their shares from equal ones: stacked digits (Metz et al. 2017).
---@param labels orrery.Tensor  int64 [N], from 1
---@param classes integer  how many there are
---@return { modes: integer, kl: number, floor: number, n: integer }  nats;
---  `floor` is what a perfect sampler gets on average, see kl_floor
function modes.class_modes(labels, classes)
  options.tensor("class_modes", "labels", labels)
  options.count("class_modes", "classes", classes)
  local n = labels:numel()
  local counts = labels:long():reshape(-1):bincount { minlength = classes }
    :tolist()
  if #counts > classes then
    blame("class_modes: labels hold %d but there are %d classes", #counts,
      classes)
  end
  return { modes = at_least(counts, 1), kl = kl_uniform(counts), n = n,
    floor = modes.kl_floor(classes, n) }
end

--- What KL(histogram || uniform) is on average for a perfect sampler, to first
--- order: (K - 1) / 2n (Miller 1955). 1,000 classes and 26,000 samples: 0.0192.
---@param classes integer
---@param n integer  samples
---@return number nats
function modes.kl_floor(classes, n)
  options.count("kl_floor", "classes", classes)
  options.count("kl_floor", "n", n)
  return (classes - 1) / (2 * n)
end

--- The share of samples of high quality under a law whose density is known
--- but that has no modes: where the density is above the level that 98.89 % of
--- the law's own draws exceed, as round modes have it in the plane.
---@param samples orrery.Tensor  [N, D]
---@param law orrery.data.Law
---@param opts? { draws?: integer, generator?: orrery.Generator }  of the law,
---  to find the level: 4,000, from a stream of their own
---@return number share  0 to 1
function modes.typical(samples, law, opts)
  local x = checks.codes("typical", samples)
  if type(law) ~= "table" or not (law.log_prob and law.sample) then
    blame("typical: the law is %s; give one of orrery.data.known, or a "
      .. "distribution", options.shown(law))
  end
  local o = options.take("typical", opts, { draws = 4000 }, { "generator" })
  return orrery.no_grad(function()
    local own = law:log_prob(law:sample(o.draws, { dtype = "float64",
      generator = o.generator or orrery.Generator(1) }))
    local level = own:quantile(math.exp(-4.5)):item()
    return law:log_prob(x):ge(level):double():mean():item()
  end)
end

-- Log-density of a sum of Gaussians round the samples, but for a constant.
local function kernel(square, width, dim)
  return (square * (-0.5 / width ^ 2)):logsumexp { axis = 2 }
    - dim * math.log(width)
end

--- The share of the data's mass that the model reaches (Tolstikhin et al.
--- 2017, section 4): of the data where the model's density is above the level
--- that `share` of the model's own samples exceed. The density is a Gaussian
--- kernel's, its width the best of twelve by leaving one out.
---@param samples orrery.Tensor  [N, D], of the model; about 1,000
---@param data orrery.Tensor  [M, D]
---@param opts? { share?: number }  0.95
---@return number coverage  0 to 1
---@return number width  of the kernel
function modes.mass_coverage(samples, data, opts)
  local who = "mass_coverage"
  local o = options.take(who, opts, { share = 0.95 })
  options.number(who, "share", o.share,
    function(v) return v > 0 and v < 1 end, "a number in (0, 1)")
  local x, y = checks.codes(who, samples), checks.codes(who, data)
  if x:size(2) ~= y:size(2) or x:size(1) < 2 then
    blame("%s: samples are %s, data are %s; give [N, D], [M, D]", who,
      samples:shape_str(), data:shape_str())
  end
  return orrery.no_grad(function()
    local n, dim = x:size(1), x:size(2)
    local own = x:cdist(x) ^ 2 + orrery.eye(n, { dtype = "float64" }) * 1e300
    local spread = math.sqrt(x:var(1):mean():item())
    local best, width, density = -math.huge, nil, nil
    for i = 0, 11 do
      local h = math.max(spread, 1e-12) * 2 ^ (-i * 0.75)
      local lp = kernel(own, h, dim)
      local mean = lp:mean():item()
      if not width or mean > best then
        best, width, density = mean, h, lp
      end
    end
    local level = density:quantile(1 - o.share):item()
    local at = kernel(y:cdist(x) ^ 2, width, dim)
    return at:gt(level):double():mean():item(), width
  end)
end

return modes
