--- The reference page's search box, typed into in a real browser: Chromium
--- without a window, spoken to through its debugging pipe.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local json = orrery.json

local function has(name)
  return os.execute("command -v " .. name .. " >/dev/null 2>&1")
end

local function program()
  if not (has "mkfifo" and has "timeout") then return nil end
  for _, name in ipairs { "chromium", "chromium-browser", "google-chrome" } do
    if has(name) then return name end
  end
end

local chromium = program()
if not chromium then
  return t.skip("typing into the search box", "there is no chromium here")
end
local test = t.needing "json"

--- A browser with one page open. Messages are JSON texts that end in a zero.
local Browser = {}
Browser.__index = Browser
Browser.__close = function(self) self:close() end

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function start()
  local folder = files.folder()
  local self = setmetatable({ last = 0, folder = folder }, Browser)
  local to, from = folder .. "/to", folder .. "/from"
  os.execute(("mkfifo %s %s"):format(quoted(to), quoted(from)))
  -- `timeout` ends what hangs; no test then waits for ever.
  os.execute(("timeout -k 5 100 %s --headless --no-sandbox --disable-gpu "
    .. "--disable-dev-shm-usage --disable-background-networking --no-first-run "
    .. "--user-data-dir=%s --remote-debugging-pipe about:blank "
    .. "3<%s 4>%s >/dev/null 2>&1 &"):format(chromium,
    quoted(folder .. "/profile"), quoted(to), quoted(from)))
  self.output = assert(io.open(to, "wb"))
  self.input = assert(io.open(from, "rb"))
  self.output:setvbuf "no"
  return self
end

function Browser:receive()
  local bytes = {}
  while true do
    local byte = self.input:read(1)
    if not byte then error("chromium went away", 0) end
    if byte == "\0" then return assert(json.decode(table.concat(bytes))) end
    bytes[#bytes + 1] = byte
  end
end

--- Sends a command and waits for its answer.
function Browser:call(method, params)
  self.last = self.last + 1
  self.output:write(json.encode { id = self.last, method = method,
    params = params, sessionId = self.session }, "\0")
  repeat
    local answer = self:receive()
    if answer.id == self.last then
      if answer.error then error(method .. ": " .. answer.error.message, 0) end
      return answer.result
    end
  until false
end

--- What an expression of the page's own language gives.
function Browser:value(expression)
  return self:call("Runtime.evaluate",
    { expression = expression, returnByValue = true }).result.value
end

--- Presses a key for each character, as a person does.
function Browser:type(text)
  for character in text:gmatch "." do
    self:call("Input.dispatchKeyEvent", { type = "keyDown", text = character })
    self:call("Input.dispatchKeyEvent", { type = "keyUp" })
  end
end

function Browser:open(path)
  local target = self:call("Target.createTarget", { url = "about:blank" })
  self.session = self:call("Target.attachToTarget",
    { targetId = target.targetId, flatten = true }).sessionId
  self:call("Page.enable", {})
  self:call("Page.navigate", { url = "file://" .. path })
  repeat until self:receive().method == "Page.loadEventFired"
end

function Browser:close()
  self.session = nil
  pcall(self.call, self, "Browser.close", {})
  self.input:read "a"  -- until it has ended, and writes no more files
  self.output:close()
  self.input:close()
  files.drop(self.folder)
end

-- Ids of the entries one sees.
local seen = [[JSON.stringify([...document.querySelectorAll("section.e")]
  .filter(e => e.offsetParent !== null).map(e => e.id))]]

local function on_page(browser)
  local ids = {}
  for _, id in ipairs(json.decode(browser:value(seen))) do ids[id] = true end
  return ids
end

test("typing into the search box leaves what matches, and all comes back",
  function()
    local browser <close> = start()
    local path = browser.folder .. "/help.html"
    assert(require("orrery.help_page").write(path))
    browser:open(path)
    local function count() return #json.decode(browser:value(seen)) end
    local all = count()
    t.ok(all > 500, all)
    browser:value "document.getElementById('search').focus()"
    browser:type "leaky"
    local left = on_page(browser)
    t.ok(left.leaky_relu and left["nn.LeakyReLU"] and not left.softmax)
    -- A second word narrows it; words may come in any order and any case.
    browser:type " nn.L"
    left = on_page(browser)
    t.ok(left["nn.LeakyReLU"] and count() < all / 10)
    t.equal(browser:value "document.getElementById('search').value",
      "leaky nn.L")
    -- PyTorch's name finds ours.
    browser:value "document.getElementById('search').select()"
    browser:type "torch.nn.utils.stateless"
    t.equal(on_page(browser), { ["orrery.functional_call"] = true })
    browser:type "qqq"
    t.equal(count(), 0)
    browser:value "document.getElementById('search').select()"
    for _, kind in ipairs { "keyDown", "keyUp" } do
      browser:call("Input.dispatchKeyEvent", { type = kind, key = "Backspace",
        code = "Backspace", windowsVirtualKeyCode = 8 })
    end
    t.equal(count(), all)
  end)
