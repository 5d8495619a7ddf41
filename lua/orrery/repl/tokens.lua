--- The words of a line that is still being typed, for completion: names,
--- strings, numbers and signs, with brackets matched.

---@class orrery.repl.Token
---@field kind "name"|"string"|"number"|"sign"
---@field text string  of a string what is between its quotes
---@field open? integer  of a closing bracket: place of its opening one

local closes = { [")"] = "(", ["]"] = "[", ["}"] = "{" }

-- End and text of the string that starts at `at`; no end when it is open.
local function string_at(text, at)
  local quote = text:sub(at, at)
  local i = at + 1
  while i <= #text do
    local c = text:sub(i, i)
    if c == "\\" then
      i = i + 1
    elseif c == quote then
      return i, text:sub(at + 1, i - 1)
    end
    i = i + 1
  end
end

-- The token at a place: kind, text, last position.
local function token_at(text, at)
  local name = text:match("^[%a_][%w_]*", at)
  if name then return "name", name, at + #name - 1 end
  local number = text:match("^%.?%d[%w.]*", at)
  if number then return "number", number, at + #number - 1 end
  local long = text:match("^%[=*%[", at)
  if long then
    local from, to = text:find("]" .. ("="):rep(#long - 2) .. "]", at, true)
    if not to then return nil end
    return "string", text:sub(at + #long, from - 1), to
  end
  if text:find("^['\"]", at) then
    local to, inner = string_at(text, at)
    if not to then return nil end
    return "string", inner, to
  end
  if text:sub(at, at + 1) == "--" then return nil end
  local sign = text:match("^%.%.+", at) or text:match("^[=~<>]=", at)
    or text:match("^::", at) or text:sub(at, at)
  return "sign", sign, at + #sign - 1
end

--- Reads the text up to its end, or up to a string or comment left open.
---@param text string
---@return orrery.repl.Token[] tokens
---@return integer[] open  places of the brackets that are still open
return function(text)
  local tokens, open, at = {}, {}, 1
  while true do
    at = text:find("%S", at)
    if not at then break end
    local kind, word, last = token_at(text, at)
    if not kind then break end
    local token = { kind = kind, text = word }
    tokens[#tokens + 1] = token
    if kind == "sign" then
      if word == "(" or word == "[" or word == "{" then
        open[#open + 1] = #tokens
      elseif closes[word] and open[#open]
        and tokens[open[#open]].text == closes[word] then
        token.open = table.remove(open)
      end
    end
    at = last + 1
  end
  return tokens, open
end
