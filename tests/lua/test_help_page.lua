-- The reference page: everything is on it, as well-formed HTML.
local orrery, t = require "orrery", require "orrery.testing"
local help_page = require "orrery.help_page"

local html = help_page.html()

local function on_page(path)
  return html:find('id="' .. path .. '"', 1, true) ~= nil
end

t.test("every record is on the page with its name in PyTorch", function()
  for _, name in ipairs(orrery.op_names()) do
    local from = html:find('id="' .. name .. '"', 1, true)
    t.ok(from, name .. " is not on the page")
    local line = html:sub(from):match '<p class="sub">(.-)</p>'
    local torch = orrery.record(name).torch
    t.equal(line, torch and "PyTorch: " .. torch or "no counterpart in PyTorch")
  end
end)

t.test("every layer, optimiser and public function is on the page", function()
  for path, module in pairs { nn = orrery.nn, ["nn.init"] = orrery.nn.init,
    ["nn.utils"] = orrery.nn.utils, optim = orrery.optim, data = orrery.data,
    train = orrery.train, io = orrery.io } do
    for name, value in pairs(module) do
      local meta = getmetatable(value)
      if not name:find "^_" and (type(value) == "function"
          or type(value) == "table" and meta and meta.__call) then
        t.ok(on_page(path .. "." .. name), path .. "." .. name)
      end
    end
  end
  t.ok(on_page "orrery.einsum" and on_page "Tensor.item")
end)

t.test("the page is well-formed and points nowhere else", function()
  local open = {}
  local void = { meta = true, input = true }
  local body = html:gsub("<script>.-</script>", "")
    :gsub("<style>.-</style>", "")
  for slash, tag in body:gmatch "<(/?)(%a%w*)" do
    if slash == "/" then
      t.equal(table.remove(open), tag)
    elseif not void[tag] then
      open[#open + 1] = tag
    end
  end
  t.equal(#open, 0)
  t.ok(not body:find "&[^amplgtquo#39;]" and not html:find "https?://")
  local ids = {}
  for id in body:gmatch ' id="(.-)"' do
    t.ok(not ids[id], id .. " is there twice")
    ids[id] = true
  end
  for id in body:gmatch 'href="#(.-)"' do t.ok(ids[id], id) end
end)
