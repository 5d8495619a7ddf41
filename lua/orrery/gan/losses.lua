--- What the two players of a GAN minimise, as pairs of pure functions of D's
--- outputs: logits, or a critic's values, [B, 1].
---
---     local loss = gan.losses.non_saturating
---     loss.discriminator(D(real), D(fake))
---     loss.generator(D(fake), D(real))
---
--- A pair of one's own is a table with these two functions; `relative = true`
--- says that the generator's looks at D(real) too, `boundary` above which value
--- D says "real": 0, or false where single values mean nothing.
local losses = {}

---@class orrery.gan.Loss
---@field discriminator fun(real: orrery.Tensor, fake: orrery.Tensor):
---  orrery.Tensor
---@field generator fun(fake: orrery.Tensor, real?: orrery.Tensor):
---  orrery.Tensor
---@field relative? boolean  the generator's needs D(real)
---@field boundary? number|false  D's value between "real" and "fake"; 0

-- -log sigmoid(a), averaged.
local function sure(a) return (-a):softplus():mean() end

local function cross_entropy(real, fake) return sure(real) + sure(-fake) end

--- The game's own loss, log(1 - D) for the generator (Goodfellow et al. 2014,
--- eq. 1): its gradient vanishes while D is right.
losses.saturating = { discriminator = cross_entropy,
  generator = function(fake) return -sure(-fake) end }

--- -log D for the generator (Goodfellow et al. 2014, section 3).
losses.non_saturating = { discriminator = cross_entropy,
  generator = function(fake) return sure(fake) end }

--- Least squares to 1 and 0 (Mao et al. 2017, eq. 9, without their halves).
losses.lsgan = { boundary = 0.5,
  discriminator = function(real, fake)
    return ((real - 1) ^ 2):mean() + (fake ^ 2):mean()
  end,
  generator = function(fake) return ((fake - 1) ^ 2):mean() end,
}

--- Margins of 1 (Lim & Ye 2017; Miyato et al. 2018, eq. 16).
losses.hinge = {
  discriminator = function(real, fake)
    return (1 - real):relu():mean() + (fake + 1):relu():mean()
  end,
  generator = function(fake) return -fake:mean() end,
}

--- The critic's difference of means (Arjovsky et al. 2017): minus the
--- discriminator's loss is an estimate of the Wasserstein distance when the
--- critic is held to a slope of 1, by clipping or by a penalty.
losses.wgan = { boundary = false,
  discriminator = function(real, fake) return fake:mean() - real:mean() end,
  generator = function(fake) return -fake:mean() end,
}

--- Is this real one more real than that fake one, pair by pair
--- (Jolicoeur-Martineau 2019, eq. 2 and 3)?
losses.relativistic = { relative = true, boundary = false,
  discriminator = function(real, fake) return sure(real - fake) end,
  generator = function(fake, real) return sure(fake - real) end }

--- The same against the mean of the other side (ibid., eq. 6 and 7).
losses.relativistic_average = { relative = true, boundary = false,
  discriminator = function(real, fake)
    return sure(real - fake:mean()) + sure(real:mean() - fake)
  end,
  generator = function(fake, real)
    return sure(fake - real:mean()) + sure(fake:mean() - real)
  end }

return losses
