--- A training loop's update, by itself or recorded together with the loss.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"
local recording = require "orrery.recording"

local minimizing = {}

--- The optimiser's step, if the loop has one; the norm when it clips.
function minimizing.update(self, loss)
  local optimizer = self.optimizers.main
  if optimizer and type(loss) == "userdata" and loss.requires_grad then
    local _, norm = optimizer:minimize(loss, { max_norm = self.opts.max_norm })
    return norm
  end
end

-- What a compiled step is given as its state: a number read from it would
-- stay what it was when the step was recorded. Knobs are arguments.
local unseen = { __index = function(_, name)
  blame("loop: a compiled step cannot read state.%s, which changes; leave "
    .. "compile out", tostring(name))
end }

--- Loss and update as one recorded step: fn(batch, knobs) -> loss, metrics,
--- norm. A loss that is not finite is given to report(loss), which raises,
--- before the update.
function minimizing.compiled(self, report)
  return orrery.compile(function(batch, knobs)
    local state = setmetatable({ knobs = knobs }, unseen)
    local loss, metrics = self.opts.step(batch, state)
    if options.is_tensor(loss) and loss:numel() == 1 then
      recording.check(loss, report)
    end
    return loss, metrics, minimizing.update(self, loss)
  end)
end

return minimizing
