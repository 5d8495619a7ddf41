--- Keeps what is printed: print, io.write and io.stdout:write go to a function
--- until the value returned is closed. Standard error stays where it is, so
--- that progress is seen while a replay runs.
local methods = getmetatable(io.stdout).__index

local function as_text(...)
  local words = table.pack(...)
  for i = 1, words.n do words[i] = tostring(words[i]) end
  return table.concat(words, "\t") .. "\n"
end

---@param take fun(text: string)
---@return table  to be closed
return function(take)
  local print_before, write_before = print, io.write
  local method_before = methods.write
  local function write(file, ...)
    if file ~= io.stdout then return method_before(file, ...) end
    for i = 1, select("#", ...) do
      local part = select(i, ...)
      if type(part) ~= "string" and type(part) ~= "number" then
        return method_before(file, part)  -- it says what is wrong
      end
      take(tostring(part))
    end
    return file
  end
  rawset(_G, "print", function(...) take(as_text(...)) end)
  rawset(io, "write", function(...) return write(io.output(), ...) end)
  methods.write = write
  return setmetatable({}, { __close = function()
    rawset(_G, "print", print_before)
    rawset(io, "write", write_before)
    methods.write = method_before
  end })
end
