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

t.test("the guides are on the page", function()
  for _, name in ipairs(require "orrery.guides".names()) do
    t.ok(on_page("guide-" .. name), name)
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

-- What a PyTorch user may look for, and finds under the same name.
local same_names = [[
  erf erfinv lgamma digamma log1p expm1 atan2 hypot remainder floor ceil round
  clamp lerp logaddexp cumsum cumprod logcumsumexp prod norm std median quantile
  sort argsort topk unique searchsorted bincount histc scatter scatter_add
  index_add index_put masked_fill masked_select take roll flip rot90 tril triu
  diag diagonal meshgrid outer einsum bmm addmm kron cdist conv1d conv2d
  conv_transpose1d conv_transpose2d pixel_shuffle logdet cholesky_solve]]
local elsewhere = {
  ["torch.nn.functional."] = [[logsigmoid elu selu gelu silu hardtanh mish prelu
    softmin pad unfold fold adaptive_avg_pool2d adaptive_max_pool2d
    adaptive_avg_pool1d adaptive_max_pool1d grid_sample affine_grid batch_norm
    instance_norm layer_norm group_norm embedding gumbel_softmax one_hot
    interpolate upsample]],
  ["torch.linalg."] = [[cholesky solve solve_triangular lstsq inv det slogdet
    eigh svd qr pinv]],
  ["torch.nn.utils."] = "spectral_norm weight_norm",
  ["torch.nn."] = "ModuleList Embedding LSTM GRU MultiheadAttention",
  ["torch.autograd."] = "grad gradcheck gradgradcheck detect_anomaly",
  ["torch.autograd.functional."] = "jacobian hessian hvp jvp vjp",
  ["torch.utils.checkpoint."] = "checkpoint",
}

t.test("what a PyTorch user reaches for has its row", function()
  local rows = {}
  local list = html:match 'id="pytorch".*'
  for row in list:gmatch "<tr data%-k=.-<td>(.-)</td>" do
    for name in row:gmatch "torch[%w_.]+" do rows[name] = true end
  end
  for name in same_names:gmatch "%S+" do
    t.ok(rows["torch." .. name] or rows["torch.nn.functional." .. name]
      or rows["torch.Tensor." .. name], name)
  end
  for home, names in pairs(elsewhere) do
    for name in names:gmatch "%S+" do
      t.ok(rows[home .. name] or rows["torch." .. name], home .. name)
    end
  end
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
