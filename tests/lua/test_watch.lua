--- The live view's server: who is told what, and that nobody waits for it.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local json = require "orrery.json"

local watch = require "orrery.watch"
local Store = require "orrery.runs.store"
local process = orrery._process
local root = os.getenv "ORRERY_SOURCE_DIR" or "."
local client = root .. "/tests/lua/watch_client.py"

local missing = watch.missing()
if not missing and not os.execute "command -v python3 >/dev/null" then
  missing = "python3 is not here"
end
local test = missing and function(name) t.skip(name, missing) end or t.test

local function spell(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

-- A watcher of a fresh folder, with what goes with it.
local function start(options)
  local o = options or {}
  local self = { folder = files.folder(), complaints = {}, count = 0 }
  self.out = o.out or self.folder .. "/runs"
  self.watcher = assert(watch.start { out = self.out, idle = o.idle,
    pulse = o.pulse, patience = o.patience, tell = function(text)
      table.insert(self.complaints, text)
    end })
  self.at = "/" .. self.watcher.token .. "/"
  return setmetatable(self, { __close = function()
    self.watcher:close()
    t.equal(self.complaints, {})
    files.drop(self.folder)
  end })
end

-- A request as it goes over the line.
local function get(path, more, method)
  return ("%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n"):format(
    method or "GET", path, more or "")
end

-- The client writes a character for a byte.
local function bytes(text)
  return (text:gsub(utf8.charpattern, function(c)
    return string.char(utf8.codepoint(c))
  end))
end

-- Starts to send the requests; whether all is over, and the answers then.
local function ask(self, requests)
  self.count = self.count + 1
  local base = ("%s/ask%d"):format(self.folder, self.count)
  local entries = {}
  for i, r in ipairs(requests) do
    entries[i] = type(r) == "string" and { send = r } or r
  end
  spell(base .. ".json", json.encode(entries))
  local pid = assert(process.spawn({ "python3", client,
    tostring(self.watcher.port), base .. ".json", base .. ".out" },
    base .. ".said"))
  local function over()
    local how, code = process.ended(pid)
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

local function serve_until(self, done)
  local since = orrery.clock()
  repeat
    self.watcher:step(0.01)
    if orrery.clock() - since > 120 then t.fail "it takes too long" end
  until done()
end

local function answers(self, requests)
  local over, read = ask(self, requests)
  serve_until(self, over)
  return read()
end

local function statuses(list)
  local out = {}
  for i, text in ipairs(list) do
    out[i] = math.tointeger(text:match "^HTTP/1.1 (%d+)") or "none"
  end
  return out
end

local function body(text) return text:match "\r\n\r\n(.*)$" end

-- A store with runs that were made by hand.
local function make_runs(self, count)
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

local function rows(from, to, value)
  local list = {}
  for i = from, to do list[#list + 1] = { i, "loss", i, value or i / 2 } end
  return list
end

-- ---------------------------------------------------------------- refusals

test("only the whole token opens anything", function()
  local w <close> = start()
  local token = w.watcher.token
  local near = (token:sub(1, 1) == "0" and "1" or "0") .. token:sub(2)
  local got = answers(w, { get(w.at), get("/" .. token), get "/",
    get("/" .. near .. "/"), get("/" .. token:sub(1, -2) .. "/"),
    get("/" .. token .. "0/"), get("/x" .. w.at), get("//" .. token .. "/"),
    get("/%20" .. token .. "/"), get "/events", get "/picture/1/1",
    get("/" .. token:upper() .. "A/") })
  t.equal(statuses(got), { 200, 308, 403, 403, 403, 403, 403, 403, 403, 403,
    403, 403 })
  t.equal(got[2]:match "Location: ([^\r]*)", w.at)
  for i = 3, #got do t.ok(not got[i]:find(token, 1, true)) end
end)

test("tokens are long, and no two are alike", function()
  local a, b = orrery._http.token(24), orrery._http.token(24)
  t.ok(a ~= b and a:find "^%x+$" and #a == 48)
  t.ok(orrery._http.same(a, a) and not orrery._http.same(a, b))
  t.ok(not orrery._http.same(a, a:sub(1, 47)))
  t.ok(orrery._http.same("", ""))
end)

test("another host's name is refused, this machine's are not", function()
  local w <close> = start()
  local function host(text)
    return ("GET %s HTTP/1.1\r\n%s\r\n"):format(w.at, text)
  end
  local good = answers(w, { host "Host: 127.0.0.1:80\r\n",
    host "Host: localhost:9000\r\n", host "Host: localhost\r\n" })
  t.equal(statuses(good), { 200, 200, 200 })
  local bad = answers(w, { host "Host: evil.example\r\n",
    host "Host: 127.0.0.1.evil.example\r\n", host "Host: localhost.\r\n",
    host "Host: evil@127.0.0.1\r\n", host "Host: 0.0.0.0\r\n",
    host "Host: 127.0.0.1\r\nHost: evil.example\r\n",
    host "Host: evil.example\r\nHost: 127.0.0.1\r\n",
    host "Host: 127.0.0.1:80 evil.example\r\n", host "Host:\r\n" })
  for i, status in ipairs(statuses(bad)) do
    t.ok(status == 421 or status == 400, i .. ": " .. tostring(status))
  end
  t.equal(statuses(answers(w, { host "" })), { 400 })
end)

test("methods but GET and HEAD are refused, bodies too", function()
  local w <close> = start()
  local list = {}
  for i, method in ipairs { "POST", "PUT", "DELETE", "OPTIONS", "PATCH",
    "TRACE", "BREW" } do
    list[i] = get(w.at, nil, method)
  end
  list[#list + 1] = get(w.at, "Content-Length: 9\r\n", "POST") .. "some body"
  for i, text in ipairs(answers(w, list)) do
    t.equal(statuses { text }, { 405 }, list[i])
    t.ok(text:find("Allow: GET, HEAD", 1, true))
  end
  local got = answers(w, { get(w.at, "Content-Length: 4\r\n") .. "body",
    get(w.at, "Transfer-Encoding: chunked\r\n") .. "0\r\n\r\n",
    get(w.at, "Content-Length: 99999999999\r\n"),
    get(w.at, nil, "HEAD"), get(w.at .. "events", nil, "HEAD") })
  t.equal(statuses(got), { 413, 413, 413, 200, 200 })
  t.equal(body(got[4]), "")
end)

test("pages of other sites are told nothing", function()
  local w <close> = start()
  local got = answers(w, {
    get(w.at, "Origin: http://evil.example\r\n"),
    get(w.at, "Origin: null\r\n"),
    get(w.at .. "events", "Sec-Fetch-Site: cross-site\r\n"
      .. "Sec-Fetch-Mode: cors\r\n"),
    get(w.at, "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n"),
    get(w.at, "Origin: http://127.0.0.1\r\nSec-Fetch-Site: same-origin\r\n") })
  t.equal(statuses(got), { 403, 403, 403, 200, 200 })
end)

test("no path leads to a file", function()
  local w <close> = start()
  make_runs(w):close()
  local list = {}
  for i, path in ipairs { "../", "../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd",
    "..%2f..%2fetc/passwd", "picture/../runs.sqlite", "runs.sqlite",
    "picture/1/../../runs.sqlite", "picture/1/1/../../../runs.sqlite",
    "picture/1", "picture/1/", "picture/-1/1", "picture/1e0/1", "picture/0x1/1",
    "picture/1/99999999999999999999999", "picture/%31/1", "toy/run1/x.png",
    "live.js/", "live.js%00.png", "./live.js", "LIVE.JS", "chart.js.map",
    "?/live.js", "\\..\\live.js", "%c0%ae%c0%ae/live.js" } do
    list[i] = get(w.at .. path)
  end
  for i, text in ipairs(answers(w, list)) do
    local wanted = list[i]:find("?", 1, true) and 200 or 404
    t.equal(statuses { text }, { wanted }, list[i])
    t.ok(not text:find("root:", 1, true) and not text:find("SQLite", 1, true))
  end
  for _, text in ipairs(answers(w, { get(w.at .. "live.js\0/../../x"),
    get("http://evil.example" .. w.at), get "*", get "", get(w.at .. "\r\n"),
    "GET " .. w.at .. "\r\n\r\n", "GET\r\n\r\n" }))
  do
    t.ok(not text:find("root:", 1, true) and not text:find("SQLite", 1, true))
  end
  t.equal(statuses(answers(w, { get(w.at) })), { 200 })
end)

test("what is too large is refused", function()
  local w <close> = start()
  local got = answers(w, { get(w.at .. ("a"):rep(40000)),
    get(w.at, ("X: %s\r\n"):format(("b"):rep(40000))),
    get(w.at, ("X: c\r\n"):rep(9000)), get(w.at .. ("a"):rep(8000)),
    { send = get(w.at .. "events?runs=" .. ("1,"):rep(4000) .. "&from="
      .. ("7;"):rep(3000)), events = 1 } })
  local s = statuses(got)
  t.ok(s[1] == 414 and (s[2] == 431 or s[2] == 413) and s[4] == 404,
    table.concat(s, " "))
  t.ok(s[3] == 431 or s[3] == 413 or s[3] == "none")
  t.equal(s[5], 200)
end)

test("every answer forbids what it can", function()
  local w <close> = start()
  for _, text in ipairs(answers(w, { get(w.at), get "/", get(w.at .. "live.js"),
    get(w.at .. "style.css"), get(w.at, nil, "POST") })) do
    local head = text:match "^(.-)\r\n\r\n"
    for _, line in ipairs { "X-Content-Type-Options: nosniff",
      "Referrer-Policy: no-referrer", "Cache-Control: no-store",
      "X-Frame-Options: DENY", "default-src 'none'", "connect-src 'self'",
      "Cross-Origin-Resource-Policy: same-origin" } do
      t.ok(head:find(line, 1, true), line .. " is missing in " .. head)
    end
    t.ok(not head:find("http", 1, true) or head:find "^HTTP/1.1 308", head)
    t.ok(not head:find "Access%-Control")
  end
end)

-- ---------------------------------------------------------------- pictures

test("pictures of runs are served, and nothing that links elsewhere", function()
  local w <close> = start()
  local store = make_runs(w, 2)
  local folder = w.out .. "/toy/run1"
  spell(folder .. "/a.png", "\137PNG one")
  spell(folder .. "/b.svg", "<svg/>")
  spell(folder .. "/secret.txt", "not a picture")
  spell(w.folder .. "/outside.png", "outside")
  os.execute(("cd '%s' && ln -s ../../../outside.png out.png && "
    .. "ln -s a.png in.png && mkdir d.png && mkfifo f.png && "
    .. "ln -s / root"):format(folder))
  for i, path in ipairs { "a.png", "b.svg", "secret.txt", "out.png", "in.png",
    "d.png", "f.png", "../../../outside.png", w.folder .. "/outside.png",
    "root/etc/passwd", "gone.png", "", "root" .. w.folder .. "/outside.png" }
  do
    store:keep(1, "image", "picture " .. i, path)
  end
  local list = {}
  for i = 1, 14 do list[i] = get(w.at .. "picture/1/" .. i .. "?stamp") end
  list[15] = get(w.at .. "picture/2/1")
  list[16] = get(w.at .. "picture/3/1")
  w.watcher:step(0)
  w.watcher.looked = -1
  w.watcher:step(0)
  local got = answers(w, list)
  t.equal(statuses(got), { 200, 200, 404, 404, 200, 404, 404, 404, 404, 404,
    404, 404, 404, 404, 404, 404 })
  t.equal(body(got[1]), files.read(folder .. "/a.png"))
  t.ok(got[1]:find("Content-Type: image/png", 1, true))
  t.ok(got[2]:find("Content-Type: image/svg+xml", 1, true))
  t.ok(got[2]:find("sandbox", 1, true))
  for _, text in ipairs(got) do t.ok(not text:find("outside", 1, true)) end
  store:close()
end)

-- ------------------------------------------------------------------ events

-- Events of a stream: { { name, id, data } ... }.
local function parse(text)
  local list = {}
  text = text:gsub("\r\n%x+\r\n", ""):gsub("\r\n", "")
  for name, id, data in text:gmatch "event: (%a+)\nid: ([^\n]*)\ndata: ([^\n]*)"
  do
    list[#list + 1] = { name = name, id = id, data = json.decode(data) }
  end
  return list
end

local function values(events)
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

-- The next look into the store is now.
local function look(w)
  w.watcher.looked = -1
  w.watcher:step(0)
end

local function events(w, query, count, more)
  look(w)
  return parse(answers(w, { { send = get(w.at .. "events" .. query, more),
    events = count } })[1])
end

test("a page is told the list, and of its runs the numbers", function()
  local w <close> = start()
  local store = make_runs(w, 3)
  store:append(2, rows(1, 5))
  store:append(3, rows(1, 5))
  local got = events(w, "?runs=2,77", 2)
  t.equal(got[1].name, "runs")
  t.equal(#got[1].data.runs, 3)
  t.equal(got[1].data.runs[2].label, "beta=2")
  t.equal(got[1].data.runs[2].status, "waiting")
  t.equal(got[2].name, "numbers")
  t.equal({ got[2].data.run, got[2].data.afresh }, { 2, true })
  t.equal(values(got), { 0.5, 1, 1.5, 2, 2.5 })
  t.equal(#got, 2)
  store:close()
end)

test("who comes back gets what came since, and only that", function()
  local w <close> = start()
  local store = make_runs(w)
  store:append(1, rows(1, 5))
  local first = events(w, "?runs=1", 2)
  store:append(1, rows(6, 7))
  local again = events(w, "?runs=1", 1,
    ("Last-Event-ID: %s\r\n"):format(first[2].id))
  t.equal(values(again), { 3, 3.5 })
  t.equal(again[1].data.afresh, false)
  -- As a new page of the same place: by the address.
  t.equal(values(events(w, "?runs=1&from=" .. first[2].id, 1)), { 3, 3.5 })
  -- Another run, with an id that does not speak of it, comes whole.
  local whole = { 0.5, 1, 1.5, 2, 2.5, 3, 3.5 }
  for _, id in ipairs { "garbage", "1;1:x:1.1:0", "0;1", "-5;1:-3:1.1:0" } do
    t.equal(values(events(w, "?runs=1&from=" .. id, 2)), whole, id)
  end
  store:close()
end)

test("numbers that are none arrive as gaps, told where", function()
  local w <close> = start()
  local store = make_runs(w)
  store:append(1, { { 1, "loss", 1, 2.0 }, { 2, "loss", 2, 0 / 0 },
    { 3, "loss", 3, math.huge }, { 4, "up", 1, -math.huge },
    { 5, "loss", 4, 1.0 } })
  local s = events(w, "?runs=1", 2)[2].data.series
  t.equal(s[1].x, { 1, 2, 3, 4 })
  t.equal({ s[1].y[1], s[1].y[2] == json.null, s[1].y[3] == json.null,
    s[1].y[4] }, { 2.0, true, true, 1.0 })
  t.equal({ s[1].odd, s[1].odd_at, s[1].odd_is }, { 2, 2, "nan" })
  t.equal({ s[2].odd, s[2].odd_is }, { 1, "infinite" })
  store:close()
end)

test("long series keep their least and greatest", function()
  local w <close> = start()
  local store = make_runs(w)
  local list = rows(1, 50000)
  list[30000][4], list[7][4] = 1e9, -3.0
  store:append(1, list)
  local low, high, count, n = math.huge, -math.huge, 0, 0
  for _, e in ipairs(events(w, "?runs=1", 4)) do
    for _, s in ipairs(e.data.series or {}) do
      for i, y in ipairs(s.lo) do
        low, high = math.min(low, y), math.max(high, s.hi[i])
      end
      count, n = count + #s.x, n + 1
    end
  end
  t.equal({ low, high, n }, { -3.0, 1e9, 3 })
  t.ok(count < 3000)
  store:close()
end)

test("a run that begins anew, and one that is gone, are told", function()
  local w <close> = start()
  local store = make_runs(w, 2)
  t.ok(store:claim(1, "{}"))
  store:append(1, rows(1, 5))
  local first = events(w, "?runs=1", 2)
  t.equal(first[1].data.runs[1].status, "running")
  store:finish(1, { status = "failed", message = "no \255 memory" })
  t.ok(store:claim(1, "{}"))
  store:append(1, rows(1, 3, 7.0))
  store:cut(1, 3)
  store:delete(2)
  local again = events(w, "?runs=1&from=" .. first[2].id, 2)
  t.equal(again[1].data.gone, { 2 })
  t.equal(again[2].data.afresh, true)
  t.equal(values(again), { 7, 7, 7 })
  store:finish(1, { status = "failed", message = "no \255 memory" })
  t.equal(events(w, "?runs=1", 1)[1].data.runs[1].message, "no ? memory")
  store:close()
end)

test("another store in the place of the first is taken up", function()
  local w <close> = start()
  make_runs(w, 2):close()
  local first = events(w, "?runs=1", 2)
  os.execute(("rm -r '%s'"):format(w.out))
  local store = make_runs(w, 1)
  store:append(1, rows(1, 2))
  local again = events(w, "?runs=1&from=" .. first[2].id, 2)
  t.equal(values(again), { 0.5, 1 })
  t.equal(again[2].data.afresh, true)
  store:close()
end)

test("a store that cannot be read is said so, once, and tried again", function()
  local w <close> = start()
  assert(orrery.fs.mkdir(w.out))
  spell(w.out .. "/runs.sqlite", ("no database at all\n"):rep(100))
  for _ = 1, 3 do look(w) end
  t.equal(#w.complaints, 1)
  t.ok(w.complaints[1]:find "^runs: .*runs.sqlite: file is not a database$")
  table.remove(w.complaints)
  assert(os.remove(w.out .. "/runs.sqlite"))
  make_runs(w):close()
  t.equal(#events(w, "", 1)[1].data.runs, 1)
end)

test("pictures are told once, and again when drawn afresh", function()
  local w <close> = start()
  local store = make_runs(w)
  t.ok(store:claim(1, "{}"))
  local path = w.out .. "/toy/run1/a.png"
  spell(path, "one")
  store:keep(1, "image", "samples, epoch 1", "a.png")
  local first = events(w, "?runs=1", 3)
  t.equal(first[3].name, "kept")
  local picture = first[3].data.pictures[1]
  t.equal({ picture.name, picture.place }, { "samples, epoch 1", 1 })
  spell(path .. ".new", "longer")
  os.rename(path .. ".new", path)
  store:keep(1, "image", "samples, epoch 1", "a.png")
  local again = events(w, "?runs=1&from=" .. first[3].id, 1)
  t.equal(again[1].name, "kept")
  t.ok(again[1].data.pictures[1].stamp ~= picture.stamp)
  store:finish(1, { status = "done" })
  store:close()
end)

test("warnings of a run are told as they arise, and as they pass", function()
  local w <close> = start()
  local store = make_runs(w)
  t.ok(store:claim(1, "{}"))
  local recorder = require("orrery.runs.recorder").new(store, 1,
    function() end)
  recorder:monitor("active", { below = 3, steps = 2 })
  local function log(step, value)
    recorder:scalar("active", step, value)
    recorder:flush()
  end
  log(1, 2.0)
  local first = events(w, "?runs=1", 2)
  t.equal(first[#first].name, "numbers")
  log(2, 2.0)
  recorder:warn("modes", "6 of 8 modes", 2)
  local second = events(w, "?runs=1&from=" .. first[2].id, 2)
  local list = second[#second].data.warnings
  t.equal(#list, 2)
  t.ok(list[1]:find "^active is 2, below 3" , list[1])
  t.equal(list[2], "6 of 8 modes")
  log(3, 5.0)
  local third = events(w, "?runs=1&from=" .. second[#second].id, 2)
  t.ok(third[#third].data.warnings[1]:find "recovered")
  store:finish(1, { status = "done" })
  store:close()
end)

-- ------------------------------------------------------- many, slow and gone

local function until_alone(w)
  serve_until(w, function()
    return #w.watcher.pages == 0 and w.watcher.server:connections() == 0
  end)
end

local function open_files()
  local list = orrery.fs.list "/proc/self/fd"
  return list and #list
end

test("a page grows while the store does", function()
  local w <close> = start()
  local store = make_runs(w)
  local seen, go = w.folder .. "/seen", w.folder .. "/over"
  local over = ask(w, { { send = get(w.at .. "events?runs=1"), into = seen },
    { wait = go } })
  for i = 1, 20 do
    store:append(1, rows(i, i))
    serve_until(w, function()
      return #values(parse(files.read(seen) or "")) == i
    end)
  end
  spell(go, "")
  serve_until(w, over)
  store:close()
end)

test("a page that does not read holds up nobody and nothing grows", function()
  local w <close> = start()
  local store = make_runs(w)
  store:append(1, rows(1, 10))
  local go, seen = w.folder .. "/go", w.folder .. "/seen"
  local over = ask(w, { { send = get(w.at .. "events?runs=1"), deaf = true,
    many = 3 }, { send = get(w.at .. "events?runs=1"), into = seen },
    { wait = go } })
  serve_until(w, function() return #w.watcher.pages == 4 end)
  local at, per_round = 10, 400
  local sizes = {}
  for round = 1, 60 do
    local names = {}
    for i = 1, per_round do
      at = at + 1
      names[i] = { at, "metric " .. i % 50 .. (" "):rep(500), at, 1.0 }
    end
    store:append(1, names)
    w.watcher.looked = -1
    w.watcher:step(0.002)
    collectgarbage()
    sizes[round] = collectgarbage "count" + orrery.memory().live_bytes / 1024
  end
  t.ok(sizes[60] < sizes[10] + 2000, "memory grew")
  serve_until(w, function()
    return #values(parse(files.read(seen) or "")) == at
  end)
  spell(go, "")
  serve_until(w, over)
  store:close()
end)

test("pages come and go, and leave no file open behind them", function()
  local w <close> = start { pulse = 0, patience = 2 }
  local store = make_runs(w)
  store:append(1, rows(1, 100))
  t.equal(statuses(answers(w, { get(w.at) })), { 200 })
  until_alone(w)
  collectgarbage()
  local before = open_files()
  for _ = 1, 3 do
    local stream = get(w.at .. "events?runs=1")
    local got = answers(w, { { send = stream, leave = true, many = 10 },
      { send = get(w.at .. "live.js"), leave = true, many = 10 },
      { send = "GET /", leave = true, many = 5 },
      { send = stream, deaf = true, many = 10 },
      { send = stream, events = 2, many = 10 } })
    for i = #got - 9, #got do t.equal(#values(parse(got[i])), 100) end
    until_alone(w)
  end
  t.equal(open_files(), before)
  store:close()
end)

test("a request that never ends is given up", function()
  local w <close> = start { patience = 1 }
  local got = answers(w, { "GET /", "\0\0\0\0\r\n\r\n", "" })
  for _, text in ipairs(got) do t.equal(text:match "\r\n\r\n(.*)", nil) end
  until_alone(w)
end)

test("a watcher ends with pages that are still there", function()
  local w <close> = start()
  make_runs(w):close()
  local over, read = ask(w, { { send = get(w.at .. "events?runs=1"),
    events = 99 } })
  serve_until(w, function() return #w.watcher.pages == 1 end)
  w.watcher:step(0.01)
  w.watcher:close()
  local since = orrery.clock()
  while not over() and orrery.clock() - since < 60 do orrery.sleep(0.01) end
  t.equal(statuses(read()), { 200 })
end)

-- ------------------------------------------------------------------ starting

test("a port that is taken is said so", function()
  local w <close> = start()
  local second, why = watch.start { out = w.out, port = w.watcher.port }
  t.equal(second, nil)
  t.equal(why, ("watch: port %d is taken, by another watcher or program; give "
    .. "port=0, which takes a free one"):format(w.watcher.port))
end)

test("nobody looks and nothing runs: it ends by itself", function()
  local w <close> = start { idle = 0.3 }
  w.watcher:serve()
end)

local program = (os.getenv "ORRERY_BUILD_DIR" or "build") .. "/orrery"

-- The program's exit status and what it said.
local function run_program(w, words)
  local said = w.folder .. "/program"
  local pid = assert(process.spawn({ program, "watch",
    table.unpack(words) }, said))
  local how, code
  repeat
    how, code = process.ended(pid)
    orrery.sleep(0.01)
  until how
  return code, files.read(said)
end

test("words that are wrong are told so, with what would be right", function()
  local w <close> = start()
  spell(w.folder .. "/file", "")
  for words, sentence in pairs {
    ["prot=80"] = "there is no prot=; did you mean port=?",
    ["port=x"] = "port is x; give a whole number, 0 to 65535",
    ["port=1.5"] = "port is 1.5; give a whole number, 0 to 65535",
    ["port=70000"] = "port is 70000; give a whole number, 0 to 65535",
    ["idle=-1"] = "idle is -1; give minutes, 0 to 1e+06",
    ["--now"] = "unknown flag --now; orrery watch --help",
    [w.folder .. "/file"] = w.folder .. "/file is no folder; give the one with "
      .. "runs.sqlite",
  } do
    local code, said = run_program(w, { words })
    t.equal({ code, said }, { 2, "orrery: watch: " .. sentence .. "\n" })
  end
  local code, said = run_program(w, { "--help" })
  t.equal(code, 0)
  t.ok(said:find "^orrery watch %[FOLDER%]")
  code, said = run_program(w, { w.out, "port=" .. w.watcher.port })
  t.equal(code, 1)
  t.ok(said:find("is taken", 1, true))
end)

test("the program prints its address once and ends by Ctrl-C", function()
  local w <close> = start()
  local said = w.folder .. "/said"
  local pid = assert(process.spawn({ program, "watch", w.out }, said))
  while not (files.read(said) or ""):find "Ctrl%-C ends it" do
    orrery.sleep(0.01)
  end
  process.stop(pid, "int")
  local how, code
  repeat
    how, code = process.ended(pid)
    orrery.sleep(0.01)
  until how
  t.equal({ how, code }, { "exit", 0 }, files.read(said))
  local text, count = files.read(said):gsub("http://127.0.0.1:%d+/%x+/\n", "")
  t.equal(count, 1)
  t.equal(text, ("there are no runs in %s yet; the page shows them as they come"
    .. "\nCtrl-C ends it\n"):format(w.out))
end)

-- A lock of the watcher would end the writing with "database is locked".
test("a watcher that is stopped in its tracks holds no lock", function()
  local w <close> = start()
  local store = make_runs(w)
  local said, seen = w.folder .. "/said", 0
  local pid = assert(process.spawn({ program, "watch", w.out }, said))
  local address
  repeat
    address = (files.read(said) or ""):match "http://127.0.0.1:(%d+)/"
    orrery.sleep(0.01)
  until address
  local token = files.read(said):match ":%d+(/%x+/)"
  spell(w.folder .. "/page.json", json.encode {
    { send = get(token .. "events?runs=1"), deaf = true },
    { wait = w.folder .. "/over" } })
  local page = assert(process.spawn({ "python3", client, address,
    w.folder .. "/page.json", w.folder .. "/page.out" }, w.folder .. "/p"))
  for round = 1, 40 do
    os.execute(("kill -%s %d"):format(round % 2 == 1 and "STOP" or "CONT", pid))
    for _ = 1, 10 do
      store:append(1, rows(seen + 1, seen + 50))
      seen = seen + 50
    end
    orrery.sleep(0.01)
  end
  t.equal(#store:numbers(1), seen)
  os.execute(("kill -CONT %d"):format(pid))
  spell(w.folder .. "/over", "")
  process.stop(pid, "int")
  for _, id in ipairs { page, pid } do
    while not process.ended(id) do orrery.sleep(0.01) end
  end
  store:close()
end)
