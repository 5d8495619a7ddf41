--- Training: a loop with progress, checkpoints and exact resume, and its parts.
local Meter = require "orrery.train.meter"
local Progress = require "orrery.train.progress"
local Run = require "orrery.train.loop"
local checkpoint = require "orrery.train.checkpoint"
local ema = require "orrery.train.ema"
local monitors = require "orrery.train.monitors"

local train = { Meter = Meter, checkpoint = checkpoint, monitors = monitors,
  measures = require "orrery.train.measures",
  players = require "orrery.train.players",
  attempt = require("orrery.train.attempt").attempt }

--- A progress line: `local p = train.progress(total); p:update(i); p:finish()`.
---@param total? integer
---@param opts? table  label, stream ...: see orrery.train.progress
---@return orrery.train.Progress
function train.progress(total, opts) return Progress.new(total, opts) end

train.duration = Progress.duration

--- An exponential moving average of a model.
---@param model orrery.nn.Module
---@param opts? { decay?: number }
---@return orrery.train.EMA
function train.EMA(model, opts) return ema.new(model, opts) end

--- A run to be stepped by hand: run:step() until false, run:save().
---@param opts table  as for loop
---@return orrery.train.Run
function train.run(opts) return Run.new(opts) end

--- Trains. Options:
---   model       a module, or modules by name
---   optimizer   an optimiser; then what `step` returns is minimised. Several
---               by name: `step` updates by itself
---   data        set:batches(...), or a function of the step number
---   epochs, steps   how long; one of them
---   step        function(batch, state) -> loss, metrics: batch holds what the
---               data gave, in order; metrics are numbers by name
---   schedule    one or several by name; schedule_every = "epoch" or "step"
---   ema         one or several by name, updated after each step
---   max_norm    clip the joint norm of the gradients
---   compile     true: `step` and the update are recorded once and replayed,
---               with the same bits (orrery.compile). It may not read values
---               or `state`
---   checkpoint  { path =, every = steps, seconds = } or a path; without
---               either, at the end of each epoch
---   resume      true: go on from the checkpoint when there is one
---   generators  further random streams by name, kept in the checkpoint
---   extra       a table of your own (state.extra), kept in the checkpoint;
---               tensors made in `step` go in through orrery.keep, all others
---               made there are freed when it returns
---   on_epoch    function(state, means); on_step function(state, metrics)
---   knobs       numbers by name that `step` reads as state.knobs.beta; they
---               may be changed on the way: run:change("beta", 2)
---   changes     such changes to make again: { { step =, name =, value = } },
---               state.changes of another run
---   steer       false: Ctrl-C stops at once, as elsewhere; see below
---   progress    false, or options of the progress line; label
---   seed        of the default stream, for a fresh run
---   monitors    limits of metrics by name, { kl = { below = 0.1, steps = 20 }}
---               or, for those that train.monitors.known has, true: a warning
---               on the terminal and in the run's report when one is broken
--- In a trial of an experiment, and in a script that `orrery FILE` runs, the
--- loss and metrics of every step go to the store of runs (orrery.runs).
--- In the program `orrery` Ctrl-C ends the step that runs and then asks: go on,
--- open a prompt here (to sample, draw, change lr, knobs and the numbers that
--- `step` uses from outside, by assignment), or quit with a checkpoint. What is
--- changed is logged: resumed, or repeated by `orrery runs repeat`, the run
--- changes it again at the same steps. A second Ctrl-C stops at once.
--- A loss that is not finite stops the run with the number of the step. An
--- interrupted or killed run goes on from its checkpoint as if it had not
--- been: after a step fails, parameters, running averages, streams and cursor
--- as before it.
---@param opts table
---@return orrery.train.State
function train.loop(opts) return Run.new(opts):run() end

return train
