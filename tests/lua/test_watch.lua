--- The live view's server: whom it refuses, and how it starts and ends.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local json = require "orrery.json"

local watch = require "orrery.watch"
local process = orrery._process
local watched = dofile((os.getenv "ORRERY_SOURCE_DIR" or ".")
  .. "/tests/lua/watched.lua")
local test, spell, start, get, answers, statuses, body, make_runs, rows =
  watched.test, watched.spell, watched.start, watched.get,
  watched.answers, watched.statuses, watched.body, watched.make_runs,
  watched.rows

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
  local pid = watched.spawn(w, { program, "watch", table.unpack(words) }, said)
  local how, code
  repeat
    how, code = watched.ended(w, pid)
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
  local pid = watched.spawn(w, { program, "watch", w.out }, said)
  while not (files.read(said) or ""):find "Ctrl%-C ends it" do
    orrery.sleep(0.01)
  end
  process.stop(pid, "int")
  local how, code
  repeat
    how, code = watched.ended(w, pid)
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
  local pid = watched.spawn(w, { program, "watch", w.out }, said)
  local address
  repeat
    address = (files.read(said) or ""):match "http://127.0.0.1:(%d+)/"
    orrery.sleep(0.01)
  until address
  local token = files.read(said):match ":%d+(/%x+/)"
  spell(w.folder .. "/page.json", json.encode {
    { send = get(token .. "events?runs=1"), deaf = true },
    { wait = w.folder .. "/over" } })
  local page = watched.client(w, address, w.folder .. "/page.json",
    w.folder .. "/page.out", w.folder .. "/p")
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
    while not watched.ended(w, id) do orrery.sleep(0.01) end
  end
  store:close()
end)
