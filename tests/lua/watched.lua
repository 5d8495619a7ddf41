--- What tests of the live view share: a watcher of a fresh folder, the client
--- that asks it, and runs to look at.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local json = require "orrery.json"

local watch = require "orrery.watch"
local Store = require "orrery.runs.store"
local process = orrery._process
local root = os.getenv "ORRERY_SOURCE_DIR" or "."
local client = root .. "/tests/lua/watch_client.py"

local watched = {}

local missing = watch.missing()
if not missing and not os.execute "command -v python3 >/dev/null" then
  missing = "python3 is not here"
end
--- Declares a test, or a skip that says what is missing.
watched.test = missing and function(name) t.skip(name, missing) end or t.test

function watched.spell(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

--- A watcher of a fresh folder, with what goes with it. Whatever a test comes
--- to, the programs that it began with `spawn` have ended when it closes.
function watched.start(options)
  local o = options or {}
  local self = { folder = files.folder(), complaints = {}, count = 0,
    running = {} }
  self.out = o.out or self.folder .. "/runs"
  self.watcher = assert(watch.start { out = self.out, idle = o.idle,
    pulse = o.pulse, patience = o.patience, tell = function(text)
      table.insert(self.complaints, text)
    end })
  self.at = "/" .. self.watcher.token .. "/"
  return setmetatable(self, { __close = function(_, failed)
    for pid in pairs(self.running) do
      process.stop(pid, "kill")
      while not process.ended(pid) do orrery.sleep(0.01) end
    end
    self.watcher:close()
    files.drop(self.folder)
    if not failed then t.equal(self.complaints, {}) end
  end })
end

--- Begins a program; what it says goes to the file `said`.
---@return integer pid
function watched.spawn(self, words, said)
  local pid = assert(process.spawn(words, said))
  self.running[pid] = true
  return pid
end

--- As process.ended, of a program begun by `spawn`.
function watched.ended(self, pid)
  local how, code = process.ended(pid)
  if how then self.running[pid] = nil end
  return how, code
end

--- A request as it goes over the line.
function watched.get(path, more, method)
  return ("%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n"):format(
    method or "GET", path, more or "")
end

-- The client writes a character for a byte.
local function bytes(text)
  return (text:gsub(utf8.charpattern, function(c)
    return string.char(utf8.codepoint(c))
  end))
end

--- Begins the client: requests from one file, answers into another.
---@return integer pid
function watched.client(self, port, requests, out, said)
  return watched.spawn(self, { "python3", client, tostring(port), requests,
    out }, said)
end

--- Starts to send the requests; whether all is over, and the answers then.
function watched.ask(self, requests)
  self.count = self.count + 1
  local base = ("%s/ask%d"):format(self.folder, self.count)
  local entries = {}
  for i, r in ipairs(requests) do
    entries[i] = type(r) == "string" and { send = r } or r
  end
  watched.spell(base .. ".json", json.encode(entries))
  local pid = watched.client(self, self.watcher.port, base .. ".json",
    base .. ".out", base .. ".said")
  local function over()
    local how, code = watched.ended(self, pid)
    if how then
      t.equal({ how, code }, { "exit", 0 }, files.read(base .. ".said"))
    end
    return how ~= nil
  end
  return over, function()
    local list = json.decode(files.read(base .. ".out"))
    for i, text in ipairs(list) do list[i] = bytes(text) end
    return list
  end
end

function watched.serve_until(self, done)
  local since = orrery.clock()
  repeat
    self.watcher:step(0.01)
    if orrery.clock() - since > 120 then t.fail "it takes too long" end
  until done()
end

function watched.answers(self, requests)
  local over, read = watched.ask(self, requests)
  watched.serve_until(self, over)
  return read()
end

function watched.statuses(list)
  local out = {}
  for i, text in ipairs(list) do
    out[i] = math.tointeger(text:match "^HTTP/1.1 (%d+)") or "none"
  end
  return out
end

function watched.body(text) return text:match "\r\n\r\n(.*)$" end

--- A store with runs that were made by hand.
function watched.make_runs(self, count)
  local store = assert(Store.open(self.out, true))
  local list = {}
  for i = 1, count or 1 do
    list[i] = { key = "key" .. i, experiment = "toy", label = "beta=" .. i,
      folder = "toy/run" .. i, config = "{}", seed = i, code = "" }
    assert(orrery.fs.mkdir(self.out .. "/toy/run" .. i))
  end
  store:enroll(list)
  return store
end

function watched.rows(from, to, value)
  local list = {}
  for i = from, to do list[#list + 1] = { i, "loss", i, value or i / 2 } end
  return list
end

--- Events of a stream: { { name, id, data } ... }.
function watched.parse(text)
  local list = {}
  text = text:gsub("\r\n%x+\r\n", ""):gsub("\r\n", "")
  for name, id, data in text:gmatch "event: (%a+)\nid: ([^\n]*)\ndata: ([^\n]*)"
  do
    list[#list + 1] = { name = name, id = id, data = json.decode(data) }
  end
  return list
end

function watched.values(events)
  local out = {}
  for _, e in ipairs(events) do
    if e.name == "numbers" then
      for _, s in ipairs(e.data.series) do
        table.move(s.y, 1, #s.y, #out + 1, out)
      end
    end
  end
  return out
end

--- The next look into the store is now.
function watched.look(w)
  w.watcher.looked = -1
  w.watcher:step(0)
end

function watched.events(w, query, count, more)
  watched.look(w)
  return watched.parse(watched.answers(w, { { events = count,
    send = watched.get(w.at .. "events" .. query, more) } })[1])
end

function watched.until_alone(w)
  watched.serve_until(w, function()
    return #w.watcher.pages == 0 and w.watcher.server:connections() == 0
  end)
end

return watched
