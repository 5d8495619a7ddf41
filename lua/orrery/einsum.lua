--- einsum: sums of products named by the letters of axes.
---
---     orrery.einsum("bij,bjk->bik", x, y)   -- matrix products of a batch
---     orrery.einsum("ii", x)                -- trace
---     orrery.einsum("...i,...i", x, y)      -- dot products of last axes
---
--- Made of views, sums and matrix products, so it has gradients of any order.
local orrery = require "orrery"

local blame, describe = orrery.blame, orrery.describe

local einsum = {}

local function fail(text, ...)
  blame(("einsum: " .. text):format(...))
end

-- The letters of one term as a list; "..." is the one entry "...".
local function letters(term, equation)
  local list, dots, at = {}, false, 1
  while at <= #term do
    local c = term:sub(at, at)
    if term:sub(at, at + 2) == "..." and not dots then
      list[#list + 1], dots, at = "...", true, at + 3
    elseif c:find "%a" then
      list[#list + 1], at = c, at + 1
    else
      fail("the equation %q has %q in %q; use letters, one ... a term, "
        .. "commas and ->", equation, c, term)
    end
  end
  return list
end

local function split(equation)
  local plain = equation:gsub("%s", "")
  local left, right = plain:match "^(.-)%->(.*)$"
  local terms = {}
  for term in ((left or plain) .. ","):gmatch "([^,]*)," do
    terms[#terms + 1] = letters(term, equation)
  end
  return terms, right and letters(right, equation)
end

-- "..." stands for as many axes as are left: named by numbers from the last
-- one, so that the terms' own line up.
local function spell(term, x, i, equation)
  local named, dots = #term, false
  for _, letter in ipairs(term) do dots = dots or letter == "..." end
  if dots then named = named - 1 end
  local hidden = x:dim() - named
  if hidden < 0 or (hidden > 0 and not dots) then
    fail("term %d of %q names %d axes but its tensor is %s; name each axis%s",
      i, equation, named, x:shape_str(), hidden > 0 and " or use ..." or "")
  end
  local list = {}
  for _, letter in ipairs(term) do
    if letter == "..." then
      for k = hidden, 1, -1 do list[#list + 1] = k end
    else
      list[#list + 1] = letter
    end
  end
  return list, dots and hidden or 0
end

-- A letter twice in a term takes the diagonal of its axes.
local function diagonals(x, axes, equation)
  local at = 1
  while at <= #axes do
    local again
    for k = at + 1, #axes do
      if axes[k] == axes[at] then again = again or k end
    end
    if again then
      if x:size(at) ~= x:size(again) then
        fail("%s is %d and %d in one term of %q; it must be one size",
          axes[at], x:size(at), x:size(again), equation)
      end
      x = orrery.diagonal(x, { axis1 = at, axis2 = again })
      local letter = table.remove(axes, again)
      table.remove(axes, at)
      axes[#axes + 1] = letter
    else
      at = at + 1
    end
  end
  return x, axes
end

-- Sizes by letter; hidden axes of size 1 grow.
local function measure(sizes, x, axes, equation)
  for k, letter in ipairs(axes) do
    local n, seen = x:size(k), sizes[letter]
    if seen == nil or seen == 1 and math.type(letter) then
      sizes[letter] = n
    elseif seen ~= n and not (n == 1 and math.type(letter)) then
      fail("%s is %d and %d in %q; one letter has one size", letter, seen, n,
        equation)
    end
  end
end

local function find(axes, letter)
  for k, have in ipairs(axes) do
    if have == letter then return k end
  end
end

-- x with exactly the axes of `order`, those it lacks of size 1.
local function arrange(x, axes, order)
  local move, shape = {}, {}
  for k, letter in ipairs(order) do
    local at = find(axes, letter)
    if at then move[#move + 1] = at end
    shape[k] = at and x:size(at) or 1
  end
  if #move > 0 then x = orrery.permute(x, move) end
  return orrery.reshape(x, shape)
end

-- Sums away the axes that no later term nor the result names.
local function sum_unused(x, axes, used)
  local gone, kept = {}, {}
  for k, letter in ipairs(axes) do
    local list = used[letter] and kept or gone
    list[#list + 1] = used[letter] and letter or k
  end
  if #gone > 0 then x = orrery.sum(x, gone) end
  return x, kept
end

-- Sizes of x by the letters of a group, and their product.
local function extent(x, axes, group)
  local n, list = 1, {}
  for k, letter in ipairs(group) do
    local at = find(axes, letter)
    list[k] = at and x:size(at) or 1
    n = n * list[k]
  end
  return n, list
end

-- The axes of two terms by what happens to them in the product.
local function groups(xa, ya, used)
  local shared, left, right, inner = {}, {}, {}, {}
  for _, letter in ipairs(xa) do
    local list = not find(ya, letter) and left
      or used[letter] and shared or inner
    list[#list + 1] = letter
  end
  for _, letter in ipairs(ya) do
    if not find(xa, letter) then right[#right + 1] = letter end
  end
  return shared, left, right, inner
end

local function concat(...)
  local all = {}
  for _, list in ipairs { ... } do
    table.move(list, 1, #list, #all + 1, all)
  end
  return all
end

-- An axis of size 1 grows to the other's, so that both have it whole.
local function level(x, xa, y, ya)
  local shape, grows = { x:shape() }, false
  for k, letter in ipairs(xa) do
    local at = find(ya, letter)
    if at and shape[k] == 1 and y:size(at) ~= 1 then
      shape[k], grows = y:size(at), true
    end
  end
  return grows and orrery.expand(x, shape) or x
end

-- One matrix product: [shared, left, inner] by [shared, inner, right].
local function multiply(x, xa, y, ya, used)
  x, y = level(x, xa, y, ya), level(y, ya, x, xa)
  local shared, left, right, inner = groups(xa, ya, used)
  local b, bs = extent(x, xa, shared)
  local m, ms = extent(x, xa, left)
  local n, ns = extent(y, ya, right)
  local k = extent(x, xa, inner)
  local p = arrange(x, xa, concat(shared, left, inner)):reshape { b, m, k }
  local q = arrange(y, ya, concat(shared, inner, right)):reshape { b, k, n }
  local z = orrery.matmul(p, q):reshape(concat(bs, ms, ns))
  return z, concat(shared, left, right)
end

-- Without ->: the hidden axes, then letters that occur once, sorted.
local function default_result(terms, hidden)
  local count, list = {}, {}
  for _, axes in ipairs(terms) do
    for _, letter in ipairs(axes) do
      count[letter] = (count[letter] or 0) + 1
    end
  end
  for letter, n in pairs(count) do
    if n == 1 and letter ~= "..." then list[#list + 1] = letter end
  end
  table.sort(list)
  for k = 1, hidden do table.insert(list, 1, k) end
  return list
end

local function given_result(right, terms, hidden, equation)
  local list = {}
  for _, letter in ipairs(right) do
    if letter == "..." then
      for k = hidden, 1, -1 do list[#list + 1] = k end
    else
      local known = find(list, letter) == nil
      for _, axes in ipairs(terms) do
        if find(axes, letter) and known then known = "in a term" end
      end
      if known ~= "in a term" then
        fail("the result of %q names %s twice or from nowhere; name letters "
          .. "of the terms, once each", equation, letter)
      end
      list[#list + 1] = letter
    end
  end
  return list
end

local function check(equation, tensors)
  if type(equation) ~= "string" then
    fail("equation is %s; pass a string such as \"ij,jk->ik\"",
      describe(equation))
  end
  local n = tensors.n or #tensors
  for i = 1, n do
    if not orrery.is_tensor(tensors[i]) then
      fail("operand %d is %s; pass a tensor", i, describe(tensors[i]))
    end
  end
  local terms, right = split(equation)
  if #terms ~= n then
    fail("%q has %d terms but %d tensors are given; give one each", equation,
      #terms, n)
  end
  return terms, right
end

-- What the result and the terms from i on name.
local function still_used(result, all, i)
  local used = {}
  for _, letter in ipairs(result) do used[letter] = true end
  for k = i, #all do
    for _, letter in ipairs(all[k]) do used[letter] = true end
  end
  return used
end

--- The sum over all letters that the result does not name of the product of
--- the tensors; a letter twice in one term walks its diagonal.
---@param equation string  such as "bij,bjk->bik"; spaces do not count
---@param ... orrery.Tensor  one a term, or one list of them
---@return orrery.Tensor
function einsum.einsum(equation, ...)
  local first = ...
  local tensors = type(first) == "table" and select("#", ...) == 1 and first
    or table.pack(...)
  local terms, right = check(equation, tensors)
  local all, xs, sizes, hidden = {}, {}, {}, 0
  for i, term in ipairs(terms) do
    local axes, dots = spell(term, tensors[i], i, equation)
    hidden = math.max(hidden, dots)
    xs[i], all[i] = diagonals(tensors[i], axes, equation)
    measure(sizes, xs[i], all[i], equation)
  end
  local result = right and given_result(right, all, hidden, equation)
  result = result or default_result(terms, hidden)
  local x, axes = xs[1], all[1]
  x, axes = sum_unused(x, axes, still_used(result, all, 2))
  for i = 2, #xs do
    local y, ya = sum_unused(xs[i], all[i],
      still_used(concat(result, axes), all, i + 1))
    local used = still_used(result, all, i + 1)
    x, axes = multiply(x, axes, y, ya, used)
    x, axes = sum_unused(x, axes, used)
  end
  return arrange(x, axes, result)
end

-- The axes of x that are summed, from 1, in a list, and the others.
local function summed(name, x, list)
  local rank, at, rest, taken = x:dim(), {}, {}, {}
  for i, k in ipairs(list) do
    if math.type(k) ~= "integer" or k == 0 or k > rank or k < -rank then
      blame(("tensordot: axis %s is named but %s is %s; use 1 to %d or -%d to "
        .. "-1"):format(type(k) == "number" and k or describe(k), name,
        x:shape_str(), rank, rank))
    end
    at[i] = k > 0 and k or k + rank + 1
    if taken[at[i]] then
      blame(("tensordot: axis %d of %s is named twice; name each once"):format(
        at[i], name))
    end
    taken[at[i]] = true
  end
  for k = 1, rank do
    if not taken[k] then rest[#rest + 1] = k end
  end
  return at, rest
end

-- The lists of axes of both from a number n, the last n and the first n, or a
-- pair of lists.
local function pair_of_axes(x, axes)
  if math.type(axes) == "integer" and axes >= 0 and axes <= x:dim() then
    local last, first = {}, {}
    for k = 1, axes do last[k], first[k] = x:dim() - axes + k, k end
    return last, first
  end
  if type(axes) ~= "table" or type(axes[1]) ~= "table"
      or type(axes[2]) ~= "table" or #axes[1] ~= #axes[2] then
    blame(("tensordot: axes is %s; give how many, up to %d, or two lists of "
      .. "one length"):format(describe(axes), x:dim()))
  end
  return axes[1], axes[2]
end

local function sizes_of(x, axes)
  local n, list = 1, {}
  for i, k in ipairs(axes) do
    list[i] = x:size(k)
    n = n * list[i]
  end
  return n, list
end

--- The sum of the products over axes of x and as many of y: by default the
--- last two of x and the first two of y. The others stay, x's first.
---@param x orrery.Tensor
---@param y orrery.Tensor
---@param axes? integer|integer[][]  how many, or { axes of x, axes of y }
---@return orrery.Tensor
function einsum.tensordot(x, y, axes)
  for name, v in pairs { x = x, y = y } do
    if not orrery.is_tensor(v) then
      blame(("tensordot: %s is %s; pass a tensor"):format(name, describe(v)))
    end
  end
  if type(axes) == "table" and axes.axes then axes = axes.axes end
  local of_x, of_y = pair_of_axes(x, axes == nil and 2 or axes)
  local xs, left = summed("x", x, of_x)
  local ys, right = summed("y", y, of_y)
  local k, inner = sizes_of(x, xs)
  local _, same = sizes_of(y, ys)
  for i = 1, #inner do
    if inner[i] ~= same[i] then
      blame(("tensordot: x is %s, y is %s: axis %d of x has %d elements, axis "
        .. "%d of y %d; they must be equal"):format(x:shape_str(),
        y:shape_str(), xs[i], inner[i], ys[i], same[i]))
    end
  end
  local m, rows = sizes_of(x, left)
  local n, columns = sizes_of(y, right)
  if x:dim() > 0 then x = x:permute(concat(left, xs)) end
  if y:dim() > 0 then y = y:permute(concat(ys, right)) end
  local z = x:reshape { m, k }:matmul(y:reshape { k, n })
  return z:reshape(concat(rows, columns))
end

return einsum
