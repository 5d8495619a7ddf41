--- How well a score ranks: ROC and precision-recall curves, the areas under
--- them, and where to cut. Cases with equal scores count together.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"
local resampled = require "orrery.metrics.resampled"
local score = require "orrery.metrics.score"

local ranks = {}

-- Scores falling, and labels in that order, float64.
local function arranged(who, scores, labels)
  options.tensor(who, "scores", scores, "float")
  options.tensor(who, "labels", labels)
  if scores:dim() ~= 1 or scores:shape_str() ~= labels:shape_str() then
    blame("%s: scores are %s, labels are %s; give [N] of both", who,
      scores:shape_str(), labels:shape_str())
  end
  local y = labels:double()
  if y:ne(0):logical_and(y:ne(1)):any():item() ~= 0 then
    blame("%s: labels hold other numbers than 0 and 1; give 1 for a positive",
      who)
  end
  local s = scores:detach():double()
  if s:isnan():any():item() ~= 0 then
    blame("%s: scores hold NaN; leave those cases out", who)
  end
  local positive = y:sum():item()
  if positive == 0 or positive == y:size(1) then
    blame("%s: all labels are %d; both kinds are needed", who,
      positive == 0 and 0 or 1)
  end
  local sorted, at = s:sort { descending = true }
  return sorted, y:index_select(1, at), positive
end

-- At the last case of each run of equal scores: that score, how many positives
-- and how many negatives have it or more.
local function counted(sorted, y)
  local n = sorted:size(1)
  local last = orrery.ones({ n }, { dtype = "uint8" })
  if n > 1 then
    last[{ { 1, n - 1 } }] = sorted:narrow(1, 1, n - 1)
      :ne(sorted:narrow(1, 2, n - 1))
  end
  local at = last:nonzero():select(2, 1)
  local hits = y:cumsum { axis = 1 }:index_select(1, at)
  return sorted:index_select(1, at), hits, at:double() - hits
end

local function with_front(value, x)
  return orrery.cat({ orrery.tensor({ value }, { dtype = "float64" }), x }, 1)
end

--- The ROC curve: shares of positives and of negatives with at least a score,
--- for each score that occurs, falling, after an infinite one.
---@param scores orrery.Tensor  [N], more is more positive
---@param labels orrery.Tensor  [N] of 0 and 1
---@return { fpr: orrery.Tensor, tpr: orrery.Tensor,
---   thresholds: orrery.Tensor }  float64, alike in length
function ranks.roc_curve(scores, labels)
  local sorted, y, positive = arranged("roc_curve", scores, labels)
  local s, hits, misses = counted(sorted, y)
  return { tpr = with_front(0, hits / positive),
    fpr = with_front(0, misses / (y:size(1) - positive)),
    thresholds = with_front(math.huge, s) }
end

--- The precision-recall curve: for each score that occurs, rising, the share
--- of positives among cases with at least it, and the share of positives found;
--- at the end precision 1, recall 0.
---@param scores orrery.Tensor  [N]
---@param labels orrery.Tensor  [N] of 0 and 1
---@return { precision: orrery.Tensor, recall: orrery.Tensor,
---   thresholds: orrery.Tensor }  thresholds: one fewer
function ranks.pr_curve(scores, labels)
  local sorted, y, positive = arranged("pr_curve", scores, labels)
  local s, hits, misses = counted(sorted, y)
  return { precision = with_front(1, hits / (hits + misses)):flip(1),
    recall = with_front(0, hits / positive):flip(1), thresholds = s:flip(1) }
end

-- P(positive above negative) + P(equal) / 2, as the area of trapezoids.
local function area(_, hits, misses)
  local up, right = with_front(0, hits), with_front(0, misses)
  local n = up:size(1)
  local width = right:narrow(1, 2, n - 1) - right:narrow(1, 1, n - 1)
  local height = (up:narrow(1, 2, n - 1) + up:narrow(1, 1, n - 1)) / 2
  return (width * height):sum():item()
    / (up[n]:item() * right[n]:item())
end

-- Sum over thresholds of the recall gained, times the precision there.
local function stepped(_, hits, misses)
  local before = with_front(0, hits):narrow(1, 1, hits:size(1))
  return ((hits - before) * hits / (hits + misses)):sum():item()
    / hits[hits:size(1)]:item()
end

local function ranked(who, scores, labels, given, measure)
  local o = resampled.options(who, given)
  local sorted, y, positive = arranged(who, scores, labels)
  local n = y:size(1)
  local value = measure(counted(sorted, y))
  local random, draws = orrery.Generator(o.seed), {}
  local yes = y:nonzero():select(2, 1)
  local no = (1 - y):nonzero():select(2, 1)
  local function some(at)  -- each kind by itself: neither can run out
    return at:index_select(1, orrery.randint(1, at:size(1), { at:size(1) },
      { generator = random }))
  end
  for i = 1, o.resamples do
    draws[i] = orrery.tidy(function()
      local at = orrery.cat({ some(yes), some(no) }, 1):sort()
      return measure(counted(sorted:index_select(1, at),
        y:index_select(1, at)))
    end)
  end
  local low, high = resampled.interval(value, draws, o.confidence)
  return score { metric = who, value = value, low = low, high = high, n = n,
    seed = o.seed, settings = ("prevalence %.6g"):format(positive / n) }
end

--- The area under the ROC curve: the chance that a positive scores above a
--- negative, ties counting half (Hanley & McNeil 1982).
---@param scores orrery.Tensor  [N]
---@param labels orrery.Tensor  [N] of 0 and 1
---@param given? { resamples?: integer, seed?: integer, confidence?: number }
---@return orrery.metrics.Score
function ranks.auroc(scores, labels, given)
  return ranked("auroc", scores, labels, given, area)
end

--- Average precision: the area under the precision-recall curve by steps, not
--- by lines, which would be too kind (Davis & Goadrich 2006). A random score
--- gets the share of positives.
---@param scores orrery.Tensor  [N]
---@param labels orrery.Tensor  [N] of 0 and 1
---@param given? { resamples?: integer, seed?: integer, confidence?: number }
---@return orrery.metrics.Score
function ranks.average_precision(scores, labels, given)
  return ranked("average_precision", scores, labels, given, stepped)
end

local wishes = {
  f1 = function(tp, fp, fn) return 2 * tp / (2 * tp + fp + fn) end,
  youden = function(tp, fp, fn, tn)
    return tp / (tp + fn) - fp / (fp + tn)
  end,
  accuracy = function(tp, fp, fn, tn)
    return (tp + tn) / (tp + fp + fn + tn)
  end,
}

-- The most hits with at most this share of false alarms.
local function at_rate(rate)
  if type(rate) ~= "number" or not (rate >= 0 and rate <= 1) then
    blame("threshold: fpr is %s; use a number from 0 to 1",
      options.shown(rate))
  end
  return function(tp, fp, fn, tn)
    local fpr = fp / (fp + tn)
    return orrery.where(fpr:le(rate * (1 + 1e-12)), tp / (tp + fn), -1)
  end
end

--- Where to cut: the score from which on a case is called positive, so that a
--- wish is met best: "f1" the harmonic mean of precision and recall, "youden"
--- hits less false alarms (Youden 1950), "accuracy"; { fpr = 0.05 }: the most
--- positives with at most so many false alarms, as a share of negatives.
---@param scores orrery.Tensor  [N]
---@param labels orrery.Tensor  [N] of 0 and 1
---@param wish? "f1"|"youden"|"accuracy"|{ fpr: number }  "f1"
---@return { threshold: number, value: number, precision: number,
---   recall: number, fpr: number, accuracy: number }  value: of the wish, which
---  is the recall for { fpr = ... }
function ranks.threshold(scores, labels, wish)
  wish = wish or "f1"
  local best = type(wish) == "table" and wish.fpr ~= nil and at_rate(wish.fpr)
    or wishes[wish]
  if not best then
    blame("threshold: wish is %s; use \"f1\", \"youden\", \"accuracy\" or "
      .. "{ fpr = 0.05 }", options.shown(wish))
  end
  local sorted, y, positive = arranged("threshold", scores, labels)
  local s, tp, fp = counted(with_front(math.huge, sorted), with_front(0, y))
  fp = fp - 1  -- the case of infinite score was ours, to call none positive
  local fn, tn = positive - tp, y:size(1) - positive - fp
  local values = best(tp, fp, fn, tn)
  local at = values:argmax():item()
  local hit, alarm = tp[at]:item(), fp[at]:item()
  return { threshold = s[at]:item(), value = values[at]:item(),
    precision = hit + alarm > 0 and hit / (hit + alarm) or 1,
    recall = hit / positive, fpr = alarm / (y:size(1) - positive),
    accuracy = (hit + tn[at]:item()) / y:size(1) }
end

return ranks
