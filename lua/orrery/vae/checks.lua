--- What functions of the VAE laboratory are given: a model, images.
local blame = require "orrery.blame"
local options = require "orrery.options"

local checks = {}

--- Raises unless `model` is one of the laboratory's.
---@param who string
---@param model any
function checks.model(who, model)
  if type(model) ~= "table" or not model.noise then
    blame("%s: the model is %s; give a VAE, such as vae.mlp {}", who,
      options.shown(model))
  end
end

--- Raises unless x is a batch of images.
---@param who string
---@param x any
function checks.images(who, x)
  options.tensor(who, "images", x, "float")
  if x:dim() < 2 or x:size(1) == 0 then
    blame("%s: images are %s; give [N, ...] with one or more", who,
      x:shape_str())
  end
end

return checks
