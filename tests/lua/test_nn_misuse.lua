-- Wrong arguments to everything in nn, optim, data and train: one sentence at
-- the caller's line, never an error from inside these files.
local orrery, t = require "orrery", require "orrery.testing"
local nn, optim, data, train = orrery.nn, orrery.optim, orrery.data,
  orrery.train

local wrong = dofile((os.getenv "ORRERY_SOURCE_DIR" or ".")
  .. "/tests/lua/wrong.lua")
local try = wrong.try

t.test("constructors of layers say what is wrong", function()
  local other = { Module = true, functional = true, init = true, utils = true }
  for name, class in pairs(nn) do
    if not other[name] then try("nn." .. name, class) end
  end
end)

t.test("initial values and helpers say what is wrong", function()
  for _, part in ipairs { "init", "utils" } do
    for name, fn in pairs(nn[part]) do try(name, fn) end
  end
  for _, name in ipairs { "pad_same", "normalize", "upsample" } do
    try(name, nn.functional[name])
  end
end)

t.test("layers say what is wrong with their input", function()
  for _, layer in ipairs { nn.Linear(3, 2), nn.Conv2d(1, 2, 3),
    nn.ConvTranspose2d(1, 2, 3), nn.ReLU(), nn.Dropout(0.5), nn.Softmax(2),
    nn.BatchNorm2d(2), nn.BatchNorm1d(2), nn.Flatten(), nn.View(3),
    nn.Unflatten(2, { 3, 1 }), nn.MaxPool2d(2), nn.AvgPool2d(2),
    nn.Upsample(2), nn.Sequential { nn.Linear(3, 2), nn.ReLU() },
    nn.Conv2d(1, 1, 3, { padding = "same" }) } do
    try(layer.class_name, layer)
  end
end)

t.test("methods of modules say what is wrong", function()
  for _, name in ipairs { "subclass", "register_buffer", "register_parameter",
    "load_state_dict", "train", "apply", "to", "num_parameters",
    "requires_grad_", "append" } do
    local net = nn.Sequential { nn.Linear(3, 2), nn.ReLU() }
    try(name, net[name], net)
  end
end)

t.test("optimisers and schedules say what is wrong", function()
  local net = nn.Linear(3, 2)
  for _, name in ipairs { "SGD", "Adam", "AdamW", "RMSprop" } do
    try(name, optim[name])
  end
  local opt = optim.Adam(net)
  for _, name in ipairs { "add_param_group", "minimize", "load_state_dict" } do
    try(name, opt[name], opt)
  end
  for name, make in pairs(optim.lr_scheduler) do
    try(name, make)
    try(name, make, optim.SGD(net))
  end
  local step = optim.StepLR(opt, { step_size = 2 })
  try("StepLR load", step.load_state_dict, step)
  local plateau = optim.ReduceLROnPlateau(opt)
  try("plateau step", plateau.step, plateau)
  try("plateau load", plateau.load_state_dict, plateau)
end)

t.test("datasets and loaders say what is wrong", function()
  for _, name in ipairs { "mnist", "fashion", "TensorDataset", "loader" } do
    try(name, data[name])
  end
  local bytes = orrery.zeros({ 4, 2, 2 }, { dtype = "uint8" })
  local sets = require "orrery.data.dataset"
  for _, set in ipairs { data.TensorDataset(orrery.zeros { 4, 2 }),
    sets.ImageDataset.new(bytes, orrery.ones({ 4 }, { dtype = "int64" })) } do
    for _, name in ipairs { "batches", "subset", "split", "get" } do
      try(name, set[name], set)
    end
    local loader = set:batches(2)
    try("set_state", loader.set_state, loader)
  end
end)

t.test("training says what is wrong", function()
  for _, name in ipairs { "run", "EMA", "duration", "progress" } do
    try(name, train[name])
  end
  local meter = train.Meter.new()
  try("meter", meter.add, meter)
end)
