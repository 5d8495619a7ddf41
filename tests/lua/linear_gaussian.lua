--- The VAE of one number whose answers are known: p(x | z) = N(1.3 z + 0.2,
--- 0.7^2), z ~ N(0, 1), asked about x = 1.1, with q(z | x) = N(a x + b, sd^2).
local orrery = require "orrery"
local nn = orrery.nn

local known = { exact = 1.49438079 }  -- -log p(1.1): fact F062

-- A module without parameters.
local function module(forward)
  local class = nn.Module:subclass "Given"
  function class.init() end
  function class.forward(_, x) return forward(x) end
  return class()
end

--- The model; `more` are further options of vae.VAE.
function known.model(a, b, sd, more)
  local o = { latent = 1, likelihood = "gaussian", sigma = 0.7,
    encoder = module(function(x)
      return orrery.cat({ x * a + b, x * 0 + 2 * math.log(sd) }, 2)
    end),
    decoder = module(function(z) return z * 1.3 + 0.2 end) }
  for name, value in pairs(more or {}) do o[name] = value end
  return orrery.vae.VAE(o)
end

local precision = 1 + (1.3 / 0.7) ^ 2
--- Mean and standard deviation of p(z | x = 1.1).
known.mean, known.sd = 1.3 * 0.9 / 0.49 / precision, precision ^ -0.5

--- As many images of the one number 1.1, so that a mean over them is one over
--- draws of z.
known.n = 100000
function known.ones()
  return orrery.full({ known.n, 1 }, 1.1, { dtype = "float64" })
end

--- An objective's loss on them, and its terms.
function known.loss_of(model, objective, seed)
  return orrery.no_grad(function()
    return model:loss(known.ones(), { objective = objective,
      generator = orrery.Generator(seed or 1) })
  end)
end

return known
