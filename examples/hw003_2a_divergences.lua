-- %% [markdown]
-- # 003-2a  Two divergences of two Gaussians
-- For $p = N(\mu_1, s_1^2)$ and $q = N(\mu_2, s_2^2)$:
--
-- $$ \mathrm{KL}(p \,\|\, q) = \log\frac{s_2}{s_1} +
-- \frac{s_1^2 + (\mu_1 - \mu_2)^2}{2 s_2^2} - \frac12, $$
--
-- $$ D_{CS} = -\log \frac{\int pq}{\sqrt{\int p^2 \int q^2}} =
-- \frac{(\mu_1 - \mu_2)^2}{2(s_1^2 + s_2^2)} +
-- \frac12 \log\frac{s_1^2 + s_2^2}{2 s_1 s_2}. $$
--
-- With equal variances $D_{CS} = (\mu_1 - \mu_2)^2 / 4s^2$, half of the KL. A
-- published answer has it with a minus sign, and takes that for the reason why
-- $D_{CS} \le \min(\mathrm{KL}(p \| q), \mathrm{KL}(q \| p))$. It is positive;
-- the inequality holds for all pairs of Gaussians on the line, and fails for
-- other laws, as the last part shows.

-- %%
local orrery = require "orrery"
local dist, plot, replay = orrery.dist, orrery.plot, orrery.replay
local set = replay.settings { cells = 81, quick = { cells = 21 } }
local double = { dtype = "float64" }
local function exact(x) return orrery.tensor(x, double) end
local function normal(mean, std) return dist.Normal(exact(mean), exact(std)) end

-- %% [markdown]
-- ## Closed forms against quadrature
-- The integrals are sums over 40,001 points, which for functions that fade to
-- nothing at both ends is exact to the last digits.

-- %% Four pairs
local x = orrery.linspace(-40, 40, 40001, double)
local function integral(y) return y:sum() * (80 / 40000) end

local function by_sums(p, q)
  local log_p, log_q = p:log_prob(x), q:log_prob(x)
  local p_x, q_x = log_p:exp(), log_q:exp()
  local overlap = integral(p_x * q_x)
  return integral(p_x * (log_p - log_q)),
    ((integral(p_x ^ 2) * integral(q_x ^ 2)):log() / 2 - overlap:log()), overlap
end

local tolerance = { abs = 1e-6 }
local function compare(name, p, q, kl, cs)
  local sum_kl, sum_cs = by_sums(p, q)
  replay.check("KL " .. name, dist.kl(p, q), kl, tolerance)
  replay.check("KL " .. name .. ", by sums", sum_kl, kl, tolerance)
  replay.check("CS " .. name, dist.cauchy_schwarz(p, q), cs, tolerance)
  replay.check("CS " .. name .. ", by sums", sum_cs, cs, tolerance)
end

local wide, far = normal(0, 2), normal(3, 2)
compare("N(0, 1), N(1, 1)", normal(0, 1), normal(1, 1), 0.5, 0.25)
compare("N(0, 4), N(3, 4)", wide, far, 1.125, 0.5625)
compare("N(1, 1/4), N(-1, 4)", normal(1, 0.5), normal(-1, 2), 1.41754436,
  0.847474136)
compare("N(-1, 4), N(1, 1/4)", normal(-1, 2), normal(1, 0.5), 14.1137056,
  0.847474136)
replay.check("overlap of N(0, 4), N(3, 4)", select(3, by_sums(wide, far)),
  0.0803663836, tolerance)

-- %% [markdown]
-- ## Never above the smaller KL
-- The gap $\min(\mathrm{KL}(p \| q), \mathrm{KL}(q \| p)) - D_{CS}$ over the
-- distance of the means and the ratio of the standard deviations: it is zero
-- where the two laws are the same, and nowhere negative.

-- %% The gap
local distance = orrery.linspace(-3, 3, set.cells, double):unsqueeze(1)
local ratio = orrery.linspace(-2, 2, set.cells, double):unsqueeze(2)
local p = dist.Normal(distance + ratio * 0, (ratio + distance * 0):exp())
local q = normal(0, 1)
local smaller = dist.kl(p, q):minimum((dist.kl(q, p)))
local gap = smaller - dist.cauchy_schwarz(p, q)
replay.check("least gap", gap:min(), -1e-12, { relation = ">=" })
replay.check("gap of a law and itself", gap[(set.cells + 1) // 2]
  [(set.cells + 1) // 2], 0, { abs = 1e-12 })
plot.heatmap { z = (gap + 1e-3):log10(), x = distance:reshape(-1),
  y = ratio:reshape(-1), title = "smaller KL - CS, as log10(0.001 + gap)",
  xlabel = "distance of the means", ylabel = "log of the ratio of sds" }

-- %% [markdown]
-- ## Two spikes
-- On $[0, 1]$ two narrow spikes of width $w$ stand on a broad common part;
-- their masses are $\varepsilon$ and $\varepsilon^2$, and $p$ and $q$ have them
-- the other way round. Then $\mathrm{KL} = (\varepsilon - \varepsilon^2)
-- \log\frac1\varepsilon$ as $w \to 0$, while $D_{CS}$ goes to $\log\frac{1 +
-- \varepsilon^2}{2\varepsilon}$: now it is the larger one.

-- %% Against epsilon
local width = 1e-4
local eps = orrery.linspace(0.01, 0.4, 40, double)

local function spikes_kl(e) return (e - e ^ 2) * -e:log() end

local function spikes_cs(e)
  local broad = (1 - e - e ^ 2) ^ 2
  return ((broad + (e ^ 2 + e ^ 4) / width) / (broad + 2 * e ^ 3 / width)):log()
end

replay.check("KL of the spikes, epsilon 0.1", spikes_kl(exact(0.1)),
  0.207232658, tolerance)
replay.check("CS of the spikes, epsilon 0.1", spikes_cs(exact(0.1)),
  1.58835939, tolerance)
plot.line { xlabel = "epsilon", ylabel = "nats", series = {
  { x = eps, y = spikes_cs(eps), name = "Cauchy-Schwarz" },
  { x = eps, y = spikes_kl(eps), name = "KL, both ways" } } }
