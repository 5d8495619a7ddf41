// test_host.c -- the program `orrery` from outside: its command line through
// pipes, its prompt through a pseudo-terminal, Ctrl-C at random moments.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char program[4096];
static char scratch[] = "/tmp/orrery-host-XXXXXX";

// ---------------------------------------------------------------- pipes

static char output[1 << 16];

// Runs `orrery WORDS` in a shell; fills output with both streams and returns
// the exit status. `before` goes in front of the command: a pipe, variables.
static int shell(const char *before, const char *words) {
  char command[8192];
  snprintf(command, sizeof command, "cd '%s' && %s '%s' %s 2>&1", scratch,
           before, program, words);
  FILE *pipe = popen(command, "r");
  assert_non_null(pipe);
  size_t n = fread(output, 1, sizeof output - 1, pipe);
  output[n] = '\0';
  int status = pclose(pipe);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void write_file(const char *name, const char *text) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", scratch, name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static void code_runs_and_gives_its_status(void **state) {
  (void)state;
  assert_int_equal(shell("", "-e 'print(6 * 7)'"), 0);
  assert_string_equal(output, "42\n");
  assert_int_equal(shell("", "-e 'a = 1' -e 'print(a)'"), 0);
  assert_string_equal(output, "1\n");
  assert_int_equal(shell("", "-e 'os.exit(7)'"), 7);
  assert_int_equal(shell("", "-e ''"), 0);
  assert_string_equal(output, "");
}

static void an_error_ends_with_one_and_names_its_line(void **state) {
  (void)state;
  write_file("bad.lua", "local x = 1\nerror 'oops'\n");
  assert_int_equal(shell("", "bad.lua"), 1);
  assert_non_null(strstr(output, "orrery: bad.lua:2: oops\n"));
  assert_null(strstr(output, "cli.lua"));
  write_file("syntax.lua", "x = = 1\n");
  assert_int_equal(shell("", "syntax.lua"), 1);
  assert_non_null(strstr(output, "orrery: syntax.lua:1: unexpected symbol"));
  assert_int_equal(shell("", "nowhere.lua"), 1);
  assert_string_equal(
      output, "orrery: cannot read nowhere.lua: No such file or directory\n");
}

static void misuse_ends_with_two_and_says_what_is_right(void **state) {
  (void)state;
  assert_int_equal(shell("", "--nonsense"), 2);
  assert_string_equal(
      output, "orrery: --nonsense is no option; orrery --help lists them\n");
  assert_int_equal(shell("", "-e"), 2);
  assert_string_equal(output,
                      "orrery: -e has nothing after it; write -e 'CODE'\n");
}

static void a_script_sees_its_words(void **state) {
  (void)state;
  write_file("words.lua", "print(arg[0], #arg, ...)\n");
  assert_int_equal(shell("", "words.lua a=1 --help -i"), 0);
  assert_string_equal(output, "words.lua\t3\ta=1\t--help\t-i\n");
  assert_int_equal(shell("", "-- words.lua x"), 0);
  assert_string_equal(output, "words.lua\t1\tx\n");
}

static void a_script_has_no_names_without_require(void **state) {
  (void)state;
  write_file("names.lua", "print(matmul, (require 'orrery').matmul ~= nil)\n");
  assert_int_equal(shell("", "names.lua"), 0);
  assert_string_equal(output, "nil\ttrue\n");
  assert_int_equal(shell("", "-e 'print(matmul == orrery.matmul)'"), 0);
  assert_string_equal(output, "true\n");
}

static void a_pipe_is_a_script(void **state) {
  (void)state;
  assert_int_equal(shell("printf 'x = 2\\nprint(x)\\n' |", "-"), 0);
  assert_string_equal(output, "2\n");
  assert_int_equal(shell("echo 'print(...)' |", ""), 0);
  assert_string_equal(output, "\n");
  assert_int_equal(shell("echo 'error(1 ..2)' |", "-"), 1);
  assert_int_equal(shell("printf 'a = 1\\na + 1\\n(\\n\\n\\nerror(a)\\na' |",
                         "-i -e 'b = 2'"),
                   0);
  assert_non_null(strstr(output, "> 2\n"));
  assert_non_null(strstr(output, "unexpected symbol near <eof>"));
}

static void modules_load_before_the_rest(void **state) {
  (void)state;
  write_file("mine.lua", "return { value = 5 }\n");
  assert_int_equal(shell("LUA_PATH='./?.lua;;'",
                         "-l mine -l m=mine -e 'print(mine.value, m.value)'"),
                   0);
  assert_string_equal(output, "5\t5\n");
  assert_int_equal(shell("", "-l no.such"), 1);
  assert_non_null(strstr(output, "orrery: module 'no.such' not found"));
}

static void help_version_and_doctor_answer(void **state) {
  (void)state;
  assert_int_equal(shell("", "--help"), 0);
  assert_non_null(strstr(output, "orrery FILE [knob=value ...]"));
  assert_int_equal(shell("", "-v"), 0);
  assert_int_equal(strncmp(output, "Orrery ", 7), 0);
  assert_int_equal(shell("", "help matmul"), 0);
  assert_non_null(strstr(output, "matmul("));
  assert_int_equal(shell("", "help matmull"), 1);
  assert_non_null(strstr(output, "did you mean matmul?"));
  assert_int_equal(shell("ORRERY_THREADS=1", "doctor"), 0);
  assert_non_null(strstr(output, "threads       1 of "));
}

static void knobs_are_checked_when_the_script_runs(void **state) {
  (void)state;
  write_file("knobs.lua",
             "local knobs = require 'orrery.knobs'\n"
             "local p, why = knobs.parse({ name = 'knobs',\n"
             "  knobs = { beta = { 1.0, 'weight' } } }, arg)\n"
             "if not p then error(knobs.sentence(why)) end\n"
             "io.write(knobs.listing(p))\n");
  assert_int_equal(shell("", "knobs.lua beta=1,4"), 0);
  assert_string_equal(output, "2 trials\n   1  beta=1\n   2  beta=4\n");
  assert_int_equal(shell("", "knobs.lua bta=1"), 1);
  assert_string_equal(output,
                      "orrery: knobs: unknown knob bta; did you mean beta?\n");
}

// The program wraps resume, close and wrap to know which coroutine runs.
static void coroutines_are_as_the_manual_says(void **state) {
  (void)state;
  write_file(
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
  assert_int_equal(shell("", "co.lua"), 0);
  assert_string_equal(output, "fine\n");
}

// An interrupted script ends with 130; a second Ctrl-C may kill it at once.
static void an_interrupted_script_says_where(void **state) {
  (void)state;
  write_file("loop.lua",
             "io.stdout:write('ready\\n'):flush()\n"
             "while true do\nend\n");
  int status = shell("{",
                     "loop.lua >said 2>&1 & p=$!; n=0; "
                     "until grep -q ready said || test $n -gt 600; do "
                     "sleep 0.05; n=$((n + 1)); done; "
                     "kill -INT $p; wait $p; s=$?; cat said; exit $s; }");
  // A shell may start background jobs with SIGINT ignored; the program sets
  // its own handler, so that it is stopped all the same.
  assert_int_equal(status, 130);
  assert_non_null(strstr(output, "orrery: interrupted at loop.lua:"));
}

// ---------------------------------------------------------------- terminal

typedef struct terminal {
  int fd;
  pid_t pid;
  char seen[1 << 20];  // what came since the last send
  size_t n;
} terminal;

// What the program writes when it starts to read a line and when it has it.
#define READING "\033[?2004h"
#define TAKEN "\033[?2004l"

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void terminal_open(terminal *t) {
  struct winsize size = {.ws_row = 40, .ws_col = 250};
  char state_home[sizeof scratch + 8];
  snprintf(state_home, sizeof state_home, "%s/state", scratch);
  t->n = 0;
  t->pid = forkpty(&t->fd, NULL, NULL, &size);
  assert_true(t->pid >= 0);
  if (t->pid == 0) {
    setenv("TERM", "xterm", 1);
    setenv("NO_COLOR", "1", 1);
    setenv("XDG_STATE_HOME", state_home, 1);
    execl(program, program, (char *)NULL);
    _exit(127);
  }
}

// Reads what there is within the time; false at the end of the session.
static bool terminal_pump(terminal *t, int milliseconds) {
  struct pollfd p = {.fd = t->fd, .events = POLLIN};
  if (poll(&p, 1, milliseconds) <= 0) return true;
  if (t->n > sizeof t->seen / 2) {  // a flood: its end is what matters
    memmove(t->seen, t->seen + t->n - 4096, 4096);
    t->n = 4096;
  }
  ssize_t n = read(t->fd, t->seen + t->n, sizeof t->seen - 1 - t->n);
  if (n <= 0) return false;
  t->n += (size_t)n;
  t->seen[t->n] = '\0';
  return true;
}

// Waits until `text` was seen and forgets all up to its end; false when it
// did not come in time.
static bool terminal_sees(terminal *t, const char *text, double seconds) {
  double end = now() + seconds;
  t->seen[t->n] = '\0';
  for (;;) {
    const char *at = strstr(t->seen, text);
    if (at) {
      size_t used = (size_t)(at - t->seen) + strlen(text);
      memmove(t->seen, t->seen + used, t->n - used + 1);
      t->n -= used;
      return true;
    }
    if (now() > end) return false;
    if (!terminal_pump(t, 1000)) fail_msg("ended before %s", text);
  }
}

static void terminal_expect(terminal *t, const char *text) {
  if (!terminal_sees(t, text, 60))
    fail_msg("no %s within 60 s in: %s", text, t->seen);
}

static void terminal_send(terminal *t, const char *text) {
  size_t n = strlen(text);
  while (n > 0) {
    ssize_t sent = write(t->fd, text, n);
    assert_true(sent > 0);
    text += sent;
    n -= (size_t)sent;
    if (n > 0) terminal_pump(t, 0);
  }
}

// Sends an entry and waits for what it must print and for the next prompt.
static void terminal_ask(terminal *t, const char *entry, const char *wanted) {
  terminal_send(t, entry);
  terminal_send(t, "\r");
  terminal_expect(t, TAKEN);
  if (wanted) terminal_expect(t, wanted);
  terminal_expect(t, READING);
}

// Leaves with Ctrl-D and returns the exit status.
static int terminal_leave(terminal *t) {
  int status;
  terminal_send(t, "\004");
  while (terminal_pump(t, 10000)) continue;
  assert_int_equal(waitpid(t->pid, &status, 0), t->pid);
  close(t->fd);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static terminal session;

static void the_prompt_answers_and_ctrl_d_leaves(void **state) {
  (void)state;
  terminal *t = &session;
  terminal_open(t);
  terminal_expect(t, READING);
  terminal_ask(t, "6 * 7", "42\r\n");
  terminal_ask(t, "_ + 1", "43\r\n");
  terminal_ask(t, "error 'oops'", "oops\r\n");
  terminal_ask(t, "x:y()", "attempt to index a nil value (global 'x')");
  assert_int_equal(terminal_leave(t), 0);
}

static void an_entry_of_many_lines_is_one(void **state) {
  (void)state;
  terminal *t = &session;
  terminal_open(t);
  terminal_expect(t, READING);
  terminal_ask(t, "function twice(x)", NULL);
  terminal_ask(t, "return 2 * x", NULL);
  terminal_ask(t, "end", NULL);
  terminal_ask(t, "twice(21)", "42\r\n");
  // A pasted block runs whole at Enter; it needs no prompts between.
  terminal_ask(t, "\033[200~function thrice(x)\r  return 3 * x\rend\r\033[201~",
               NULL);
  terminal_ask(t, "thrice(21)", "63\r\n");
  // Up three times: the pasted block, recalled whole and run again.
  terminal_ask(t, "thrice = nil", NULL);
  terminal_ask(t, "\033[A\033[A\033[A", NULL);
  terminal_ask(t, "thrice(22)", "66\r\n");
  assert_int_equal(terminal_leave(t), 0);
}

static void history_outlives_the_session(void **state) {
  (void)state;
  terminal *t = &session;
  terminal_open(t);
  terminal_expect(t, READING);
  terminal_ask(t, "'kept' .. 5", "\"kept5\"");
  assert_int_equal(terminal_leave(t), 0);
  terminal_open(t);
  terminal_expect(t, READING);
  terminal_ask(t, "\033[A", "\"kept5\"");
  assert_int_equal(terminal_leave(t), 0);
}

static void tab_completes(void **state) {
  (void)state;
  terminal *t = &session;
  terminal_open(t);
  terminal_expect(t, READING);
  terminal_ask(t, "unique_name = 5", NULL);
  terminal_ask(t, "unique_n\t + 1", "6\r\n");
  terminal_ask(t, "s = 'abc'", NULL);
  terminal_ask(t, "s:upp\t()", "\"ABC\"\r\n");
  assert_int_equal(terminal_leave(t), 0);
}

static void ctrl_c_at_the_prompt_clears_the_line(void **state) {
  (void)state;
  terminal *t = &session;
  terminal_open(t);
  terminal_expect(t, READING);
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

// ---------------------------------------------------------------- Ctrl-C

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
    "while true do print 'flood' end",
    "sleep(1000)",
};
enum { ENDLESS = sizeof endless / sizeof *endless, ROUNDS = 100 };

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

static void prepare(terminal *t) {
  char entry[256];
  terminal_open(t);
  terminal_expect(t, READING);
  terminal_ask(t, "manual_seed(1)", NULL);
  terminal_ask(t, "big, w = randn(600, 600), randn(600, 600)", NULL);
  terminal_ask(t, "image, filter = randn(8, 16, 48, 48), randn(16, 16, 3, 3)",
               NULL);
  terminal_ask(t, "w:requires_grad_(); leaf = filter:clone():requires_grad_()",
               NULL);
  terminal_ask(t, "(w * 0.5):sum():backward()", NULL);
  terminal_ask(t, "opt = optim.Adam({ w }, { lr = 1e-5 })", NULL);
  snprintf(entry, sizeof entry, "path = '%s/big.safetensors'", scratch);
  terminal_ask(t, entry, NULL);
  terminal_ask(t, "total = big:sum():item() + image:sum():item()", NULL);
  terminal_ask(t, "save(path, { big = big })", NULL);
  terminal_ask(t,
               "function alive() return big:sum():item() + "
               "image:sum():item() == total and "
               "load_file(path).big:equal(big) end",
               NULL);
  terminal_ask(t, "load_file = orrery.load", NULL);
  terminal_ask(t, "alive()", "true\r\n");
}

static void a_hundred_interrupts_come_back_to_the_prompt(void **state) {
  (void)state;
  terminal *t = &session;
  double late[ROUNDS];
  uint32_t seed = 20260101;
  prepare(t);
  for (int i = 0; i < ROUNDS; i++) {
    const char *entry = endless[i % ENDLESS];
    terminal_send(t, entry);
    terminal_send(t, "\r");
    terminal_expect(t, TAKEN);
    double until = now() + 1e-3 * (double)(draw(&seed) % 80);
    while (now() < until) terminal_pump(t, 1);
    double sent = now();
    terminal_send(t, "\003");
    terminal_expect(t, READING);
    late[i] = now() - sent;
    terminal_ask(t, "alive() and 'intact'", "\"intact\"\r\n");
    terminal_ask(t, "(ones(3) * 2):sum():item()", "6.0\r\n");
  }
  qsort(late, ROUNDS, sizeof *late, by_value);
  print_message(
      "# prompt back after %.1f ms (median of %d), %.1f ms at worst\n",
      1e3 * late[ROUNDS / 2], ROUNDS, 1e3 * late[ROUNDS - 1]);
  assert_int_equal(terminal_leave(t), 0);
}

static void a_second_ctrl_c_does_no_harm(void **state) {
  (void)state;
  terminal *t = &session;
  terminal_open(t);
  terminal_expect(t, READING);
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

// ---------------------------------------------------------------- main

static int open_scratch(void **state) {
  (void)state;
  return mkdtemp(scratch) ? 0 : -1;
}

static int close_scratch(void **state) {
  char command[sizeof scratch + 32];
  (void)state;
  snprintf(command, sizeof command, "rm -rf '%s'", scratch);
  return system(command);
}

int main(int argc, char **argv) {
  if (argc < 2 || !realpath(argv[1], program)) return 2;
  const struct CMUnitTest pipes[] = {
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
      cmocka_unit_test(the_prompt_answers_and_ctrl_d_leaves),
      cmocka_unit_test(an_entry_of_many_lines_is_one),
      cmocka_unit_test(history_outlives_the_session),
      cmocka_unit_test(tab_completes),
      cmocka_unit_test(ctrl_c_at_the_prompt_clears_the_line),
      cmocka_unit_test(a_hundred_interrupts_come_back_to_the_prompt),
      cmocka_unit_test(a_second_ctrl_c_does_no_harm),
  };
  return cmocka_run_group_tests(pipes, open_scratch, close_scratch);
}
