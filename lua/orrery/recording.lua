--- What Lua code tells a step that is being recorded: optimiser steps, whose
--- options and counts live in tables, and modules, whose mode it depends on.
local program = require "orrery.core".program
local tree = require "orrery.nn.tree"

local recording = { notes = nil }  -- notes: of the recording under way

--- Starts the notes of a recording.
function recording.begin()
  recording.notes = { updates = {}, counts = {}, modules = {}, seen = {},
    numbers = {}, watched = {}, checks = {} }
  return recording.notes
end

function recording.stop() recording.notes = nil end

--- owner[name], a number that a recorded step reads anew at each run.
function recording.number(owner, name)
  local notes = recording.notes
  if not notes then return owner[name] end
  notes.watched[#notes.watched + 1] = { owner = owner, name = name }
  return program.number(owner[name])
end

--- While a step is recorded: has it, and each run of it, end with
--- report(value), which raises, when a tensor of one element is not finite.
--- Then nothing is changed yet, and the run leaves nothing changed.
function recording.check(t, report)
  if not recording.notes then return end
  local checks = recording.notes.checks
  checks[#checks + 1] = report
  local value = program.check(t)
  if value - value ~= 0 then report(value) end
end

-- Whether parameters that took different numbers of steps need updates of
-- their own, as the fused steps see it.
local function counts_matter(kernel, group)
  return kernel == "adam" or (kernel == "sgd" and group.momentum ~= 0)
end

--- Notes the updates that one optimiser step is about to make: for each group
--- one, or one for each number of steps its parameters took before.
function recording.optimizer(optimizer)
  local notes, kernel = recording.notes, optimizer.rule.kernel
  for _, group in ipairs(optimizer.param_groups) do
    local by_count = {}
    for i, p in ipairs(group.params) do
      if p.grad then
        local state = group.state[i]
        local key = counts_matter(kernel, group) and state.step or 0
        local update = by_count[key]
        if not update then
          update = { kernel = kernel, group = group, states = {},
            before = notes.counts[state] or 0 }
          by_count[key] = update
          notes.updates[#notes.updates + 1] = update
        end
        update.states[#update.states + 1] = state
      end
    end
    for _, update in pairs(by_count) do
      for _, state in ipairs(update.states) do
        notes.counts[state] = (notes.counts[state] or 0) + 1
      end
    end
  end
end

-- What a module's steps depend on beside its fields: MaskedLinear's mask.
local function form_of(m)
  return m.recorded_form and m:recorded_form() or nil
end

--- Notes a module that is called, and all below it.
function recording.module(module)
  local notes = recording.notes
  if notes.seen[module] then return end
  tree.walk(module, "", function(_, m)
    if notes.seen[m] then return end
    notes.seen[m] = true
    local fields = {}
    for _, entry in ipairs(tree.entries(m)) do
      if entry.kind ~= "module" and entry.key then
        fields[entry.key] = entry.value
      end
    end
    notes.modules[#notes.modules + 1] = { module = m,
      training = rawget(m, "training"), fields = fields, form = form_of(m) }
  end, {})
end

--- Are the modules in the mode, and their tensors the ones, that were noted?
function recording.same_modules(modules)
  for _, noted in ipairs(modules) do
    local m = noted.module
    if rawget(m, "training") ~= noted.training
        or not rawequal(form_of(m), noted.form) then
      return false
    end
    for key, value in pairs(noted.fields) do
      if not rawequal(rawget(m, key), value) then return false end
    end
  end
  return true
end

return recording
