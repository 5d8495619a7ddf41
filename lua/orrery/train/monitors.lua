--- What tells early that a model collapses: rules on logged numbers. The same
--- rule speaks up while a run trains and is judged anew from the numbers in
--- the store, so that runs that were killed or resumed have their warnings.
local blame = require "orrery.blame"
local options = require "orrery.options"

local monitors = {}

---@class orrery.train.Rule
---@field below? number  values under it are amiss
---@field above? number  values over it are amiss
---@field steps? integer  so many in a row before it warns; 1
---@field advice? string  what it means, what to try
---@field counts? string  what the steps are called, "step"
---@field short? string  a few words for the progress line

--- The rules that are known by name. `active_units` and `kl_per_latent` take
--- their limits from the number of latents.
---@type table<string, orrery.train.Rule>
monitors.known = {
  kl = { below = 0.1,
    advice = "the code carries nothing, the decoder ignores it: lower beta, "
      .. "raise it slowly from 0, or give each latent free bits" },
  latents_asleep = {
    advice = "they carry under 0.01 nats each: lower beta, or use fewer "
      .. "latents" },
  active_units = {
    advice = "few latents follow the image: lower beta, raise it slowly from "
      .. "0, or weaken the decoder" },
  mode_coverage = { below = 0.9, steps = 3, short = "mode collapse",
    advice = "modes are missed: mode collapse; unroll the discriminator, show "
      .. "it several samples at once, or use a Wasserstein loss" },
  d_accuracy = { above = 0.95, steps = 5, short = "D tells all apart",
    advice = "the discriminator tells all apart and teaches no more: train it "
      .. "less, lower its lr, or smooth its labels" },
  dead_units = { above = 0.5, steps = 3, short = "dead units",
    advice = "these units give 0 for every example: lower the lr, or use a "
      .. "leaky rectifier" },
  gradient_noise = { above = 10, steps = 5, short = "noisy gradient",
    advice = "the gradient is mostly noise: a larger batch or a smaller lr" },
  generator_gradient = { below = 1e-6, short = "generator gradient vanished",
    advice = "the discriminator is flat where the samples are: a leaky "
      .. "rectifier in it, a lower lr for it, the non-saturating or a "
      .. "Wasserstein loss" },
  gradient_norm = { above = 1e4, steps = 3, short = "gradient explodes",
    advice = "the gradient explodes: lower the lr or clip its norm" },
  update_ratio = { above = 0.1, steps = 3, short = "large updates",
    advice = "a step changes the weights by a tenth of their size: lower the "
      .. "lr" },
}
-- One player's share of examples on its side is shown beside what has a rule.
monitors.known.d_accuracy_real = { above = math.huge }
monitors.known.d_accuracy_fake = { above = math.huge }

--- A rule as given: true for the known one of that name, or its fields.
---@param who string  for messages
---@param name string
---@param given true|orrery.train.Rule
---@return orrery.train.Rule
function monitors.rule(who, name, given)
  local known = monitors.known[name]
  if given == true and known and (known.below or known.above) then
    return known
  end
  if type(given) ~= "table" then
    blame("%s: monitor %s is %s; give { below = } or { above = }", who,
      tostring(name), type(given) == "boolean" and tostring(given)
        or options.shown(given))
  end
  local rule = options.take(who .. ": monitor " .. tostring(name), given,
    { steps = known and known.steps or 1,
      advice = known and known.advice or nil },
    { "below", "above", "advice", "counts", "short" })
  if not rule.below and not rule.above then
    blame("%s: monitor %s has no limit; give below = or above =", who, name)
  end
  for _, limit in ipairs { "below", "above" } do
    if rule[limit] then options.number(who, limit, rule[limit]) end
  end
  options.count(who, "steps", rule.steps)
  return rule
end

-- Is the value amiss? A value that is no number is left to its own warning.
local function amiss(rule, v)
  return rule.below and v < rule.below or rule.above and v > rule.above or false
end

local function limit_text(rule, v)
  if rule.below and v < rule.below then
    return ("below %.4g"):format(rule.below)
  end
  return ("above %.4g"):format(rule.above)
end

--- What a rule says of a number's history.
---@param name string
---@param rule orrery.train.Rule
---@param series { x: number[], y: number[] }
---@return table? warning  { name, text, step (where it began), last, holds }
function monitors.judge(name, rule, series)
  local first, count, found
  for i, v in ipairs(series.y) do
    if amiss(rule, v) then
      if not first then first, count = series.x[i], 0 end
      count = count + 1
      if count >= (rule.steps or 1) then
        found = { name = name, step = first, last = series.x[i], value = v }
      end
    else
      first = nil
    end
  end
  if not found then return nil end
  local n = #series.y
  found.holds = found.last == series.x[n]
  local counts = rule.counts or "step"
  found.text = ("%s is %.4g, %s, %s"):format(name, found.value,
    limit_text(rule, found.value), found.step == found.last
      and ("at %s %.14g"):format(counts, found.step)
      or ("from %s %.14g to %.14g"):format(counts, found.step, found.last))
  if not found.holds then
    found.text = found.text .. "; it has recovered since"
  elseif rule.advice then
    found.text = found.text .. ": " .. rule.advice
  end
  return found
end

--- Where a history first leaves the numbers.
---@return table? warning
function monitors.odd(name, series)
  for i, v in ipairs(series.y) do
    if v - v ~= 0 then
      local n = #series.y
      return { name = name, step = series.x[i], last = series.x[n],
        holds = series.y[n] - series.y[n] ~= 0,
        text = ("%s is %s from step %.14g on"):format(name, v ~= v and "nan"
          or tostring(v), series.x[i]) }
    end
  end
end

---@class orrery.train.Watch
---@field tell fun(text: string)
local Watch = {}
Watch.__index = Watch

--- Rules that speak up as numbers come, once each.
---@param tell fun(text: string)
---@return orrery.train.Watch
function monitors.watch(tell)
  return setmetatable({ tell = tell, rules = {}, amiss = {}, said = {} }, Watch)
end

--- Adds a rule; false when there is one of that name.
function Watch:add(name, rule)
  if self.rules[name] then return false end
  self.rules[name], self.amiss[name] = rule, 0
  return true
end

--- What is amiss right now, in a few words: "generator gradient vanished".
---@return string[]
function Watch:now()
  local words, seen = {}, {}
  for name, rule in pairs(self.rules) do
    local word = rule.short or name
    if self.amiss[name] >= (rule.steps or 1) and not seen[word] then
      seen[word] = true
      words[#words + 1] = word
    end
  end
  table.sort(words)
  return words
end

--- A progress line's text with what is amiss behind it.
---@param text? string
---@return string?
function Watch:marked(text)
  local words = self:now()
  if #words == 0 then return text end
  return ("%s  ! %s"):format(text or "", table.concat(words, ", "))
end

--- A number came.
function Watch:feed(name, step, value)
  local rule = self.rules[name]
  if not rule then return end
  self.amiss[name] = amiss(rule, value) and self.amiss[name] + 1 or 0
  if self.amiss[name] < (rule.steps or 1) or self.said[name] then return end
  self.said[name] = true
  self.tell(("%s is %.4g at %s %.14g, %s%s"):format(name, value,
    rule.counts or "step", step, limit_text(rule, value),
    rule.advice and ": " .. rule.advice or ""))
end

-- Latents whose posterior is the prior: KL under 0.01 nats.
local function of_latents(out, kl)
  local asleep, total = 0, 0
  for i, v in ipairs(kl) do
    out[#out + 1] = { ("KL per latent/%d"):format(i), v }
    total = total + v
    if v < 0.01 then asleep = asleep + 1 end
  end
  out[#out + 1] = { "latents asleep", asleep, { above = #kl / 2,
    advice = monitors.known.latents_asleep.advice } }
  out[#out + 1] = { "KL of the code", total, monitors.known.kl }
end

local function limits_of(name, of)
  if name == "active_units" then
    return { below = math.max(1, (of or 10) / 10),
      advice = monitors.known.active_units.advice }
  end
  return monitors.known[name]
end

-- The rule, with what its steps are called.
local function counted(rule, counts)
  local out = { counts = counts }
  for name, v in pairs(rule) do out[name] = v end
  return out
end

local function plain(v)
  if options.is_tensor(v) then return v:tolist() end
  return v
end

-- One number under its name, or several under "dead units/D.2".
local function add_all(out, who, name, several, rule)
  local keys, plain_name = {}, name:gsub("_", " ")
  for key in pairs(several) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for _, key in ipairs(keys) do
    options.number(who, name, several[key])
    out[#out + 1] = { key == 1 and #keys == 1 and plain_name
      or ("%s/%s"):format(plain_name, key), several[key], rule }
  end
end

--- Measurements as numbers to log, each with its rule.
---@param who string
---@param measured table  kl_per_latent (list or tensor), active_units, numbers
---  of other names that monitors.known or `limits` has; or several by name:
---  dead_units = { ["D.2"] = 0.3, ["D.4"] = 0.1 }
---@param limits? table<string, orrery.train.Rule>
---@param counts? string  what the steps are called
---@return table[]  { name, value, rule? }
function monitors.numbers(who, measured, limits, counts)
  local out, names = {}, {}
  local kl = plain(measured.kl_per_latent)
  if kl ~= nil then
    if type(kl) ~= "table" then
      blame("%s: kl_per_latent is %s; give a list of nats", who,
        options.shown(kl))
    end
    of_latents(out, kl)
  end
  for name in pairs(measured) do
    if name ~= "kl_per_latent" then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local value = plain(measured[name])
    local several = type(value) == "table" and value or { value }
    local given = (limits or {})[name]
    local rule = given and monitors.rule(who, name, given)
      or limits_of(name, kl and #kl)
    if not rule then
      blame("%s: there is no monitor %s; give its limits: { %s = "
        .. "{ below = } }", who, name, name)
    end
    add_all(out, who, name, several, rule)
  end
  for _, n in ipairs(out) do n[3] = n[3] and counted(n[3], counts) end
  return out
end

return monitors
