--- The store of a folder of runs: one SQLite database, OUT/runs.sqlite, that
--- any number of processes write and read at once. All SQL is in this file.
---
--- A run belongs to the process that claimed it; when that process is gone,
--- whatever the row says, the run is interrupted and may be claimed afresh.
--- Writing takes turns: every transaction is short, and waits for others.
local core = require "orrery.core"
local owner = require "orrery.runs.owner"
local packing = require "orrery.runs.packing"

---@class orrery.runs.Store
---@field db table  the open database
---@field out string  the folder
---@field path string  of the database in it
local Store = {}
Store.__index = Store

local version = 1
local file_name = "runs.sqlite"

-- step and value have no type: a NaN is the text 'nan', all others are numbers.
local schema = {
  [[CREATE TABLE runs(id INTEGER PRIMARY KEY AUTOINCREMENT,
    experiment TEXT NOT NULL, key TEXT NOT NULL UNIQUE, script TEXT,
    label TEXT, folder TEXT NOT NULL, config TEXT NOT NULL, seed INTEGER,
    code TEXT, environment TEXT, revision TEXT, status TEXT NOT NULL,
    message TEXT, trace TEXT, result TEXT, attempts INTEGER NOT NULL DEFAULT 0,
    created INTEGER, started INTEGER, ended INTEGER, seconds REAL,
    pid INTEGER, pid_start TEXT, host TEXT, heartbeat INTEGER,
    fraction REAL, note TEXT)]],
  [[CREATE TABLE metrics(run INTEGER NOT NULL, seq INTEGER NOT NULL,
    name TEXT NOT NULL, step, value, PRIMARY KEY(run, seq))
    WITHOUT ROWID]],
  [[CREATE TABLE artifacts(run INTEGER NOT NULL, kind TEXT NOT NULL,
    name TEXT NOT NULL, place INTEGER NOT NULL, path TEXT, content TEXT,
    PRIMARY KEY(run, kind, name)) WITHOUT ROWID]],
}

--- Why nothing is recorded, or nil when it is.
---@return string?
function Store.missing()
  if not core._sqlite then return "built without SQLite" end
  if not core._io.features.json then return "built without jansson" end
end

-- SQLite does not wait for others when it changes the journal's kind.
local function use_wal(db)
  for attempt = 1, 200 do
    local ok, why = pcall(db.run, db, "PRAGMA journal_mode=WAL")
    if ok then return end
    if attempt == 200 or not tostring(why):find "locked" then error(why, 0) end
    core.sleep(0.01)
  end
end

local function prepare(db, path)
  use_wal(db)
  db:run "PRAGMA synchronous=NORMAL"
  if db:run("PRAGMA user_version")[1].user_version == version then return end
  db:transaction(function()
    local found = db:run("PRAGMA user_version")[1].user_version
    if found > version then
      error(("runs: %s is of a newer Orrery; use that one"):format(path), 0)
    elseif found == 0 then
      for _, text in ipairs(schema) do db:run(text) end
      db:run(("PRAGMA user_version=%d"):format(version))
    end
  end)
end

--- Opens the store of a folder.
---@param out string
---@param make boolean  make it when it is not there
---@return orrery.runs.Store?
---@return string? message
function Store.open(out, make)
  local path = out .. "/" .. file_name
  local why = Store.missing()
  if why then return nil, "runs: they are not recorded: " .. why end
  if not make and not core.fs.exists(path) then
    return nil, ("runs: there are none in %s; give out=FOLDER"):format(out)
  end
  local ok, message = core.fs.mkdir(out)
  if not ok then return nil, "runs: " .. message end
  local db
  db, message = core._sqlite.open(path)
  if not db then return nil, message end
  ok, message = pcall(prepare, db, path)
  if not ok then return nil, message end
  return setmetatable({ db = db, out = out, path = path }, Store)
end

--- Opens the store of a folder to look into, never to write.
---@param out string
---@return orrery.runs.Store?  nil while there is none
---@return string? message  when it cannot be read
function Store.look(out)
  local path = out .. "/" .. file_name
  if Store.missing() or not core.fs.exists(path) then return nil end
  local db, why = core._sqlite.open(path)
  if not db then return nil, why end
  local ok, found = pcall(function()
    db:run "PRAGMA query_only=1"
    return db:run("PRAGMA user_version")[1].user_version
  end)
  if ok and found == version then
    return setmetatable({ db = db, out = out, path = path }, Store)
  end
  db:close()
  if not ok then return nil, tostring(found) end
  if found > version then
    return nil, ("runs: %s is of a newer Orrery; use that one"):format(path)
  end
end

function Store:close() self.db:close() end

--- Another number after each change that another process made.
---@return integer
function Store:changes()
  return self.db:run("PRAGMA data_version")[1].data_version
end

-- ------------------------------------------------------------- rows of runs

-- The status as it is, not as a process that was killed left it.
local function seen(row)
  if row and row.status == "running" and not owner.alive(row) then
    row.status = "interrupted"
    row.message = row.message or "its process ended"
  end
  return row
end

--- The row of a run by its id, or by its key; nil when there is none.
function Store:row(id)
  local by = math.type(id) == "integer" and "id" or "key"
  return seen(self.db:run(("SELECT * FROM runs WHERE %s=?"):format(by), id)[1])
end

--- All rows, in the order they were made.
function Store:rows()
  local rows = self.db:run "SELECT * FROM runs ORDER BY id"
  for _, row in ipairs(rows) do seen(row) end
  return rows
end

--- All rows as `rows` has them, with what a list of runs shows and no more.
function Store:overview()
  local rows = self.db:run [[SELECT id, experiment, key, label, folder, status,
    message, seed, attempts, created, started, ended, seconds, pid, pid_start,
    host, heartbeat, fraction, note FROM runs ORDER BY id]]
  for _, row in ipairs(rows) do seen(row) end
  return rows
end

-- (An INSERT that is ignored would use up an id all the same.)
local known = "SELECT 1 FROM runs WHERE key=?"

--- Makes rows for those runs that have none yet, all or none of them.
---@param list table[]  key, experiment, script, label, folder, config (text),
---  seed, code
function Store:enroll(list)
  self.db:transaction(function()
    for _, r in ipairs(list) do
      if not self.db:run(known, r.key)[1] then
        self.db:run([[INSERT INTO runs(experiment, key, script, label, folder,
          config, seed, code, status, created)
          VALUES(?,?,?,?,?,?,?,?,'waiting',?)]], r.experiment, r.key, r.script,
          r.label, r.folder, r.config, r.seed, r.code, os.time())
      end
    end
  end)
end

--- Takes a run in hand, unless it is done or another process has it.
---@param id integer
---@param environment string
---@param revision? string
---@return boolean claimed
---@return string? status  when not: "done", "running" or "deleted"
function Store:claim(id, environment, revision)
  local me = owner.me()
  return self.db:transaction(function()
    local row = self:row(id)
    if not row then return false, "deleted" end
    if row.status == "done" or row.status == "running" then
      return false, row.status
    end
    owner.hold(row.key)
    self.db:run([[UPDATE runs SET status='running', pid=?, pid_start=?, host=?,
      heartbeat=?, started=?, ended=NULL, message=NULL, trace=NULL,
      result=NULL, fraction=0, note=NULL, attempts=attempts+1, environment=?,
      revision=? WHERE id=?]], me.pid, me.start, me.host, os.time(), os.time(),
      environment, revision, id)
    return true
  end)
end

--- Writes down how a run of this process ended.
---@param id integer
---@param how table  status, message?, trace?, result? (text), seconds
---@return boolean kept  false when it was not ours
function Store:finish(id, how)
  local me = owner.me()
  local n = self.db:run([[UPDATE runs SET status=?, message=?, trace=?,
    result=?, seconds=?, ended=?, heartbeat=? WHERE id=? AND status='running'
    AND pid=? AND pid_start=? AND host=?]], how.status, how.message, how.trace,
    how.result, how.seconds, os.time(), os.time(), id, me.pid, me.start,
    me.host)
  local row = self:row(id)
  if row then owner.let_go(row.key) end
  return n == 1
end

--- A worker ended without a word: says so in its place. A run that another
--- process has taken up since is left alone.
---@param id integer
---@param pid integer  of the worker
function Store:lost(id, pid, status, message)
  self.db:run([[UPDATE runs SET status=?, message=?, ended=? WHERE id=? AND
    (status='waiting' OR status='running' AND pid=?)]], status, message,
    os.time(), id, pid)
end

--- A sign of life, and how far the run is.
function Store:beat(id, fraction, note)
  self.db:run([[UPDATE runs SET heartbeat=?, fraction=coalesce(?, fraction),
    note=coalesce(?, note) WHERE id=?]], os.time(), fraction, note, id)
end

--- Removes a run and all that the store holds of it.
function Store:delete(id)
  self.db:transaction(function()
    for _, name in ipairs { "metrics", "artifacts" } do
      self.db:run(("DELETE FROM %s WHERE run=?"):format(name), id)
    end
    self.db:run("DELETE FROM runs WHERE id=?", id)
  end)
end

-- --------------------------------------------------------- numbers, pictures

--- Adds numbers. Written twice they are there once: seq tells them apart.
---@param id integer
---@param rows table[]  { seq, name, step, value }
function Store:append(id, rows)
  self.db:transaction(function()
    for _, r in ipairs(rows) do
      self.db:run("INSERT OR REPLACE INTO metrics VALUES(?,?,?,?,?)", id, r[1],
        r[2], r[3], r[4])
    end
  end)
end

--- Forgets the numbers after a seq.
function Store:cut(id, seq)
  self.db:run("DELETE FROM metrics WHERE run=? AND seq>?", id, seq)
end

--- Numbers in the order they were logged.
---@param id integer
---@param after? integer  only those after a seq
---@param most? integer  and no more than so many
---@return table[] rows  { seq, name, step, value }
function Store:numbers(id, after, most)
  local rows = self.db:run([[SELECT seq, name, step, value FROM metrics
    WHERE run=? AND seq>? ORDER BY seq LIMIT ?]], id, after or 0, most or -1)
  for i, r in ipairs(rows) do
    local value = r.value == "nan" and 0 / 0 or r.value
    rows[i] = { r.seq, r.name, r.step, value }
  end
  return rows
end

--- Keeps a picture or a table; under a name it had, in the place it had.
---@param kind "image"|"table"
---@param path? string  in the folder of the run
---@param content? string
function Store:keep(id, kind, name, path, content)
  self.db:run([[INSERT INTO artifacts VALUES(?1, ?2, ?3,
    (SELECT coalesce(max(place), 0) + 1 FROM artifacts WHERE run=?1), ?4, ?5)
    ON CONFLICT DO UPDATE SET path=excluded.path, content=excluded.content]],
    id, kind, name, path, content)
end

--- Forgets all pictures and tables of a run. What a person changed on the way
--- stays: taken up from its beginning, the run changes it again.
function Store:clear(id)
  self.db:run("DELETE FROM artifacts WHERE run=? AND kind<>'change'", id)
end

--- What was changed while the run trained, in order.
---@return orrery.train.Change[]
function Store:changes(id)
  local list, place = {}, {}
  for i, row in ipairs(self:kept(id, "change")) do
    list[i] = packing.unpack(row.content)
    place[list[i]] = i
  end
  table.sort(list, function(a, b)
    if a.step ~= b.step then return a.step < b.step end
    return place[a] < place[b]
  end)
  return list
end

---@return table[] rows  name, place, path, content, in their order
function Store:kept(id, kind)
  return self.db:run([[SELECT name, place, path, content FROM artifacts
    WHERE run=? AND kind=? ORDER BY place]], id, kind)
end

return Store
