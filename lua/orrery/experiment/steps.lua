--- The loop of a trial that counts steps: batches round and round, means of
--- what each step gave, marks every so often, checkpoints, exact resume.
local orrery = require "orrery"
local sorted_keys = require "orrery.sorted_keys"

-- Adds a step's numbers to the sums.
local function add(sums, numbers)
  for name, value in pairs(numbers) do
    sums[name] = (sums[name] or 0.0) + value
  end
end

-- One step's numbers, tensors read.
local function numbers_of(update, step, batch)
  return orrery.tidy(function()
    batch[batch.n + 1] = step
    local given, numbers = update(table.unpack(batch, 1, batch.n + 1)), {}
    for name, value in pairs(given) do
      numbers[name] = orrery.is_tensor(value) and value:item() or value
    end
    return numbers
  end)
end

local function means_of(at)
  local means = {}
  for name, sum in pairs(at.sums) do means[name] = sum / at.counted end
  return means
end

local function shown(means)
  local parts = {}
  for i, name in ipairs(sorted_keys(means)) do
    parts[i] = ("%s %.4g"):format(name, means[name])
  end
  return table.concat(parts, "  ")
end

-- The next batch; a loader that ends is begun again.
local function next_batch(batches)
  local batch = table.pack(batches())
  if batch[1] == nil then batch = table.pack(batches()) end
  if batch[1] == nil then
    error("steps: there are fewer examples than a batch takes; lower batch, "
      .. "or give more", 0)
  end
  return batch
end

-- "epoch 2/5" or "step 40/300".
local function place(o, step, per)
  if o.epochs then
    return ("epoch %d/%d"):format((step - 1) // per + 1, o.epochs)
  end
  return ("step %d/%d"):format(step, o.steps)
end

---@param log orrery.experiment.Log
---@param o table  as Log:steps has it
return function(log, o)
  local objects = { batches = o.batches }
  for name, object in pairs(o.objects) do objects[name] = object end
  local per = o.epochs and #o.batches or 1  -- steps of what is counted
  local steps = o.epochs and o.epochs * per or o.steps
  local every = o.epochs and per or o.every or steps
  local at = log:resume(objects, { step = 0, counted = 0, sums = {} })
  local seen  -- what the last mark has to say
  while at.step < steps do
    local batch = next_batch(o.batches)
    local step = at.step + 1
    local marked = o.mark and (step == steps or step % every == 0)
    if marked and o.before then o.before(step) end
    local numbers = numbers_of(o.update, step, batch)
    log:finite("loss", step, numbers.loss)
    at.step, at.counted = step, at.counted + 1
    add(at.sums, numbers)
    if step % 20 == 0 or step == steps then
      log:progress(step / steps, place(o, step, per)
        .. (seen and "  " .. seen or ""), shown(means_of(at)))
    end
    local due = log:due()
    if marked then
      local means = means_of(at)
      seen = o.mark(step // per, means) or seen
      at.sums, at.counted = {}, 0
      log:checkpoint(at)
    elseif due then
      log:checkpoint(at)
    end
  end
end
