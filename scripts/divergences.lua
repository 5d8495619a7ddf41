--[[ What do KL, JS and Wasserstein tell of two laws that move apart?

Four examples, each a trial:

  lines      (0, U) and (theta, U) (Arjovsky, Chintala & Bottou 2017). Expect:
             KL is infinite and JS log 2 wherever theta is not 0, without any
             slope; W1 is |theta|. With noise on both, all have one.
  gaussians  N(0,1) and N(D,1). Expect: KL is D^2/2 and its slope D grows; JS
             ends at log 2 and its slope dies (2e-4 at D = 8); W1 is D.
  boxes      moving boxes along a line: every plan of the six costs 42, for all
             targets are to the right; of the two one costs 2, the other 6.
  players    a trained D and a critic between N(0,1) and N(gap,1). Expect: D's
             loss near 2 log 2 - 2 JS and no slope where the fakes are; the
             critic is nearly a line.

About 15 seconds on 2 cores:

  orrery scripts/divergences.lua
  orrery scripts/divergences.lua example=lines noise=0.05,0.2
  orrery scripts/divergences.lua example=players gap=2,4,8
]]
local orrery = require "orrery"
local dist, gan, ot, plot = orrery.dist, orrery.gan, orrery.ot, orrery.plot

local run = orrery.experiment {
  name = "divergences",
  knobs = {
    example = { { "lines", "gaussians", "boxes", "players" }, "which",
      one_of = { "lines", "gaussians", "boxes", "players" } },
    noise = { 0.2, "standard deviation on the lines, for the second picture",
      min = 1e-3 },
    gap = { 4.0, "distance of the players' laws", min = 0 },
    steps = { 1000, "of the players", min = 1 },
    points = { 200, "samples of each line", min = 2 },
  },
  quick = { steps = 30, points = 50 },
}

local f64 = { dtype = "float64" }
local function tensor(v) return orrery.tensor(v, f64) end

-- Values of a function of x by name, and their slopes.
local function with_slopes(x, functions)
  local values, slopes = {}, {}
  for name, value in pairs(functions(x:requires_grad_())) do
    values[name] = value:tolist()
    slopes[name] = orrery.grad(value:sum(), { x },
      { retain_graph = true })[1]:tolist()
  end
  return values, slopes
end

-- One line for each name; infinite values leave gaps.
local function curves(x, by_name, names, options)
  local series = {}
  for _, name in ipairs(names) do
    series[#series + 1] = { x = x:tolist(), y = by_name[name], name = name }
  end
  options.series = series
  return plot.line(options)
end

local function lines_exactly(k, log)
  local names = { "js", "tv", "w1" }
  for _, noise in ipairs { 0, k.noise } do
    local theta = orrery.linspace(-1, 1, 81, f64)
    local values, slopes = with_slopes(theta, function(x)
      return ot.parallel_lines(x, { noise = noise })
    end)
    local label = noise == 0 and "lines" or ("lines, noise %g"):format(noise)
    local shown = noise == 0 and names or { "kl", "js", "tv", "w1" }
    log:image(label, curves(theta, values, shown, { title = label,
      xlabel = "theta", ylabel = "nats, or distance", ymax = 2 }))
    log:image(label .. ", slopes", curves(theta, slopes, shown,
      { title = label .. ": slopes", xlabel = "theta" }))
  end
end

-- How points fall into 20 columns.
local function counted(points)
  local column = (points:select(2, 1) * 20):round():to "int64" + 1
  return dist.Categorical { probs = column:one_hot(21):sum(1)
    :to "float64" / points:size(1) }
end

-- The same from samples: W1 exactly, JS by counting in columns.
local function lines_sampled(k, log)
  local draw, rows = log:generator "points", {}
  local function points(theta)
    local u = orrery.rand({ k.points, 1 }, { generator = draw,
      dtype = "float64" })
    return orrery.cat({ orrery.full_like(u, theta), u }, 2)
  end
  for i, theta in ipairs { 0, 0.1, 0.3, 0.5, 1 } do
    local exact, p, q = ot.parallel_lines(theta), points(0), points(theta)
    rows[i] = { theta = theta, W1 = exact.w1:item(),
      ["W1 of samples"] = ot.distance(p, q):item(), JS = exact.js:item(),
      ["JS counted"] = dist.js(counted(p), counted(q)):item(),
      KL = exact.kl:item() }
  end
  log:table { title = "parallel lines", rows = rows, columns = { "theta", "W1",
    "W1 of samples", "JS", "JS counted", "KL" } }
  return rows
end

local examples = {}

function examples.lines(k, log)
  lines_exactly(k, log)
  return { what = "W1 of samples at theta 1",
    figure = lines_sampled(k, log)[5]["W1 of samples"], wanted = 1 }
end

-- The two laws, with what each distance says of them.
local function moving_apart()
  local frames = {}
  for d = 0, 8 do
    local p, q = dist.Normal(tensor(0), 1), dist.Normal(tensor(d), 1)
    local x, js = orrery.linspace(-4, 12, 161, f64), dist.js(p, q):item()
    frames[d + 1] = plot.line { xlabel = "x", ymin = 0, ymax = 0.42,
      title = ("D = %d: KL %.3g, JS %.3f, W1 %d"):format(d, d * d / 2, js, d),
      series = { { x = x, y = p:log_prob(x):exp(), name = "N(0,1)" },
        { x = x, y = q:log_prob(x):exp(), name = "N(D,1)" } } }
  end
  return plot.animation(frames, { delay = 0.6, hold = 1 })
end

function examples.gaussians(_, log)
  local d = orrery.linspace(0.05, 10, 200, f64)
  local values, slopes = with_slopes(d, function(x)
    local p, q = dist.Normal(x * 0, 1), dist.Normal(x, 1)
    return { KL = (dist.kl(p, q)), JS = (dist.js(p, q)), W1 = x * 1,
      TV = (dist.tv(p, q)) }
  end)
  local names = { "KL", "JS", "TV", "W1" }
  log:image("gaussians", curves(d, values, names, { xlabel = "D",
    title = "N(0,1) and N(D,1)", ymax = 10 }))
  log:image("moving apart", moving_apart())
  log:image("gaussians, slopes", curves(d, slopes, { "KL", "JS", "W1" },
    { xlabel = "D", log_y = true, title = "Slopes: that of JS vanishes" }))
  local rows = {}
  for i, at in ipairs { 1, 2, 4, 6, 8, 10 } do
    local v, s = with_slopes(tensor { at }, function(x)
      local p, q = dist.Normal(x * 0, 1), dist.Normal(x, 1)
      return { KL = (dist.kl(p, q)), JS = (dist.js(p, q)), W1 = x * 1 }
    end)
    rows[i] = { D = at, KL = v.KL[1], JS = v.JS[1], W1 = v.W1[1],
      ["KL'"] = s.KL[1], ["JS'"] = s.JS[1], ["W1'"] = s.W1[1] }
  end
  log:table { title = "N(0,1) and N(D,1)", rows = rows, columns = { "D", "KL",
    "JS", "W1", "KL'", "JS'", "W1'" } }
  return { what = "slope of JS at D = 2", figure = rows[2]["JS'"],
    wanted = 0.224799738 }
end

local function draw_plan(log, name, box, plan)
  log:image(name, plot.heatmap { z = plan, rows = box.x, columns = box.y,
    values = true, title = name, xlabel = "to", ylabel = "from" })
end

function examples.boxes(_, log)
  local costs
  for name, box in pairs(ot.boxes) do
    local cost = (tensor(box.x):unsqueeze(2) - tensor(box.y):unsqueeze(1)):abs()
    local rows = {}
    for plan in ot.couplings(box.a, box.b) do
      local lines = {}
      for i, row in ipairs(plan) do lines[i] = table.concat(row, " ") end
      rows[#rows + 1] = { plan = table.concat(lines, " / "),
        cost = (tensor(plan) * cost):sum():item() }
    end
    log:table { title = name .. " boxes: all plans", rows = rows,
      columns = { "plan", "cost" } }
    draw_plan(log, name .. " boxes: costs", box, cost:tolist())
    for i, plan in ipairs(box.plans) do
      draw_plan(log, ("%s boxes: plan %d"):format(name, i), box, plan)
    end
    if name == "six" then costs = ot.cost(cost, box.a, box.b):item() end
  end
  return { what = "least cost of the six boxes", figure = costs, wanted = 42 }
end

-- D by its loss and a critic by W1, on the same samples.
local function trained_players(k, log)
  local draw = log:generator "samples"
  local function pair(n)
    return orrery.randn({ n, 1 }, { generator = draw }) + k.gap,
      orrery.randn({ n, 1 }, { generator = draw })
  end
  local shape = { activation = "leaky_relu", hidden = { 64, 64 } }
  local D, loss = gan.mlp(1, 1, shape), gan.losses.non_saturating
  local opt = orrery.optim.Adam(D:parameters(), { lr = 1e-3 })
  local critic = ot.Critic { net = gan.mlp(1, 1, shape), steps = k.steps,
    generator = draw }
  local rate = gan.halfway(k.steps)
  for step = 1, k.steps do
    local real, fake = pair(256)
    opt.param_groups[1].lr = 1e-3 * rate(step - 1)
    orrery.tidy(function()
      opt:minimize(loss.discriminator(D(real), D(fake)))
    end)
    critic:step(real, fake)
    log:progress(step / k.steps, ("step %d/%d"):format(step, k.steps))
  end
  return D, critic, pair
end

function examples.players(k, log)
  local D, critic, pair = trained_players(k, log)
  local real, fake = pair(20000)
  local exact = 2 * math.log(2) - 2 * dist.js(dist.Normal(tensor(k.gap), 1),
    dist.Normal(tensor(0), 1)):item()
  local loss = orrery.no_grad(gan.losses.non_saturating.discriminator, D(real),
    D(fake)):item()
  local x = orrery.linspace(-4, k.gap + 4, 200):unsqueeze(2)
  local function values(f)
    return orrery.no_grad(f, x):reshape(-1):tolist()
  end
  local function slope(f)  -- at the fakes' middle
    local at = orrery.zeros(1, 1):requires_grad_()
    return orrery.grad(f(at):sum(), { at })[1]:item()
  end
  local function share(z) return D(z):sigmoid() end
  log:image("players", plot.line { title = "D says real, and the critic",
    xlabel = "x", series = {
      { x = x:reshape(-1):tolist(), y = values(share), name = "D" },
      { x = x:reshape(-1):tolist(), y = values(function(z)
        return (z * k.gap - k.gap ^ 2 / 2):sigmoid()
      end), name = "best D", dashed = true },
      { x = x:reshape(-1):tolist(), y = values(function(z)
        return critic.net(z) / k.gap
      end), name = "critic / gap" } } })
  local estimate, steep = critic:estimate(real, fake), critic:slope(real, fake)
  log:table { title = "players", columns = { "player", "value", "exact",
    "slope at the fakes" }, rows = {
      { player = "D", value = loss, exact = exact,
        ["slope at the fakes"] = slope(share) },
      { player = "critic", value = estimate / steep, exact = k.gap,
        ["slope at the fakes"] = slope(critic.net) } } }
  return { what = "D's loss", figure = loss, wanted = exact }
end

function run.trial(k, log) return examples[k.example](k, log) end

function run.report(trials, page)
  page:heading "Results"
  page:table(trials, { "example", "what", "figure", "wanted" })
end

return run(...)
