-- %% [markdown]
-- # 003-4b  Style, colour, sharpness: what each loss asks for
-- Three uses of networks that turn one image into another: a photograph in the
-- manner of a painter, a grey photograph in colour, a small image made large.
-- They serve art, the restoring of old pictures, cameras and medicine. Each
-- rests on one observation about its loss, checked here where the best answer
-- is known, without training.

-- %%
local orrery = require "orrery"
local data, metrics, plot = orrery.data, orrery.metrics, orrery.plot
local optim, replay = orrery.optim, orrery.replay
local F = orrery.nn.functional
local set = replay.settings {
  steps = 400, fields = 500, filters = 32,
  quick = { steps = 60, fields = 60, filters = 8 },
}
local double = { dtype = "float64" }

-- %% [markdown]
-- ## Style is what is left when places are forgotten
-- The features of a layer are a matrix $\Phi$, $C$ channels by $N$ places. The
-- Gram matrix $G = \Phi \Phi^\top / N$ says which features come together, not
-- where: any permutation $P$ of the places leaves it, $\Phi P P^\top
-- \Phi^\top = \Phi \Phi^\top$ (Gatys et al. 2015). So an image that has the
-- content $\Phi_c$ and the style $G_s$ is sought by gradient descent on its
-- pixels, on
--
-- $$ \lVert \Phi - \Phi_c \rVert^2 + w\, \lVert G - G_s \rVert^2, \qquad
-- \frac{\partial \lVert G - G_s \rVert^2}{\partial \Phi} = \frac4N
-- (G - G_s) \Phi. $$

-- %% The Gram matrix
local function gram(f) return f:matmul(f:transpose(1, 2)) / f:size(2) end
local phi = orrery.randn(6, 50, double):requires_grad_()
local wanted = gram(orrery.randn(6, 50, double))
replay.check("places permuted: Gram matrix moved by",
  (gram(phi:index_select(2, orrery.randperm(50))) - gram(phi)):abs():max(), 0,
  { abs = 1e-12 })
local slope = orrery.grad(((gram(phi) - wanted) ^ 2):sum(), { phi })[1]
replay.check("gradient against 4 (G - G') F / N",
  (slope - (gram(phi) - wanted):matmul(phi) * 4 / 50):abs():max(), 0,
  { abs = 1e-12 })

-- %% A digit in stripes
local digits = assert(data.mnist {})
local content = F.interpolate(digits.test:subset(3, 3):everything(),
  { size = 32, mode = "bilinear" })
local at = orrery.range(1, 32, { dtype = "float32" })
local stripes = ((at:unsqueeze(1) + at:unsqueeze(2)) * (math.pi / 3)):sin()
  :reshape(1, 1, 32, 32) * 0.5 + 0.5
local filters = orrery.randn(set.filters, 1, 5, 5) / 5
local function features(x)
  local y = F.conv2d(x - 0.5, filters, nil, { padding = 2 }):relu()
  return y:reshape(set.filters, -1)
end
local target, style = features(content), gram(features(stripes))
local picture = content:clone():requires_grad_()
local opt = optim.Adam({ picture }, { lr = 0.02 })
local function losses()
  local f = features(picture)
  return ((gram(f) - style) ^ 2):sum(), ((f - target) ^ 2):mean()
end
local before, spread = losses():item(), target:var():item()
for _ = 1, set.steps do
  local off_style, off_content = losses()
  opt:minimize(off_style / before + off_content / spread * 0.2)
end
local function correlation(a, b)
  a, b = a - a:mean(), b - b:mean()
  return (a * b):sum() / (a:norm() * b:norm())
end
replay.check("style loss, of that of the digit itself", losses() / before, 0.1,
  { relation = "<=" })
replay.check("correlation of the features with the content's", correlation(
  features(picture:detach()), target), 0.5, { relation = ">=" })
plot.grid(orrery.cat({ content, stripes, picture:detach():clamp(0, 1) }, 1),
  { columns = 3, scale = 4 })

-- %% [markdown]
-- ## The square greys out
-- Where a grey pixel was red with probability $p$ and green with $1 - p$, of
-- chroma $\pm c$, the squared error's best answer is the mean $(2p - 1)c$, at
-- $p = \frac12$ no colour at all; the absolute error's is the median, the
-- commoner of the two. A discriminator that has seen the truth accepts neither
-- as a whole: only a law that draws both, each with its chroma $c$.

-- %% Mean, median, draw
local chroma = orrery.linspace(-1, 1, 2001, double)
local best = { squared = {}, absolute = {}, drawn = {} }
local shares = orrery.linspace(0, 1, 21, double):tolist()
for i, p in ipairs(shares) do
  local function least(loss)
    local risk = loss(chroma - 1) * p + loss(chroma + 1) * (1 - p)
    return math.abs(chroma[risk:argmin():item()]:item())
  end
  best.squared[i] = least(function(d) return d ^ 2 end)
  best.absolute[i] = least(function(d) return d:abs() end)
  best.drawn[i] = 1
end
replay.check("chroma of the squared error's best, p = 0.6",
  best.squared[13], 0.2, { abs = 1e-9 })
replay.check("of the absolute error's", best.absolute[13], 1, { abs = 1e-9 })
replay.check("of a draw, over the squared error's", 1 / best.squared[13], 1.3,
  { relation = ">=" })
plot.line { xlabel = "p", ylabel = "chroma of the answer", series = {
  { x = shares, y = best.squared, name = "squared error" },
  { x = shares, y = best.absolute, name = "absolute error" },
  { x = shares, y = best.drawn, name = "a draw", dashed = true } } }

-- %% [markdown]
-- ## The best guess is blurred, the sharp one is wrong
-- Let $x$ be a Gaussian image of known covariance $\Sigma$ and $y = Ax$ the
-- means of its $4 \times 4$ blocks. The squared error's best is the mean
-- $\mathbb E[x \mid y] = \Sigma A^\top (A \Sigma A^\top)^{-1} y$, with the
-- error $\mathrm{Tr}\, \Sigma_{x \mid y}$. A draw of $p(x \mid y)$, which a
-- perfect adversarial network would make, is off by its own spread as well: by
-- exactly twice that, $10 \log_{10} 2 = 3.01$ decibels less, and as sharp as
-- the truth.

-- %% Fields of 16 x 16, from 4 x 4
local side, small = 16, 4
local places = orrery.range(0, side * side - 1, double)
local row, column = (places / side):floor(), places:remainder(side)
local function gaps(v) return (v:unsqueeze(2) - v:unsqueeze(1)) ^ 2 end
local far = (gaps(row) + gaps(column)):sqrt()
local covariance = (far / -6):exp()
local block = (row / small):floor() * small + (column / small):floor()
local A = block:unsqueeze(1):eq(orrery.range(0, small * small - 1, double)
  :unsqueeze(2)):double() / (small * small)
local seen = covariance:matmul(A:transpose(1, 2))
local gain = orrery.solve(A:matmul(seen), seen:transpose(1, 2))
local left = covariance - seen:matmul(gain)
local root = covariance:cholesky()
local x = orrery.randn(set.fields, side * side, double)
  :matmul(root:transpose(1, 2))
local y = x:matmul(A:transpose(1, 2))
local mean = y:matmul(gain)
-- A draw of the posterior: one of the prior, moved to agree with y.
local other = orrery.randn(set.fields, side * side, double)
  :matmul(root:transpose(1, 2))
local draw = mean + other - other:matmul(A:transpose(1, 2)):matmul(gain)
local function images(v) return v:reshape(-1, 1, side, side) end
local bicubic = F.interpolate(y:reshape(-1, 1, small, small),
  { size = side, mode = "bicubic" }):reshape(-1, side * side)

local function error_of(guess)
  return ((guess - x) ^ 2):sum(2):mean():item()
end
local per_field = ((mean - x) ^ 2):sum(2)
replay.check("error of the mean is the trace of what is left", per_field:mean(),
  left:diagonal():sum(), { abs = 4 * per_field:std():item()
    / math.sqrt(set.fields) })
replay.check("a draw's error, of the mean's", error_of(draw) / error_of(mean),
  2, { rel = 0.02, quick = { rel = 0.1 } })
replay.check("both give back what was seen", (draw:matmul(A:transpose(1, 2))
  - y):abs():max(), 0, { abs = 1e-9 })
local rows, kept = {}, { ["the mean"] = mean, ["a draw"] = draw,
  ["bicubic"] = bicubic }
local quality = {}
for _, name in ipairs { "bicubic", "the mean", "a draw" } do
  local guess = kept[name]
  quality[name] = { psnr = -10 * math.log(error_of(guess) / side ^ 2, 10),
    sharp = metrics.sharpness(images(guess), images(x)) }
  print(("%-9s %6.2f dB, sharpness %.3f"):format(name, quality[name].psnr,
    quality[name].sharp))
end
replay.check("decibels, mean over bicubic", quality["the mean"].psnr,
  quality.bicubic.psnr, { relation = ">" })
replay.check("decibels, mean less draw", quality["the mean"].psnr
  - quality["a draw"].psnr, 3.0103, { abs = 0.1, quick = { abs = 0.5 } })
replay.check("sharpness of a draw", quality["a draw"].sharp, 1,
  { abs = 0.03, quick = { abs = 0.1 } })
replay.check("of the mean", quality["the mean"].sharp, 0.2,
  { relation = "<" })
for i, guess in ipairs { x, bicubic, mean, draw } do
  rows[i] = images(guess):narrow(1, 1, 8)
end
orrery.show(plot.grid((orrery.cat(rows, 1) / 5 + 0.5):clamp(0, 1):float(),
  { columns = 8, scale = 3 }))

-- %% [markdown]
-- From above: the truth, bicubic, the mean, a draw. A network that enlarges by
-- $r$ often ends in a convolution with $r^2$ channels whose pixels are laid out
-- as a square (Shi et al. 2016): with kernel $r$ and stride $r$ that is the
-- transposed convolution.

-- %% Pixels shuffled
local deep = orrery.randn(2, 3, 5, 5, double)
local weight = orrery.randn(3, 1, 4, 4, double)
local by_channels = weight:reshape(3, 16):transpose(1, 2):reshape(16, 3, 1, 1)
replay.check("sub-pixel shuffle and transposed convolution differ by",
  (orrery.pixel_shuffle(F.conv2d(deep, by_channels), 4)
    - F.conv_transpose2d(deep, weight, nil, { stride = 4 })):abs():max(), 0,
  { abs = 1e-10 })
