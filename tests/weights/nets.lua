--- The networks of nets.py, built here, and the comparison: a state_dict of
--- PyTorch loads by its own names and gives PyTorch's outputs.
---
---     lua5.4 tests/weights/nets.lua FOLDER    both formats, as run.sh does;
---                                             saves ours in FOLDER/back
local orrery = require "orrery"
local nn = orrery.nn
local F, utils = nn.functional, nn.utils

local nets = {}

local MlpVae = nn.Module:subclass "MlpVae"

function MlpVae:init()
  self.encoder = nn.Sequential { nn.Linear(12, 10), nn.ReLU(),
    nn.Linear(10, 6) }
  self.decoder = nn.Sequential { nn.Linear(3, 10), nn.ReLU(),
    nn.Linear(10, 12) }
end

function MlpVae:forward(x, noise)
  local mean, logvar = self.encoder(x):chunk(2, -1)
  return self.decoder(mean + (logvar * 0.5):exp() * noise), mean, logvar
end

local ConvVae = nn.Module:subclass "ConvVae"

function ConvVae:init()
  local down = { stride = 2, padding = 1 }
  self.encoder = nn.Sequential {
    nn.Conv2d(1, 4, 4, down), nn.BatchNorm2d(4), nn.LeakyReLU(0.2),
    nn.Conv2d(4, 6, 4, down), nn.BatchNorm2d(6), nn.LeakyReLU(0.2),
    nn.Flatten(),
  }
  self.mean, self.logvar = nn.Linear(24, 3), nn.Linear(24, 3)
  self.decoder = nn.Sequential {
    nn.Linear(3, 24), nn.BatchNorm1d(24), nn.ReLU(),
    nn.Unflatten(2, { 6, 2, 2 }),
    nn.ConvTranspose2d(6, 4, 4, down), nn.BatchNorm2d(4), nn.ReLU(),
    nn.ConvTranspose2d(4, 1, 4, down), nn.Sigmoid(),
  }
end

function ConvVae:forward(x, noise)
  local h = self.encoder(x)
  local mean, logvar = self.mean(h), self.logvar(h)
  return self.decoder(mean + (logvar * 0.5):exp() * noise), mean, logvar
end

local DcganGenerator = nn.Module:subclass "DcganGenerator"

function DcganGenerator:init()
  local up = { stride = 2, padding = 1, bias = false }
  self.main = nn.Sequential {
    nn.ConvTranspose2d(5, 8, 4, { bias = false }), nn.BatchNorm2d(8),
    nn.ReLU(),
    nn.ConvTranspose2d(8, 4, 4, up), nn.BatchNorm2d(4), nn.ReLU(),
    nn.ConvTranspose2d(4, 3, 4, up), nn.Tanh(),
  }
end

function DcganGenerator:forward(z) return self.main(z) end

local DcganDiscriminator = nn.Module:subclass "DcganDiscriminator"

function DcganDiscriminator:init()
  local down = { stride = 2, padding = 1, bias = false }
  self.main = nn.Sequential {
    nn.Conv2d(3, 4, 4, down), nn.LeakyReLU(0.2),
    nn.Conv2d(4, 8, 4, down), nn.BatchNorm2d(8), nn.LeakyReLU(0.2),
    nn.Conv2d(8, 1, 4, { bias = false }),
  }
end

function DcganDiscriminator:forward(x) return self.main(x):flatten() end

local SpectralCritic = nn.Module:subclass "SpectralCritic"

function SpectralCritic:init()
  local spectral = utils.spectral_norm
  self.body = nn.ModuleList {
    spectral(nn.Conv2d(2, 4, 3, { stride = 2, padding = 1 })),
    spectral(nn.ConvTranspose2d(4, 3, 4, { stride = 2, padding = 1 })),
  }
  self.score = spectral(nn.Linear(3 * 6 * 6, 1))
end

function SpectralCritic:forward(x)
  for i = 1, #self.body do x = F.leaky_relu(self.body[i](x), 0.1) end
  return self.score(x:flatten(2))
end

local ResnetGenerator = nn.Module:subclass "ResnetGenerator"

local function resnet_block(n)
  return nn.Residual(nn.Sequential {
    nn.ReflectionPad2d(1), nn.Conv2d(n, n, 3), nn.InstanceNorm2d(n), nn.ReLU(),
    nn.ReflectionPad2d(1), nn.Conv2d(n, n, 3), nn.InstanceNorm2d(n),
  })
end

function ResnetGenerator:init()
  local half = { stride = 2, padding = 1 }
  self.model = nn.Sequential {
    nn.ReflectionPad2d(3), nn.Conv2d(3, 3, 7), nn.InstanceNorm2d(3), nn.ReLU(),
    nn.Conv2d(3, 6, 3, half), nn.InstanceNorm2d(6), nn.ReLU(),
    resnet_block(6), resnet_block(6),
    nn.ConvTranspose2d(6, 3, 3,
      { stride = 2, padding = 1, output_padding = 1 }),
    nn.InstanceNorm2d(3), nn.ReLU(),
    nn.ReflectionPad2d(3), nn.Conv2d(3, 3, 7), nn.Tanh(),
  }
end

function ResnetGenerator:forward(x) return self.model(x) end

local UnetBlock = nn.Module:subclass "UnetBlock"

function UnetBlock:init(outer, inner, inside, opts)
  local half = { stride = 2, padding = 1, bias = false }
  self.outermost = opts.outermost
  local list = nn.Sequential()
  if not opts.outermost then list:append(nn.LeakyReLU(0.2)) end
  list:append(nn.Conv2d(outer, inner, 4, half))
  if inside and not opts.outermost then list:append(nn.BatchNorm2d(inner)) end
  if inside then list:append(inside) end
  list:append(nn.ReLU())
  list:append(nn.ConvTranspose2d(inside and 2 * inner or inner, outer, 4,
    { stride = 2, padding = 1, bias = opts.outermost or false }))
  list:append(opts.outermost and nn.Tanh() or nn.BatchNorm2d(outer))
  if opts.dropout then list:append(nn.Dropout(0.5)) end
  self.model = list
end

function UnetBlock:forward(x)
  local y = self.model(x)
  return self.outermost and y or orrery.cat({ x, y }, 2)
end

local UnetGenerator = nn.Module:subclass "UnetGenerator"

function UnetGenerator:init()
  local block = UnetBlock(8, 8, nil, {})
  block = UnetBlock(4, 8, block, { dropout = true })
  self.model = UnetBlock(3, 4, block, { outermost = true })
end

function UnetGenerator:forward(x) return self.model(x) end

local StyleBlock = nn.Module:subclass "StyleBlock"

function StyleBlock:init()
  self.affine, self.rgb_affine = nn.Linear(6, 4), nn.Linear(6, 5)
  self.weight = nn.Parameter(orrery.zeros(5, 4, 3, 3))
  self.bias = nn.Parameter(orrery.zeros(5))
  self.noise_strength = nn.Parameter(orrery.tensor(0.0))
  self.rgb_weight = nn.Parameter(orrery.zeros(3, 5, 1, 1))
  self:register_buffer("resample_filter", orrery.zeros(4))
end

function StyleBlock:forward(x, w, noise)
  x = F.upsample(x, { scale_factor = 2 })
  local y = F.modulated_conv2d(x, self.weight, self.affine(w), { padding = 1 })
  y = y + self.noise_strength * noise + self.bias:reshape { -1, 1, 1 }
  y = F.leaky_relu(y, 0.2) * math.sqrt(2)
  return y, F.modulated_conv2d(y, self.rgb_weight, self.rgb_affine(w),
    { demodulate = false })
end

local Conditional = nn.Module:subclass "Conditional"

function Conditional:init()
  self.label = nn.Embedding(5, 4)
  self.head = utils.weight_norm(nn.Linear(7, 16))
  self.body = nn.Sequential {
    nn.LayerNorm(16), nn.PReLU(16), nn.Unflatten(2, { 4, 2, 2 }),
    nn.Conv2d(4, 4, 1), nn.GroupNorm(2, 4), nn.SiLU(),
    nn.Upsample { scale_factor = 2 },
    nn.ConvTranspose2d(4, 4, 2, { stride = 2, groups = 2 }),
    nn.InstanceNorm2d(4, { affine = true }), nn.GELU(),
    nn.Conv2d(4, 2, 3, { padding = 2, dilation = 2 }),
  }
end

function Conditional:forward(z, label)
  return self.body(self.head(orrery.cat({ z, self.label(label + 1) }, 2)))
end

local SketchRnn = nn.Module:subclass "SketchRnn"

function SketchRnn:init()
  self.encoder = nn.LSTM(3, 4, { num_layers = 2, bidirectional = true })
  self.code = nn.Linear(8, 2)
  self.decoder = nn.GRU(5, 4, { batch_first = true })
  self.plain = nn.RNN(4, 3, { nonlinearity = "relu", bias = false })
  self.lstm = nn.LSTM(3, 4, { proj_size = 3 })
  self.cell, self.gates = nn.LSTMCell(3, 4), nn.GRUCell(3, 4)
end

function SketchRnn:forward(x)
  local _, h, c = self.encoder(x)
  local code = self.code(orrery.cat({ h[-2], h[-1] }, -1))
  local steps = orrery.cat({ x, code:unsqueeze(1):expand { #x, 2, 2 } }, -1)
  local z, last = self.decoder(steps:transpose(1, 2))
  local w, p = self.lstm((self.plain(z:transpose(1, 2))))
  h, c = self.cell(w[-1], last[1], c[1])
  return code, z, p, self.gates(w[1], h), c
end

local Translator = nn.Module:subclass "Translator"

function Translator:init()
  self.word = nn.Embedding(7, 8)
  self.body = nn.Transformer(8, 2, { num_encoder_layers = 2, dropout = 0,
    num_decoder_layers = 1, dim_feedforward = 12 })
  self.more = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 4,
    { dim_feedforward = 10, dropout = 0, activation = "gelu",
      batch_first = true, norm_first = true }), 2)
  self.look = nn.MultiheadAttention(8, 2,
    { kdim = 3, vdim = 5, add_bias_kv = true })
end

function Translator:forward(source, target, keys, values)
  local y = self.body(self.word(source + 1), self.word(target + 1), {
    tgt_mask = orrery.ones(3, 3):triu(1):ne(0),
    src_key_padding_mask = source:eq(0):transpose(1, 2) })
  y = self.more(y:transpose(1, 2)):transpose(1, 2)
  return self.look(y, keys, values)
end

-- In PyTorch's order of files; `rename` where the parts are called otherwise.
nets.list = {
  { name = "mlp_vae", make = MlpVae },
  { name = "conv_vae", make = ConvVae },
  { name = "dcgan_generator", make = DcganGenerator },
  { name = "dcgan_discriminator", make = DcganDiscriminator },
  { name = "spectral_critic", make = SpectralCritic },
  { name = "resnet_generator", make = ResnetGenerator,
    rename = { ["model.7.conv_block"] = "model.7.body",
      ["model.8.conv_block"] = "model.8.body" },
    back = function(name)
      return (name:gsub("^(model%.[78]%.)body", "%1conv_block"))
    end },
  { name = "unet_generator", make = UnetGenerator },
  { name = "style_block", make = StyleBlock },
  { name = "conditional", make = Conditional },
  { name = "sketch_rnn", make = SketchRnn },
  { name = "translator", make = Translator },
}

-- --------------------------------------------------------------- comparison

local tolerance = { float32 = 1e-5, float64 = 1e-10 }

--- How far a is from b, relative where b is above 1.
local function distance(a, b)
  if a:shape_str() ~= b:shape_str() then return math.huge end
  local scale = b:abs():clamp { min = 1 }
  return ((a:double() - b:double()):abs() / scale:double()):max():item()
end

--- The tensors data["PREFIX.0"], data["PREFIX.1"] ... as a list.
local function numbered(data, prefix)
  local list = {}
  while data[("%s.%d"):format(prefix, #list)] do
    list[#list + 1] = data[("%s.%d"):format(prefix, #list)]
  end
  return list
end

--- Calls far(what, distance, allowed) for each result of the model that is
--- further from PyTorch's than allowed.
local function compare(model, data, dtype, far)
  local inputs = numbered(data, "in")
  for i, x in ipairs(inputs) do
    inputs[i] = x.dtype == "float64" and x:to(dtype) or x
  end
  local function check(what, a, b)
    local d = distance(a, b)
    if not (d <= tolerance[dtype]) then far(what, d, tolerance[dtype]) end
  end
  for _, mode in ipairs { "eval", "train" } do
    local wanted = numbered(data, mode)
    if #wanted > 0 then
      model:train(mode == "train")
      local got = orrery.no_grad(function()
        return table.pack(model(table.unpack(inputs)))
      end)
      for i, want in ipairs(wanted) do
        check(("%s output %d"):format(mode, i), got[i], want)
      end
    end
  end
  local buffers = utils.torch_state_dict(model)
  for name, want in pairs(data) do
    local buffer = name:match "^after%.(.*)"
    if buffer then check(buffer .. " after training", buffers[buffer], want) end
  end
end

--- Loads a state_dict of PyTorch into a net, in both precisions, and compares.
---@param net table  an entry of nets.list
---@param weights string  a .safetensors or .npz file
---@param data table<string, orrery.Tensor>  of NAME.data.npz
---@param far fun(what: string, distance: number, allowed: number)
---@return orrery.nn.Module model  float32, as loaded
function nets.check(net, weights, data, far)
  for _, dtype in ipairs { "float64", "float32" } do
    local model = net.make():to(dtype)
    local missing, why = utils.load_torch(model, weights,
      { rename = net.rename })
    if not missing then error(why, 0) end
    compare(model, data, dtype, function(what, d, allowed)
      far(("%s in %s: %s"):format(net.name, dtype, what), d, allowed)
    end)
  end
  local model = net.make()
  utils.load_torch(model, weights, { rename = net.rename })
  return model
end

--- The model's tensors by the names PyTorch's own net has.
function nets.back(net, model)
  local values = {}
  for name, value in pairs(utils.torch_state_dict(model)) do
    values[net.back and net.back(name) or name] = value
  end
  return values
end

-- ---------------------------------------------------------------- a full run

local function run(folder)
  local files, failed, passed = orrery.io, 0, 0
  orrery.fs.mkdir(folder .. "/back")
  for _, net in ipairs(nets.list) do
    local base = ("%s/%s"):format(folder, net.name)
    local data = assert(files.read_npz(base .. ".data.npz"))
    for _, ending in ipairs { "safetensors", "npz" } do
      local good = true
      local model = nets.check(net, base .. "." .. ending, data,
        function(what, d, allowed)
          good = false
          print(("%s is off by %.3g, allowed is %g"):format(what, d, allowed))
        end)
      local name = ("%s/back/%s.%s"):format(folder, net.name, ending)
      if net.back then
        local write = ending == "npz" and files.write_npz
          or files.write_safetensors
        assert(write(name, nets.back(net, model)))
      else
        assert(utils.save_torch(name, model))
      end
      if good then passed = passed + 1 else failed = failed + 1 end
    end
  end
  print(("weights: %d passed, %d failed"):format(passed, failed))
  os.exit(failed == 0)
end

if arg and arg[0] and arg[0]:find "nets%.lua$" then run(arg[1]) end

return nets
