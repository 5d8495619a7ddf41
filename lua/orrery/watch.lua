--- The live view: a page on this machine that shows the runs of a folder while
--- they run. `orrery watch` starts it and prints its address.
---
---     orrery watch                 the runs of runs/
---     orrery watch FOLDER port=8000 idle=0
---
--- The page lists runs and sweeps, draws their curves and shows their pictures
--- as they come. The watcher only reads what runs write down: training neither
--- waits for it nor knows of it. It answers on 127.0.0.1 alone, to those who
--- have the address, which holds a random token.
local core = require "orrery.core"
local Feed = require "orrery.watch.feed"
local Store = require "orrery.runs.store"
local answers = require "orrery.watch.answers"

local watch = {}

local interval = 0.25  -- seconds between looks into the store
local pulse = 10       -- seconds of quiet after which a page is sent a sign
local patience = 30    -- seconds after which a connection that hangs is ended
local most = 100       -- connections at once

---@class orrery.watch.Watcher
---@field url string
---@field port integer
---@field pages table[]  stream, wanted, at, stamp, spoke
local Watcher = {}
Watcher.__index = Watcher

--- Why there is no live view in this build, or nil when there is.
---@return string?
function watch.missing()
  if not core._http then return "built without libmicrohttpd" end
  return Store.missing()
end

-- What happened while a page was told something new is told the next time.
local function tell(self, page, now)
  local text, behind = self.feed:news(page.at, page.wanted)
  page.stamp = not behind and self.feed.stamp or nil
  if text == "" then return end
  page.stream:send(text)
  page.spoke = now
end

-- A page that has not taken the last events is left alone until it has.
local function serve_pages(self, now)
  local pages = self.pages
  for i = #pages, 1, -1 do
    local page = pages[i]
    if page.stream:gone() then
      table.remove(pages, i)
    elseif page.stream:ready() then
      if page.stamp ~= self.feed.stamp then
        tell(self, page, now)
      elseif now - page.spoke > self.pulse then
        page.stream:send ": here\n\n"
        page.spoke = now
      end
    end
  end
end

-- A store that cannot be read now (a full disk, a file half copied) is tried
-- again; the person is told once.
local function refresh(self)
  local ok, why = pcall(self.feed.refresh, self.feed)
  if ok then
    self.complaint = nil
  elseif core.interrupted() then
    error(why, 0)
  elseif self.complaint ~= why then
    self.complaint = why
    self.tell(tostring(why))
  end
end

--- Answers for a while.
---@param seconds? number  at most so long; default 0.25
function Watcher:step(seconds)
  local failure = self.server:run(seconds or interval)
  if failure then
    if core.interrupted() then error(failure, 0) end
    self.tell(tostring(failure))
  end
  local now = core.clock()
  if now - self.looked > interval then
    self.looked = now
    refresh(self)
  end
  serve_pages(self, now)
  if #self.pages > 0 or self.feed:busy() then self.used = now end
end

--- Answers until nobody looked and nothing ran for `idle` seconds.
function Watcher:serve()
  while self.idle <= 0 or core.clock() - self.used < self.idle do
    self:step()
  end
end

--- Ends all connections and lets go of the store.
function Watcher:close()
  self.server:close()
  self.feed:close()
  self.pages = {}
end
Watcher.__close = Watcher.close

local function no_port(port, why)
  if why == "taken" then
    return ("watch: port %d is taken, by another watcher or program; give "
      .. "port=0, which takes a free one"):format(port)
  end
  return ("watch: port %d: %s; give port=0, which takes a free one"):format(
    port, why)
end

--- Starts a watcher; `serve` or `step` then does its work.
---@param options? table  out = "runs", the folder; port = 0, which is any free
---  one; idle = 3600 seconds after which it ends by itself, 0 never; pulse = 10
---  seconds between signs of life to a page; patience = 30 seconds after which
---  a connection that hangs is ended; tell, a function that says what is wrong
---@return orrery.watch.Watcher? watcher  with `url`
---@return string? message
function watch.start(options)
  local o = options or {}
  local why = watch.missing()
  if why then return nil, "watch: there is no live view: " .. why end
  local self = setmetatable({
    feed = Feed(o.out or "runs"), pages = {}, token = core._http.token(24),
    looked = -interval, used = core.clock(), idle = o.idle or 3600,
    pulse = o.pulse or pulse,
    tell = o.tell or function(text) io.stderr:write("orrery: ", text, "\n") end,
  }, Watcher)
  function self.join(page)
    page.spoke = core.clock()
    self.pages[#self.pages + 1] = page
  end
  local handler = answers { token = self.token, feed = self.feed,
    join = self.join }
  local server, port = core._http.start(o.port or 0, handler,
    o.patience or patience, most)
  if not server then return nil, no_port(o.port or 0, port) end
  self.server, self.port = server, port
  self.url = ("http://127.0.0.1:%d/%s/"):format(port, self.token)
  return self
end

return watch
