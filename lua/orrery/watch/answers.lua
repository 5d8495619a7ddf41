--- What the watcher answers to a request. Only one who has the token is told
--- anything, and no part of an address is ever the name of a file: pictures
--- go by the numbers of their run and of their place in it.
local core = require "orrery.core"
local page = require "orrery.watch.page"
local position = require "orrery.watch.position"

-- Everything comes from here; what the pages may do is as little as they need.
local policy = "default-src 'none'; script-src 'self'; style-src 'self' "
  .. "'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
  .. "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
-- A picture opened by itself may be SVG, which could hold a script.
local picture_policy = "default-src 'none'; style-src 'unsafe-inline'; "
  .. "img-src data:; sandbox"

local most_runs = 16  -- that one page shows the numbers of

local function headers(kind, more)
  local h = {
    ["Content-Type"] = kind, ["Cache-Control"] = "no-store",
    ["Content-Security-Policy"] = policy,
    ["X-Content-Type-Options"] = "nosniff",
    ["X-Frame-Options"] = "DENY", ["Referrer-Policy"] = "no-referrer",
    ["Cross-Origin-Resource-Policy"] = "same-origin",
    ["Cross-Origin-Opener-Policy"] = "same-origin",
  }
  for name, value in pairs(more or {}) do h[name] = value end
  return h
end

local function refuse(status, sentence, more)
  return status, headers("text/plain; charset=utf-8", more),
    "watch: " .. sentence .. "\n"
end

-- A page of elsewhere can make a name of its own mean this machine, but then
-- its name is in the Host header (DNS rebinding). A port other than ours is
-- what a tunnel of ssh has.
local function from_here(h)
  local name = (h.host or ""):match "^([%w.]+):?%d*$"
  return name == "127.0.0.1" or name == "localhost"
end

-- Does another site's page ask, not a person who follows the address?
local function from_a_page_elsewhere(h)
  local site = h["sec-fetch-site"]
  local origin = h.origin
  return site and (site == "cross-site" or site == "same-site")
    and h["sec-fetch-mode"] ~= "navigate"
    or origin ~= nil and origin ~= "http://" .. h.host
end

local function has_body(h)
  local length = h["content-length"]
  return h["transfer-encoding"] ~= nil or length ~= nil and length ~= "0"
end

--- What is wrong with a request before its address is looked at.
local function objection(request)
  local h = request.headers
  if request.method ~= "GET" and request.method ~= "HEAD" then
    return refuse(405, request.method .. " is not for here; use GET",
      { Allow = "GET, HEAD" })
  elseif has_body(h) then
    return refuse(413, "a request has no body here; send none")
  elseif not from_here(h) then
    return refuse(421, "this is 127.0.0.1 and no other host; use the address "
      .. "that `orrery watch` printed")
  elseif from_a_page_elsewhere(h) then
    return refuse(403, "pages of other sites are told nothing")
  end
end

-- The runs a page shows: "3,5,8".
local function wanted_runs(text)
  local list, seen = {}, {}
  for word in (text or ""):sub(1, 400):gmatch "%d+" do
    local id = math.tointeger(tonumber(word))
    if id and not seen[id] and #list < most_runs then
      seen[id], list[#list + 1] = true, id
    end
  end
  return list
end

local function events(self, request)
  if request.method == "HEAD" then
    return 200, headers "text/event-stream", ""
  end
  local wanted = wanted_runs(request.query.runs)
  local at = position.read(request.headers["last-event-id"]
    or request.query.from, wanted)
  return 200, headers "text/event-stream", function(stream)
    self.join { stream = stream, wanted = wanted, at = at }
  end
end

local function picture(self, id, place)
  local bytes, kind = self.feed:picture(math.tointeger(tonumber(id)),
    math.tointeger(tonumber(place)))
  if not bytes then return refuse(404, "there is no such picture") end
  return 200, headers(kind, { ["Content-Security-Policy"] = picture_policy }),
    bytes
end

local function resource(self, name)
  local body, kind = page.part(name, self.feed.out)
  if body then return 200, headers(kind), body end
  return refuse(404, "there is nothing of that name")
end

--- The handler of a server.
---@param self table  token, feed, join (takes up a page's stream)
---@return fun(request: table): integer, table, string|fun(stream: userdata)
return function(self)
  return function(request)
    local status, more, body = objection(request)
    if status then return status, more, body end
    local token, rest = request.path:match "^/([^/]*)(.*)$"
    if not core._http.same(token or "", self.token) then
      return refuse(403, "this address has not the watcher's token; use the "
        .. "one that `orrery watch` printed")
    elseif rest == "" then
      return refuse(308, "this way", { Location = "/" .. self.token .. "/" })
    elseif rest == "/events" then
      return events(self, request)
    end
    local id, place = rest:match "^/picture/(%d+)/(%d+)$"
    if id then return picture(self, id, place) end
    return resource(self, rest:sub(2))
  end
end
