-- Elementary functions against NumPy's tables of inputs and correctly rounded
-- outputs, infinities, NaN and denormals among them. float32 holds 4 units of
-- the last place everywhere, float64 the bound that the table states.
local orrery, t = require "orrery", require "orrery.testing"

-- The tables come with NumPy: Debian's package, other systems' folders, or
-- the folder that ORRERY_NUMPY_DATA names.
local folders = {
  "/usr/lib/python3/dist-packages/numpy/core/tests/data",
  "/usr/lib/python3/dist-packages/numpy/_core/tests/data",
  "/usr/lib/python3.*/site-packages/numpy/_core/tests/data",
  "/usr/lib64/python3.*/site-packages/numpy/_core/tests/data",
  "/opt/homebrew/lib/python3.*/site-packages/numpy/_core/tests/data",
  "/usr/local/lib/python3.*/site-packages/numpy/_core/tests/data",
}

-- Our name of each function with a table.
local ours = { arccos = "acos", arccosh = "acosh", arcsin = "asin",
  arcsinh = "asinh", arctan = "atan", arctanh = "atanh", cbrt = "cbrt",
  cos = "cos", cosh = "cosh", exp = "exp", exp2 = "exp2", expm1 = "expm1",
  log = "log", log10 = "log10", log1p = "log1p", log2 = "log2", sin = "sin",
  sinh = "sinh", tan = "tan", tanh = "tanh" }

-- value: the format of a float; bits: of the integer with the same bytes;
-- sign: what negative numbers' bits are counted from.
local kinds = {
  ["np.float32"] = { dtype = "float32", value = "<f", bits = "<i4",
    sign = -0x80000000, limit = 4 },
  ["np.float64"] = { dtype = "float64", value = "<d", bits = "<i8",
    sign = math.mininteger },
}

--- The first folder that has the tables.
local function folder()
  local named = os.getenv "ORRERY_NUMPY_DATA"
  for _, pattern in ipairs(named and { named } or folders) do
    local parent, rest = pattern:match "^(.-)/(python3%.%*.*)$"
    local found = { pattern }
    if parent then
      found = {}
      for _, name in ipairs(orrery.fs.list(parent) or {}) do
        if name:find "^python3%." then
          found[#found + 1] = parent .. "/" .. rest:gsub("python3%.%*", name, 1)
        end
      end
    end
    for _, path in ipairs(found) do
      if orrery.fs.exists(path .. "/umath-validation-set-sin.csv") then
        return path
      end
    end
  end
end

--- A number from its bytes in hexadecimal.
local function decode(kind, hex)
  local bits = math.tointeger(tonumber(hex))
  local size = string.packsize(kind.bits)
  return (string.unpack(kind.value, string.pack("<I8", bits):sub(1, size)))
end

--- The columns of one table: kind -> { inputs, outputs, bound }.
local function read(path)
  local tables = {}
  for line in io.lines(path) do
    local name, x, y, bound = line:match
      "^(np%.float%d%d),(0x%x+),(0x%x+),(%d+)"
    if name then
      local list = tables[name] or { x = {}, y = {}, bound = 0 }
      tables[name] = list
      list.x[#list.x + 1] = decode(kinds[name], x)
      list.y[#list.y + 1] = decode(kinds[name], y)
      list.bound = math.max(list.bound, tonumber(bound))
    end
  end
  return tables
end

--- The number of floats from a to b; zeros of different sign are one apart.
local function distance(kind, a, b)
  if a ~= a or b ~= b then return a ~= a and b ~= b and 0 or math.huge end
  local function place(v)
    local bits = string.unpack(kind.bits, string.pack(kind.value, v))
    return bits < 0 and kind.sign - bits - 1 or bits
  end
  local from, to = place(a), place(b)
  -- The count may pass the largest integer.
  if (from < 0) ~= (to < 0) then return math.abs(from + 0.0 - to) end
  return math.abs(from - to)
end

--- The worst distance, and where. A column must give the bits of a row: the
--- loop over neighbours is another one.
local function worst(kind, name, list)
  local x = orrery.tensor(list.x, { dtype = kind.dtype })
  local y = orrery[name](x):tolist()
  local column = orrery.stack({ x, x }, 2):select(2, 1)
  t.equal(orrery[name](column):tolist(), y)
  local far, at = 0, 1
  for i, want in ipairs(list.y) do
    local d = distance(kind, y[i], want)
    if not (d <= far) then far, at = d, i end
  end
  return far, ("at %.17g: %.17g, not %.17g"):format(list.x[at], y[at],
    list.y[at])
end

local path = folder()
if not path then
  t.skip("elementary functions keep within the bounds of NumPy's tables",
    "the tables are not here; install python3-numpy, or name their folder in "
    .. "ORRERY_NUMPY_DATA")
  return
end

for theirs, name in pairs(ours) do
  t.test(name .. " keeps within the bounds of NumPy's table", function()
    local tables = read(("%s/umath-validation-set-%s.csv"):format(path, theirs))
    for kind_name, kind in pairs(kinds) do
      local list = tables[kind_name]
      t.ok(list and #list.x > 100, "the table is nearly empty")
      local far, at = worst(kind, name, list)
      local limit = kind.limit or list.bound
      t.ok(far <= limit, ("%s of %s is %s ulp off, over %d, %s"):format(name,
        kind.dtype, far, limit, at))
    end
  end)
end

t.test("every table here is of a function that is compared", function()
  for _, file in ipairs(orrery.fs.list(path)) do
    local theirs = file:match "^umath%-validation%-set%-(.*)%.csv$"
    t.ok(not theirs or ours[theirs], file .. " is not compared")
  end
end)
