--- What `?conv2d` says of an op: every option, each with a word on it, those
--- too that are made of other ops.
local orrery, t = require "orrery", require "orrery.testing"
local inspect = require "orrery.repl.inspect"

-- Options that the functions of Lua add to an op's own.
local added = {
  add = "alpha", sub = "alpha", index_add = "alpha", div = "rounding_mode",
  unique = "axis", qr = '"r"', max_pool1d = "return_indices",
  max_pool2d = "return_indices", cross_entropy = "probabilities",
  clamp = "tensor", repeat_interleave = "tensor",
}

local function names(text, word)
  return text:find("%f[%w_]" .. word .. "%f[^%w_]") ~= nil
end

t.test("the help of an op names each of its options and says what it is",
  function()
    for _, name in ipairs(orrery.op_names()) do
      local record = orrery.record(name)
      local text = inspect.help(record.flags.method_only and "Tensor." .. name
        or name, orrery) or orrery.help(name)
      t.ok(text and not text:find "without a comment", name)
      for _, p in ipairs(record.params) do
        t.ok(names(text, p.name), name .. ": " .. p.name)
        t.ok(p.kind:find "^tensor" or p.doc or record.flags.hidden,
          ("%s: %s has no doc"):format(name, p.name))
      end
    end
  end)

t.test("the help of an op names the options that Lua adds", function()
  for name, word in pairs(added) do
    for _, path in ipairs { name, "nn.functional." .. name } do
      local text = inspect.help(path, orrery)
      t.ok(text and text:find(word, 1, true), path .. ": " .. word)
    end
  end
end)
