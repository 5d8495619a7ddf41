--- Guides: a page each on tensors, gradients, training ... as Markdown files
--- in the folder guides. `orrery help NAME` and `?NAME` print them; they open
--- the reference page.
local core = require "orrery.core"
local guides = {}

local folder = debug.getinfo(1, "S").source:match "^@(.*)%.lua$"

-- In the order in which one meets them.
local order = { "tensors", "indexing", "gradients", "models", "training",
  "datasets", "games", "styles", "translation", "flows", "measuring", "speed",
  "randomness", "pictures", "files", "experiments", "replays", "prompt",
  "errors", "pytorch", "lua" }

local about = {
  tensors = "arrays of numbers: making them, types, arithmetic",
  indexing = "rows, ranges, masks; reading and writing them",
  gradients = "backward, grad, gradients of gradients, Jacobians",
  models = "layers, modules of one's own, parameters",
  training = "a loop by hand, train.loop, checkpoints, resume",
  datasets = "what comes with Orrery; folders, pairs, zip files of pictures",
  games = "GANs: one engine and its parts, remedies against collapse",
  styles = "StyleGAN: styles, mixing, noise, edits along directions",
  translation = "CycleGAN without pairs, pix2pix with them; their nets",
  flows = "densities by invertible maps: MAF, IAF, fast sampling",
  measuring = "how far generated images are from real ones: FID and its like",
  speed = "recorded steps, threads, measuring",
  randomness = "seeds, generators, the same bits again",
  pictures = "charts, images, films; in the terminal and in files",
  files = "weights, arrays, images: saving and loading",
  experiments = "scripts with knobs, sweeps, the store of runs",
  replays = "files in cells that become pages and notebooks",
  prompt = "keys, help and commands",
  errors = "what a message says, and where from",
  pytorch = "the same things under both names",
  lua = "the language in a page",
}

--- Names of the guides, in the order in which one meets them.
---@return string[]
function guides.names() return { table.unpack(order) } end

--- A guide as Markdown.
---@param name string
---@return string? text  nil when there is no such guide
function guides.markdown(name)
  if not name:find "^%l+$" then return nil end
  return (core._io.read_file("guide", ("%s/%s.md"):format(folder, name)))
end

--- What a guide is about, in a few words.
---@param name string
---@return string?
function guides.about(name) return about[name] end

--- A guide's heading.
---@param name string
---@return string?
function guides.title(name)
  local text = guides.markdown(name)
  return text and text:match "^# ([^\n]*)"
end

--- A guide as the terminal shows it: code indented instead of fenced.
---@param name string
---@return string?
function guides.text(name)
  local text = guides.markdown(name)
  if not text then return nil end
  local out, code = {}, false
  for line in text:gsub("\n$", ""):gmatch "([^\n]*)\n?" do
    if line:find "^```" then
      code = not code
    elseif code then
      out[#out + 1] = ("    " .. line):gsub("%s+$", "")
    else
      out[#out + 1] = line:gsub("^#+ ", "")
    end
  end
  if out[#out] == "" then out[#out] = nil end
  return table.concat(out, "\n")
end

return guides
