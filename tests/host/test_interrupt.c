// test_interrupt.c -- Ctrl-C at random moments, in each kind of work: the
// prompt comes back and nothing is lost.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "terminal.h"

static terminal session;

static void ctrl_c_at_the_prompt_clears_the_line(void **state) {
  (void)state;
  terminal *t = &session;
  terminal_open(t);
  terminal_send(t, "os.exit(3) --");
  terminal_expect(t, "--");
  terminal_send(t, "\003");
  terminal_expect(t, READING);
  terminal_ask(t, "function f()", NULL);
  terminal_send(t, "\003");
  terminal_expect(t, READING);
  terminal_ask(t, "6 * 7", "42\r\n");
  assert_int_equal(terminal_leave(t), 0);
}

// Entries that never end by themselves: Lua code, code that catches errors,
// coroutines, operations, gradients, parameters, files, a flood of output.
static const char *const endless[] = {
    "while true do end",
    "while true do local t = {} end",
    "while true do pcall(function() while true do end end) end",
    "while true do pcall(error, 'x') end",
    "while true do coroutine.wrap(function() while true do end end)() end",
    "for _ in coroutine.wrap(function() while true do coroutine.yield(1) end "
    "end) do end",
    "while true do coroutine.resume(coroutine.create(function() while true do "
    "end end)) end",
    "while true do pcall(string.rep) end",
    "while true do y = big:matmul(big) end",
    "while true do pcall(matmul, big, big) end",
    "while true do y = conv2d(image, filter) end",
    "while true do y = (big + 1):exp():sum() end",
    "while true do (big:matmul(w) ^ 2):mean():backward() end",
    "while true do conv2d(image, leaf):sum():backward() end",
    "while true do opt:step() end",
    "while true do tidy(function() return big * 2 end) end",
    "while true do no_grad(function() return w * 2 end) end",
    "while true do save(path, { big = big }) end",
    "while true do y = load_file(path) end",
    "while true do y = step(big) end",
    "while true do for b in loader do y = b end end",
    "while true do table.sort(numbers, function(a, b) return a > b end) end",
    "while true do y = linalg.svd(small) end",
    "while true do plot.line({ y = numbers }):save(picture) end",
    "while true do require('orrery.data').mnist {} end",
    "while true do os.execute 'sleep 5' end",
    "while true do print 'flood' end",
    "sleep(1000)",
};
enum { ENDLESS = sizeof endless / sizeof *endless, MOST = 100 * ENDLESS };

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

// xorshift: the moments are random, and the same in every run.
static uint32_t draw(uint32_t *s) {
  *s ^= *s << 13;
  *s ^= *s >> 17;
  *s ^= *s << 5;
  return *s;
}

// Live tensors when what the work leaves behind is dropped.
#define AT_REST                                                     \
  "function at_rest() y, w.grad, leaf.grad = nil collectgarbage() " \
  "collectgarbage() return (orrery.live()) end"

static void prepare(terminal *t) {
  static const char *const entries[] = {
      "manual_seed(1)",
      "big, w = randn(600, 600), randn(600, 600)",
      "small = randn(40, 40)",
      "image, filter = randn(8, 16, 48, 48), randn(16, 16, 3, 3)",
      "w:requires_grad_(); leaf = filter:clone():requires_grad_()",
      "opt = optim.Adam({ w }, { lr = 1e-5 })",
      "path, picture = 'big.safetensors', 'chart.svg'",
      "total = big:sum():item() + image:sum():item()",
      "load_file = orrery.load",
      "step = compile(function(x) return (x * 2 + 1):tanh():sum() end)",
      "step(big)",
      "loader = data.dataset { randn(256, 8) }:batches(8, { shuffle = true })",
      "numbers = {} for i = 1, 1000 do numbers[i] = i * 7919 % 1009 end",
      "save(path, { big = big })",
      "function alive() return big:sum():item() + image:sum():item() == total "
      "and load_file(path).big:equal(big) end",
      AT_REST,
  };
  terminal_open(t);
  for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
    terminal_ask(t, entries[i], NULL);
  terminal_ask(t, "alive()", "true\r\n");
  // The optimiser's gradient is there from now on, as work will leave it.
  terminal_ask(t, "(w * 0.5):sum():backward()", NULL);
  terminal_ask(t, "before = at_rest()", NULL);
}

// One entry stopped at a random moment; seconds until the prompt is back.
static double stop_once(terminal *t, const char *entry, uint32_t *seed) {
  terminal_send(t, entry);
  terminal_send(t, "\r");
  terminal_expect(t, TAKEN);
  double until = terminal_clock() + 1e-3 * (double)(draw(seed) % 80);
  while (terminal_clock() < until) terminal_pump(t, 1);
  double sent = terminal_clock();
  terminal_send(t, "\003");
  terminal_expect(t, READING);
  return terminal_clock() - sent;
}

// Each kind of work 4 times here, 100 times with ORRERY_FULL=1.
static void interrupts_come_back_to_the_prompt(void **state) {
  (void)state;
  terminal *t = &session;
  static double late[MOST];
  const char *full = getenv("ORRERY_FULL");
  const int rounds = (full && *full ? 100 : 4) * ENDLESS;
  uint32_t seed = 20260101;
  prepare(t);
  for (int i = 0; i < rounds; i++) {
    late[i] = stop_once(t, endless[i % ENDLESS], &seed);
    terminal_ask(t, "alive() and 'intact'", "\"intact\"\r\n");
    terminal_ask(t, "(ones(3) * 2):sum():item()", "6.0\r\n");
  }
  terminal_ask(t, "at_rest() - before", "0\r\n");
  qsort(late, (size_t)rounds, sizeof *late, by_value);
  print_message(
      "# prompt back after %.1f ms (median of %d), %.1f ms at worst\n",
      1e3 * late[rounds / 2], rounds, 1e3 * late[rounds - 1]);
  assert_int_equal(terminal_leave(t), 0);
}

static void a_second_ctrl_c_does_no_harm(void **state) {
  (void)state;
  terminal *t = &session;
  terminal_open(t);
  for (int i = 0; i < 10; i++) {
    terminal_send(t,
                  "while true do pcall(function() while true do end end) "
                  "end\r");
    terminal_expect(t, TAKEN);
    for (int k = 0; k < 5; k++) terminal_send(t, "\003");
    // A Ctrl-C that is handled late clears what was typed meanwhile, as it
    // should: then one types it again.
    bool alive = false;
    for (int k = 0; k < 3 && !alive; k++) {
      terminal_send(t, "'al' .. 'ive'\r");
      alive = terminal_sees(t, "\"alive\"", 20);
    }
    assert_true(alive);
    terminal_expect(t, READING);
  }
  assert_int_equal(terminal_leave(t), 0);
}

int main(int argc, char **argv) {
  if (argc < 2 || !scratch_program(argv[1])) return 2;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ctrl_c_at_the_prompt_clears_the_line),
      cmocka_unit_test(interrupts_come_back_to_the_prompt),
      cmocka_unit_test(a_second_ctrl_c_does_no_harm),
  };
  return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
