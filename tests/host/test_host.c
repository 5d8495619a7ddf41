// test_host.c -- the program `orrery` from outside: its command line, through
// pipes.
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "terminal.h"

static void code_runs_and_gives_its_status(void **state) {
  (void)state;
  assert_int_equal(scratch_shell("", "-e 'print(6 * 7)'"), 0);
  assert_string_equal(output, "42\n");
  assert_int_equal(scratch_shell("", "-e 'a = 1' -e 'print(a)'"), 0);
  assert_string_equal(output, "1\n");
  assert_int_equal(scratch_shell("", "-e 'os.exit(7)'"), 7);
  assert_int_equal(scratch_shell("", "-e ''"), 0);
  assert_string_equal(output, "");
}

static void an_error_ends_with_one_and_names_its_line(void **state) {
  (void)state;
  scratch_file("bad.lua", "local x = 1\nerror 'oops'\n");
  assert_int_equal(scratch_shell("", "bad.lua"), 1);
  assert_non_null(strstr(output, "orrery: bad.lua:2: oops\n"));
  assert_null(strstr(output, "cli.lua"));
  scratch_file("syntax.lua", "x = = 1\n");
  assert_int_equal(scratch_shell("", "syntax.lua"), 1);
  assert_non_null(strstr(output, "orrery: syntax.lua:1: unexpected symbol"));
  assert_int_equal(scratch_shell("", "nowhere.lua"), 1);
  assert_string_equal(
      output, "orrery: cannot read nowhere.lua: No such file or directory\n");
}

static void misuse_ends_with_two_and_says_what_is_right(void **state) {
  (void)state;
  assert_int_equal(scratch_shell("", "--nonsense"), 2);
  assert_string_equal(
      output, "orrery: --nonsense is no option; orrery --help lists them\n");
  assert_int_equal(scratch_shell("", "-e"), 2);
  assert_string_equal(output,
                      "orrery: -e has nothing after it; write -e 'CODE'\n");
}

static void a_script_sees_its_words(void **state) {
  (void)state;
  scratch_file("words.lua", "print(arg[0], #arg, ...)\n");
  assert_int_equal(scratch_shell("", "words.lua a=1 --help -i"), 0);
  assert_string_equal(output, "words.lua\t3\ta=1\t--help\t-i\n");
  assert_int_equal(scratch_shell("", "-- words.lua x"), 0);
  assert_string_equal(output, "words.lua\t1\tx\n");
}

static void a_script_has_no_names_without_require(void **state) {
  (void)state;
  scratch_file("names.lua",
               "print(matmul, (require 'orrery').matmul ~= nil)\n");
  assert_int_equal(scratch_shell("", "names.lua"), 0);
  assert_string_equal(output, "nil\ttrue\n");
  assert_int_equal(scratch_shell("", "-e 'print(matmul == orrery.matmul)'"), 0);
  assert_string_equal(output, "true\n");
}

static void a_pipe_is_a_script(void **state) {
  (void)state;
  assert_int_equal(scratch_shell("printf 'x = 2\\nprint(x)\\n' |", "-"), 0);
  assert_string_equal(output, "2\n");
  assert_int_equal(scratch_shell("echo 'print(...)' |", ""), 0);
  assert_string_equal(output, "\n");
  assert_int_equal(scratch_shell("echo 'error(1 ..2)' |", "-"), 1);
  assert_int_equal(
      scratch_shell("printf 'a = 1\\na + 1\\n(\\n\\n\\nerror(a)\\na' |",
                    "-i -e 'b = 2'"),
      0);
  assert_non_null(strstr(output, "> 2\n"));
  assert_non_null(strstr(output, "unexpected symbol near <eof>"));
}

static void modules_load_before_the_rest(void **state) {
  (void)state;
  scratch_file("mine.lua", "return { value = 5 }\n");
  assert_int_equal(
      scratch_shell("LUA_PATH='./?.lua;;'",
                    "-l mine -l m=mine -e 'print(mine.value, m.value)'"),
      0);
  assert_string_equal(output, "5\t5\n");
  assert_int_equal(scratch_shell("", "-l no.such"), 1);
  assert_non_null(strstr(output, "orrery: module 'no.such' not found"));
}

static void help_version_and_doctor_answer(void **state) {
  (void)state;
  assert_int_equal(scratch_shell("", "--help"), 0);
  assert_non_null(strstr(output, "orrery FILE [knob=value ...]"));
  assert_int_equal(scratch_shell("", "-v"), 0);
  assert_int_equal(strncmp(output, "Orrery ", 7), 0);
  assert_int_equal(scratch_shell("", "help matmul"), 0);
  assert_non_null(strstr(output, "matmul("));
  assert_int_equal(scratch_shell("", "help matmull"), 1);
  assert_non_null(strstr(output, "did you mean matmul?"));
  assert_int_equal(scratch_shell("ORRERY_THREADS=1", "doctor"), 0);
  assert_non_null(strstr(output, "threads       1 of "));
}

static void knobs_are_checked_when_the_script_runs(void **state) {
  (void)state;
  scratch_file("knobs.lua",
               "local knobs = require 'orrery.knobs'\n"
               "local p, why = knobs.parse({ name = 'knobs',\n"
               "  knobs = { beta = { 1.0, 'weight' } } }, arg)\n"
               "if not p then error(knobs.sentence(why)) end\n"
               "io.write(knobs.listing(p))\n");
  assert_int_equal(scratch_shell("", "knobs.lua beta=1,4"), 0);
  assert_string_equal(output, "2 trials\n   1  beta=1\n   2  beta=4\n");
  assert_int_equal(scratch_shell("", "knobs.lua bta=1"), 1);
  assert_string_equal(output,
                      "orrery: knobs: unknown knob bta; did you mean beta?\n");
}

// The program wraps resume, close and wrap to know which coroutine runs.
static void coroutines_are_as_the_manual_says(void **state) {
  (void)state;
  scratch_file(
      "co.lua",
      "local w = coroutine.wrap(function(...)\n"
      "  local n = select('#', ...) + coroutine.yield(1, 2)\n"
      "  return n\nend)\n"
      "local a, b = w('x', nil)\n"
      "assert(a == 1 and b == 2 and w(5) == 7)\n"
      "assert(not pcall(w))\n"
      "local ok, e = pcall(function()\n"
      "  coroutine.wrap(function() error('deep') end)()\nend)\n"
      "assert(not ok and e == 'co.lua:9: deep', e)\n"
      "ok, e = pcall(coroutine.resume, 3)\n"
      "assert(not ok and e:find 'thread expected, got number', e)\n"
      "local closed\n"
      "local co = coroutine.create(function()\n"
      "  local x <close> = setmetatable({}, {\n"
      "    __close = function() closed = true end })\n"
      "  coroutine.yield(coroutine.isyieldable())\nend)\n"
      "assert(select(2, coroutine.resume(co)) == true)\n"
      "assert(coroutine.close(co) and closed)\n"
      "assert(coroutine.status(co) == 'dead')\n"
      "assert(not coroutine.resume(coroutine.running()))\n"
      "local t = {}\n"
      "setmetatable(t, { __index = function() return coroutine.yield() end })\n"
      "co = coroutine.wrap(function() return t.x end)\n"
      "co()\nassert(co(9) == 9)\nprint 'fine'\n");
  assert_int_equal(scratch_shell("", "co.lua"), 0);
  assert_string_equal(output, "fine\n");
}

// An interrupted script ends with 130; a second Ctrl-C may kill it at once.
static void an_interrupted_script_says_where(void **state) {
  (void)state;
  scratch_file("loop.lua",
               "io.stdout:write('ready\\n'):flush()\n"
               "while true do\nend\n");
  int status = scratch_interrupted("loop.lua", "ready");
  // A shell may start background jobs with SIGINT ignored; the program sets
  // its own handler, so that it is stopped all the same.
  assert_int_equal(status, 130);
  assert_non_null(strstr(output, "orrery: interrupted at loop.lua:"));
}

int main(int argc, char **argv) {
  if (argc < 2 || !scratch_program(argv[1])) return 2;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(code_runs_and_gives_its_status),
      cmocka_unit_test(an_error_ends_with_one_and_names_its_line),
      cmocka_unit_test(misuse_ends_with_two_and_says_what_is_right),
      cmocka_unit_test(a_script_sees_its_words),
      cmocka_unit_test(a_script_has_no_names_without_require),
      cmocka_unit_test(a_pipe_is_a_script),
      cmocka_unit_test(modules_load_before_the_rest),
      cmocka_unit_test(help_version_and_doctor_answer),
      cmocka_unit_test(knobs_are_checked_when_the_script_runs),
      cmocka_unit_test(coroutines_are_as_the_manual_says),
      cmocka_unit_test(an_interrupted_script_says_where),
  };
  return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
