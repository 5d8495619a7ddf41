--- Pictures and warnings of a run, as they are now, each with the version at
--- which it was new.
local core = require "orrery.core"
local Recorder = require "orrery.runs.recorder"
local monitors = require "orrery.train.monitors"
local sorted_keys = require "orrery.sorted_keys"

local kept = {}

local most_rows = 20000

--- The real path of a picture of a run; nil when there is no such file, or a
--- link leads out of the folder of runs.
---@param out string  that folder
---@param row table  of the run
---@param path? string  as the store has it
---@return string? real
---@return string? stamp  another one when the file is another
function kept.real_path(out, row, path)
  local root = core.fs.real(out)
  local found = root and path and core.fs.real(("%s/%s/%s"):format(out,
    row.folder, path))
  if not found or found:sub(1, #root + 1) ~= root .. "/" then return nil end
  local stat = core.fs.stat(found)
  if not stat or stat.kind ~= "file" then return nil end
  return found, ("%x.%x.%x"):format(stat.inode, stat.size, stat.modified)
end

local function list_images(feed, run, next_version)
  local images = {}
  for i, row in ipairs(feed.store:kept(run.row.id, "image")) do
    local before = run.images[row.place]
    local _, stamp = kept.real_path(feed.out, run.row, row.path)
    local image = { name = row.name, place = row.place, stamp = stamp,
      path = row.path, order = i }
    local same = before and before.stamp == stamp and before.name == row.name
    image.version = same and before.version or next_version()
    images[row.place] = image
  end
  run.images = images
end

-- The numbers that have a rule, read on from where they were read last.
local function histories(feed, run, rules, generation)
  local h = run.histories
  if not h or h.generation ~= generation then
    h = { generation = generation, seq = 0, by = {} }
    run.histories = h
  end
  repeat
    local rows = feed.store:numbers(run.row.id, h.seq, most_rows)
    for _, r in ipairs(rows) do
      if rules[r[2]] then
        local s = h.by[r[2]] or { x = {}, y = {} }
        h.by[r[2]] = s
        s.x[#s.x + 1], s.y[#s.y + 1] = r[3], r[4]
      end
      h.seq = r[1]
    end
  until #rows < most_rows
  return h.by
end

-- What the run said itself, and which of its numbers broke a rule.
local function list_warnings(feed, run, generation)
  local rules, said = Recorder.stored(feed.store, run.row.id)
  local list = {}
  if next(rules) then
    local by = histories(feed, run, rules, generation)
    for _, name in ipairs(sorted_keys(rules)) do
      local w = by[name] and monitors.judge(name, rules[name], by[name])
      list[#list + 1] = w and w.text
    end
  end
  for _, w in ipairs(said) do list[#list + 1] = w.text end
  return list
end

--- Looks at a run's pictures and warnings afresh, if there may be news.
---@param feed orrery.watch.Feed
---@param run table  of the feed
---@param next_version fun(): integer
---@param generation string
function kept.look(feed, run, next_version, generation)
  if run.listed then return end
  list_images(feed, run, next_version)
  local warnings = list_warnings(feed, run, generation)
  local text = table.concat(warnings, "\n")
  if text ~= run.warned_text then
    run.warned_text, run.warned = text, next_version()
  end
  run.warnings, run.listed = warnings, true
end

return kept
