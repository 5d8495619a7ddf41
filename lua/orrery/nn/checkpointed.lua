--- A module whose activations are computed again in backward.
local Module = require "orrery.nn.module"
local blame = require "orrery.blame"
local checkpoint = require("orrery.checkpoints").checkpoint
local options = require "orrery.options"

--- The body as it is, with less memory: see orrery.checkpoint.
---@class orrery.nn.Checkpoint: orrery.nn.Module
---@field body orrery.nn.Module
local Checkpoint = Module:subclass "Checkpoint"

---@param body orrery.nn.Module
function Checkpoint:init(body)
  if not Module.is_module(body) then
    blame("checkpoint: body is %s; give a module", options.shown(body))
  end
  self.body = body
end

function Checkpoint:forward(...) return checkpoint(self.body, ...) end

return { Checkpoint = Checkpoint }
