--- A sweep without any training: OUT/sweep/report.html and a page per run.
local orrery = require "orrery"

local run = orrery.experiment {
  name = "sweep", step = "epoch",
  knobs = { beta = { { 1, 4 }, "weight" }, model = { { "mlp", "conv" }, "kind",
    one_of = { "mlp", "conv" } } },
}

function run.trial(k, log)
  local conv = k.model == "conv" and 10 or 0
  for epoch = 1, 3 do
    log:scalar("loss", epoch, 100 * k.beta / epoch + k.seed + conv)
    log:scalar("split/train", epoch, epoch)
    log:scalar("split/held-out", epoch, 2 * epoch)
    log:monitor(epoch, { kl_per_latent = { 1 / k.beta, 0 } })
    log:image("samples", orrery.rand(4, 1, 8, 8), { step = epoch })
  end
  log:image("last", orrery.rand(4, 1, 8, 8))
  if k.beta == 4 and k.model == "conv" and k.seed == 2 then
    error("the disk is full", 0)
  end
  log:table { title = "per class", rows = { { class = 1, n = 3 } } }
  return { rate = 10 / k.beta, distortion = 5 * k.beta + conv + k.seed,
    model_name = k.model }
end

run.write = function() end
run:main { "seed=1,2", "out=" .. ... }
