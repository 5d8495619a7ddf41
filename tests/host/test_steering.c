// test_steering.c -- Ctrl-C in a training loop: the question between two steps,
// the prompt there, quitting with a checkpoint; and that a run comes out the
// same however often somebody looked, or once its changes are made again.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "terminal.h"

static terminal session;

// Dropout, noise and a shuffled set: all streams matter. PAUSE is for the tests
// to have time between two steps.
static const char *const script =
    "io.stdout:setvbuf 'line'\n"
    "local orrery = require 'orrery'\n"
    "local nn, optim = orrery.nn, orrery.optim\n"
    "local steps, pause = tonumber((...)), tonumber((select(2, ...)))\n"
    "orrery.manual_seed(1)\n"
    "local model = nn.Sequential { nn.Linear(4, 8), nn.BatchNorm1d(8),\n"
    "  nn.Dropout(0.3), nn.Linear(8, 1) }\n"
    "local beta, begun = 0.5, false\n"
    "local set = orrery.data.TensorDataset(orrery.randn(64, 4))\n"
    "orrery.train.loop { model = model, seed = 3, steps = steps,\n"
    "  optimizer = optim.Adam(model, { lr = 1e-3 }),\n"
    "  knobs = { lambda = 1.5 }, progress = false,\n"
    "  data = set:batches(8, { shuffle = true, seed = 2 }),\n"
    "  step = function(batch, state)\n"
    "    print(begun and 'another step' or 'training')\n"
    "    begun = true\n"
    "    orrery.sleep(pause)\n"
    "    local x = batch[1] + orrery.randn(batch[1]:size(1), 4) * 0.1\n"
    "    local y = model(x)\n"
    "    return (y ^ 2):mean() * beta * state.knobs.lambda\n"
    "      + (y - 1):abs():mean()\n"
    "  end,\n"
    "  checkpoint = arg[3] }\n"
    "print('finished')\n";

static int shell(const char *words) { return scratch_shell("", words); }

#define QUESTION "or quit with a checkpoint? [c/p/q] "

// Presses Ctrl-C so many milliseconds after the loop is seen to run and waits
// for the question.
static void stop_after(terminal *t, int milliseconds) {
  terminal_expect(t, "another step");
  double until = terminal_clock() + 1e-3 * milliseconds;
  while (terminal_clock() < until) terminal_pump(t, 1);
  terminal_send(t, "\003");
  terminal_expect(t, "stopped after step ");
  terminal_expect(t, READING);
  terminal_expect(t, QUESTION);
}

// Starts a program on the terminal and stops its loop.
static void start_and_stop(terminal *t, const char *words, int milliseconds) {
  terminal_start(t, "", words);
  terminal_expect(t, "training");
  stop_after(t, milliseconds);
}

static void answer(terminal *t, const char *letter) {
  terminal_send(t, letter);
  terminal_send(t, "\r");
  terminal_expect(t, TAKEN);
}

// Run 1 is left alone; run 2 is stopped again and again, looked into, sampled
// from. Their numbers are the same to the last bit.
static void looking_changes_nothing(void **state) {
  (void)state;
  terminal *t = &session;
  scratch_file("train.lua", script);
  assert_int_equal(shell("train.lua 300 0.002"), 0);
  assert_non_null(strstr(output, "another step\nfinished\n"));
  start_and_stop(t, "train.lua 300 0.002", 150);
  for (int i = 0; i < 10; i++) {
    answer(t, i % 2 ? "c" : "");
    stop_after(t, 20);
  }
  answer(t, "p");
  terminal_expect(t, "lr = 0.001   lambda = 1.5   pause = 0.002   beta = 0.5");
  terminal_expect(t, READING);
  terminal_ask(t, "model(randn(16, 4)):shape()", "16   1");
  terminal_ask(t, "model:eval(); data(); rand(3):dim()", NULL);
  terminal_ask(t, "beta, steps, lr", "0.5   300   0.001");
  terminal_ask(t, "nonsense(", NULL);
  terminal_send(t, "\003");
  terminal_expect(t, READING);
  terminal_send(t, "while true do end\r");
  terminal_expect(t, TAKEN);
  terminal_send(t, "\003");
  terminal_expect(t, READING);
  terminal_send(t, ":continue\r");
  terminal_expect(t, TAKEN);
  stop_after(t, 20);
  answer(t, "p");
  terminal_expect(t, READING);
  terminal_send(t, "\004");
  terminal_expect(t, "finished");
  assert_int_equal(terminal_end(t), 0);
  assert_int_equal(shell("runs diff 1 2"), 0);
  assert_string_equal(output, "no difference\n");
}

// Run 3 is changed, stopped with a checkpoint, taken up, changed again. Run 4
// is run 3 repeated, by itself.
static void changes_are_logged_resumed_and_repeated(void **state) {
  (void)state;
  terminal *t = &session;
  scratch_file("train.lua", script);
  start_and_stop(t, "train.lua 200 0.002 kept.safetensors", 100);
  answer(t, "p");
  terminal_expect(t, READING);
  terminal_ask(t, "lr = 0.05", "lr: 0.001 -> 0.05 from step ");
  terminal_ask(t, "beta = 'much'", "change: beta is \"much\"; give a finite");
  terminal_ask(t, "beta = 2.5", "beta: 0.5 -> 2.5 from step ");
  terminal_ask(t, "lr, beta", "0.05   2.5");
  terminal_ask(t, ":steer", "beta from 0.5 to 2.5");
  terminal_ask(t, ":checkpoint", "checkpoint: kept.safetensors");
  terminal_send(t, ":continue\r");
  terminal_expect(t, TAKEN);
  stop_after(t, 30);
  answer(t, "q");
  terminal_expect(t, "checkpoint: kept.safetensors; the same loop goes on ");
  assert_int_equal(terminal_end(t), 130);
  assert_int_equal(shell("runs status=interrupted"), 0);
  assert_non_null(strstr(output, "train"));
  start_and_stop(t, "train.lua 200 0.002 kept.safetensors", 100);
  answer(t, "p");
  terminal_expect(t, "lr = 0.05   lambda = 1.5   pause = 0.002   beta = 2.5");
  terminal_expect(t, READING);
  terminal_ask(t, "lambda = 0.25", "lambda: 1.5 -> 0.25 from step ");
  terminal_send(t, "\004");
  terminal_expect(t, "finished");
  assert_int_equal(terminal_end(t), 0);
  assert_int_equal(shell("runs show 3"), 0);
  assert_non_null(strstr(output, "changed on the way"));
  char command[4096];
  snprintf(command, sizeof command,
           "cd '%s' && grep -q 'Changed on the way' runs/train/*/report.html",
           scratch);
  assert_int_equal(system(command), 0);
  assert_int_equal(shell("runs repeat 3"), 0);
  assert_non_null(strstr(output, "another step\nfinished\n"));
  assert_int_equal(shell("runs diff 3 4"), 0);
  assert_string_equal(output, "no difference\n");
  assert_int_equal(shell("runs diff 2 4"), 0);
  assert_non_null(strstr(output, "loss"));
}

// A trial that trains by hand, with a checkpoint where log:due() says.
static const char *const trial =
    "local orrery = require 'orrery'\n"
    "local run = orrery.experiment { name = 'exp', knobs = {\n"
    "  beta = { 0.5, 'weight' }, steps = { 200, 'steps' } } }\n"
    "function run.trial(k, log)\n"
    "  local model = orrery.nn.Linear(4, 1)\n"
    "  local opt = orrery.optim.Adam(model, { lr = 1e-3 })\n"
    "  local noise = log:generator 'noise'\n"
    "  local at = log:resume({ model = model, opt = opt }, { step = 0 })\n"
    "  for step = at.step + 1, k.steps do\n"
    "    print(step == 1 and 'training' or 'another step')\n"
    "    orrery.sleep(0.003)\n"
    "    local x = orrery.randn({ 8, 4 }, { generator = noise })\n"
    "    opt:minimize((model(x) ^ 2):mean() * k.beta\n"
    "      + (model(x) - 1):abs():mean())\n"
    "    if log:due() then log:checkpoint { step = step } end\n"
    "  end\n"
    "  return { weight = model.weight:sum():item() }\n"
    "end\n"
    "return run(...)\n";

// In `x` the trial goes on from its checkpoint; in `y`, a copy without that,
// from its beginning, and the same changes come by themselves.
static void a_trial_is_steered_and_repeats_its_changes(void **state) {
  (void)state;
  terminal *t = &session;
  char command[4096];
  scratch_file("exp.lua", trial);
  start_and_stop(t, "exp.lua out=x", 100);
  answer(t, "p");
  terminal_expect(t, "lr = 0.001   beta = 0.5");
  terminal_expect(t, READING);
  terminal_ask(t, "beta = 4", "beta: 0.5 -> 4 from step ");
  terminal_ask(t, "lr = 0.02", "lr: 0.001 -> 0.02 from step ");
  terminal_ask(t, "k.beta, model(randn(2, 4)):dim()", "4   2");
  terminal_send(t, ":continue\r");
  terminal_expect(t, TAKEN);
  stop_after(t, 50);
  answer(t, "q");
  terminal_expect(t, "run the same command again to go on");
  assert_int_equal(terminal_end(t), 130);
  snprintf(command, sizeof command,
           "cd '%s' && cp -r x y && rm y/exp/*/checkpoint.safetensors",
           scratch);
  assert_int_equal(system(command), 0);
  assert_int_equal(shell("exp.lua out=x"), 0);
  assert_null(strstr(output, "training"));
  assert_int_equal(shell("exp.lua out=y"), 0);
  assert_non_null(strstr(output, "training"));
  assert_int_equal(shell("runs show 1 out=x | grep -A9 ^result >wx"), 0);
  assert_int_equal(shell("runs show 1 out=y | grep -A9 ^result >wy"), 0);
  snprintf(command, sizeof command, "cd '%s' && cmp wx wy && grep -q weight wx",
           scratch);
  assert_int_equal(system(command), 0);
}

// At the question, and twice in a row: it ends, with 130.
static void ctrl_c_again_stops(void **state) {
  (void)state;
  terminal *t = &session;
  scratch_file("train.lua", script);
  start_and_stop(t, "train.lua 500 0.002", 100);
  terminal_send(t, "\003");
  terminal_expect(t, "this loop has no checkpoint");
  assert_int_equal(terminal_end(t), 130);
  // A step that takes a minute: the second one does not wait for it.
  terminal_start(t, "", "train.lua 500 60");
  terminal_expect(t, "training");
  terminal_send(t, "\003");
  double until = terminal_clock() + 0.2;
  while (terminal_clock() < until) terminal_pump(t, 1);
  terminal_send(t, "\003");
  terminal_expect(t, "interrupted");
  assert_int_equal(terminal_end(t), 130);
}

// The loop of `:run` at the prompt asks too, and gives the prompt back.
static void a_loop_at_the_prompt_gives_it_back(void **state) {
  (void)state;
  terminal *t = &session;
  scratch_file("train.lua", script);
  terminal_open(t);
  terminal_ask(t, "mine = 42", NULL);
  terminal_ask(t,
               "function rest() collectgarbage() collectgarbage() return "
               "(orrery.live()) end",
               NULL);
  terminal_ask(t, "before = rest()", NULL);
  for (int i = 0; i < 5; i++) {
    terminal_send(t, ":run train.lua 100000 0.001\r");
    terminal_expect(t, "training");
    stop_after(t, 60);
    answer(t, "p");
    terminal_expect(t, READING);
    terminal_ask(t, "mine, beta", "42   0.5");
    terminal_ask(t, ":stop", "everything you had is intact");
  }
  terminal_ask(t, "rest() - before", "0\r\n");
  terminal_ask(t, "mine", "42");
  assert_int_equal(terminal_leave(t), 0);
}

// Without a terminal there is nobody to ask: a checkpoint, and the end.
static void without_a_terminal_it_ends_with_a_checkpoint(void **state) {
  (void)state;
  scratch_file("train.lua", script);
  assert_int_equal(scratch_interrupted(
                       "train.lua 100000 0.001 piped.safetensors", "another"),
                   130);
  assert_non_null(strstr(output, "checkpoint: piped.safetensors; the same "));
  assert_non_null(strstr(output, "orrery: interrupted at train.lua:"));
}

int main(int argc, char **argv) {
  if (argc < 2 || !scratch_program(argv[1])) return 2;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(looking_changes_nothing),
      cmocka_unit_test(changes_are_logged_resumed_and_repeated),
      cmocka_unit_test(a_trial_is_steered_and_repeats_its_changes),
      cmocka_unit_test(ctrl_c_again_stops),
      cmocka_unit_test(a_loop_at_the_prompt_gives_it_back),
      cmocka_unit_test(without_a_terminal_it_ends_with_a_checkpoint),
  };
  return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
