// test_prompt.c -- the prompt of `orrery` as a person types: keys, completion,
// history, pasted blocks, letters of all kinds, a window that changes.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "terminal.h"

static terminal session;

static void the_prompt_answers_and_ctrl_d_leaves(void **state) {
  (void)state;
  terminal *t = &session;
  terminal_open(t);
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
  terminal_ask(t, "'kept' .. 5", "\"kept5\"");
  assert_int_equal(terminal_leave(t), 0);
  terminal_open(t);
  terminal_ask(t, "\033[A", "\"kept5\"");
  assert_int_equal(terminal_leave(t), 0);
}

static void tab_completes(void **state) {
  (void)state;
  terminal *t = &session;
  terminal_open(t);
  terminal_ask(t, "unique_name = 5", NULL);
  terminal_ask(t, "unique_n\t + 1", "6\r\n");
  terminal_ask(t, "s = 'abc'", NULL);
  terminal_ask(t, "s:upp\t()", "\"ABC\"\r\n");
  terminal_ask(t, "x = ones(2, 3)", NULL);
  terminal_ask(t, "(x * 2):exp():flatte\t():size(1)", "6\r\n");
  terminal_ask(t, "require('orrery.plo\t').line ~= nil", "true");
  terminal_ask(t, "x:sum { keepd\ttrue, axis = 1 }:shape()", "1   3");
  assert_int_equal(terminal_leave(t), 0);
}

static void a_pasted_block_of_fifty_lines_is_one_entry(void **state) {
  (void)state;
  terminal *t = &session;
  char block[8192] = "\033[200~function long(n)\r  local total = 0\r";
  for (int i = 0; i < 46; i++) {
    char line[64];
    snprintf(line, sizeof line, "  total = total + %d * n -- \xc3\xa9\r", i);
    strcat(block, line);
  }
  strcat(block, "  return total\rend\r\033[201~");
  terminal_open(t);
  terminal_ask(t, block, NULL);
  terminal_ask(t, "long(2)", "2070\r\n");  // 2 (0 + ... + 45)
  // Found again by what stands in its middle, and run.
  terminal_ask(t, "long = nil", NULL);
  terminal_send(t, "\022total + 41");
  terminal_expect(t, "total + 41");
  terminal_ask(t, "", NULL);
  terminal_ask(t, "long(1)", "1035\r\n");
  // Without the marks each line is typed: that works too.
  terminal_ask(t, "a = 1\rb = 2\rc = a + b", NULL);
  terminal_expect(t, READING);
  terminal_expect(t, READING);
  terminal_ask(t, "'c is ' .. c", "\"c is 3\"");
  assert_int_equal(terminal_leave(t), 0);
}

static void the_history_is_searched(void **state) {
  (void)state;
  terminal *t = &session;
  terminal_open(t);
  terminal_ask(t, "alpha = 'first'", NULL);
  terminal_ask(t, "beta = 'second'", NULL);
  terminal_ask(t, "gamma = 'third'", NULL);
  // Up after the beginning of a line looks for entries that begin so.
  terminal_ask(t, "alpha, beta, gamma = nil", NULL);
  terminal_ask(t, "al\033[A\033[A", NULL);
  terminal_ask(t, "alpha", "\"first\"");
  // Ctrl-R, then a part of it; Ctrl-C leaves the search.
  terminal_ask(t, "\022second", NULL);
  terminal_ask(t, "beta", "\"second\"");
  terminal_send(t, "\022third");
  terminal_expect(t, "third");
  terminal_send(t, "\003");
  terminal_expect(t, READING);
  terminal_ask(t, "gamma", "nil");
  assert_int_equal(terminal_leave(t), 0);
}

// Each edits `12 + 34` into something else, by keys alone.
static void keys_edit_the_line(void **state) {
  (void)state;
  static const char *const edits[][2] = {
      {"12 + 34\001"
       "9",
       "946\r\n"},                          // Ctrl-A: 912 + 34
      {"12 + 34\001\033[C\177", "36\r\n"},  // Right, Backspace
      {"12 + 34\033[H\033[3~", "36\r\n"},   // Home, Delete
      {"12 + 34\001\005"
       "0",
       "352\r\n"},  // Ctrl-E
      {"12 + 34\033[D\033[D\013"
       "5",
       "17\r\n"},  // Left twice, Ctrl-K
      {"12 + 34\027"
       "40",
       "52\r\n"},  // Ctrl-W
      {"12 + 34\025"
       "7",
       "7\r\n"},                               // Ctrl-U
      {"12 + 34\033[1;5D0", "46\r\n"},         // Ctrl-Left: 12 + 034
      {"12 + 34\033[1~1\033[4~1", "453\r\n"},  // 112 + 341
  };
  terminal *t = &session;
  terminal_open(t);
  for (size_t i = 0; i < sizeof edits / sizeof *edits; i++)
    terminal_ask(t, edits[i][0], edits[i][1]);
  assert_int_equal(terminal_leave(t), 0);
}

// In a locale that is UTF-8, and in a session that has none at all.
static void letters_beyond_ascii_are_letters(void **state) {
  (void)state;
  static const char *const places[] = {"-u LC_ALL LANG=C.UTF-8",
                                       "-u LC_ALL -u LC_CTYPE -u LANG"};
  terminal *t = &session;
  for (size_t i = 0; i < 2; i++) {
    terminal_start(t, places[i], "");
    terminal_expect(t, READING);
    terminal_ask(t, "s = '\xc3\xa9\xe2\x86\x92\xf0\x9f\x98\x80'", NULL);
    terminal_ask(t, "#s, utf8.len(s)", "9   3\r\n");
    // One Backspace takes one letter, not one byte.
    terminal_ask(t, "utf8.len('a\xc3\xa9\xe2\x86\x92\177')", "2\r\n");
    terminal_ask(t, "utf8.len('\xc3\xa9\xc3\xbc')\033[D\033[D\177", "1\r\n");
    terminal_ask(t, "s", "\"\xc3\xa9\xe2\x86\x92\xf0\x9f\x98\x80\"");
    assert_int_equal(terminal_leave(t), 0);
  }
}

static void a_resized_window_keeps_the_line(void **state) {
  (void)state;
  terminal *t = &session;
  terminal_open(t);
  for (int i = 0; i < 20; i++) {
    terminal_send(t, "12 + ");
    terminal_resize(t, 20 + i, i % 2 ? 200 : 40);
    terminal_send(t, "3");
    terminal_resize(t, 24, 80 - i);
    terminal_ask(t, "4", "46\r\n");
  }
  terminal_resize(t, 30, 100);
  terminal_ask(t, "orrery.terminal_size()", "100   30   ");
  assert_int_equal(terminal_leave(t), 0);
}

static void colours_are_for_terminals_that_want_them(void **state) {
  (void)state;
  terminal *t = &session;
  terminal_start(t, "-u NO_COLOR", "");
  terminal_expect(t, READING);
  terminal_ask(t, "'te' .. 'xt'", "\033[32m\"text\"\033[0m\r\n");
  terminal_ask(t, "error 'oops'", "\033[31moops\033[0m\r\n");
  assert_int_equal(terminal_leave(t), 0);
  terminal_start(t, "NO_COLOR=1", "");
  terminal_expect(t, READING);
  terminal_send(t, "'te' .. 'xt'\r");
  terminal_expect(t, TAKEN "\"text\"\r\n");
  terminal_expect(t, READING);
  assert_int_equal(terminal_leave(t), 0);
  // A terminal that can nothing still takes lines.
  terminal_start(t, "-u NO_COLOR TERM=dumb", "");
  terminal_expect(t, "> ");
  terminal_send(t, "'te' .. 'xt'\r");
  terminal_expect(t, "\r\n\"text\"\r\n> ");
  assert_int_equal(terminal_leave(t), 0);
}

// What the README says to type, "> " in front, until it draws: in a terminal
// that is a chart, and it takes no more than ten entries.
static void the_readme_leads_to_a_plot_within_ten_commands(void **state) {
  (void)state;
  terminal *t = &session;
  const char *root = getenv("ORRERY_SOURCE_DIR");
  char path[4096], line[512];
  snprintf(path, sizeof path, "%s/README.md", root ? root : ".");
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  int typed = 0;
  bool session_begun = false, drawn = false;
  terminal_start(t, "-u LC_ALL -u NO_COLOR LANG=C.UTF-8", "");
  terminal_expect(t, READING);
  while (!drawn && fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = '\0';
    // The session that draws is the one that matters; each begins afresh.
    if (!strcmp(line, "```console")) typed = 0;
    session_begun = session_begun || !strcmp(line, "```console");
    if (!session_begun || strncmp(line, "> ", 2) != 0) continue;
    drawn = strncmp(line + 2, "plot.", 5) == 0;
    terminal_ask(t, line + 2, drawn ? "\xe2\x94\xa4" : NULL);  // an axis
    typed++;
  }
  fclose(file);
  assert_true(drawn);
  // With set-up, build and start before them.
  assert_in_range(typed + 3, 4, 10);
  assert_int_equal(terminal_leave(t), 0);
}

static void commands_work_in_a_terminal(void **state) {
  (void)state;
  terminal *t = &session;
  scratch_file("greet.lua", "greeting = 'hello ' .. (... or 'nobody')\n");
  scratch_file("ed.sh", "printf \"greeting = 'edited'\\n\" > \"$1\"\n");
  terminal_start(t, "-u VISUAL EDITOR='sh ed.sh'", "");
  terminal_expect(t, READING);
  terminal_ask(t, ":run greet.lua w=1", NULL);
  terminal_ask(t, "greeting", "\"hello w=1\"");
  terminal_ask(t, ":edit", "greeting = 'edited'\r\n");
  terminal_ask(t, "greeting", "\"edited\"");
  terminal_ask(t, ":who", "greeting  \"edited\"\r\n");
  terminal_ask(t, ":save again.lua", "again.lua: 4 entries\r\n");
  terminal_ask(t, "greeting = nil", NULL);
  terminal_ask(t, ":run again.lua", "\"edited\"\r\n");
  terminal_ask(t, ":time 1 + 1", "(median of ");
  terminal_ask(t, "??softplus", "core/ops/");
  terminal_ask(t, "zeros(2):matmull()", "did you mean matmul?");
  assert_int_equal(terminal_leave(t), 0);
}

int main(int argc, char **argv) {
  if (argc < 2 || !scratch_program(argv[1])) return 2;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_prompt_answers_and_ctrl_d_leaves),
      cmocka_unit_test(an_entry_of_many_lines_is_one),
      cmocka_unit_test(history_outlives_the_session),
      cmocka_unit_test(tab_completes),
      cmocka_unit_test(a_pasted_block_of_fifty_lines_is_one_entry),
      cmocka_unit_test(the_history_is_searched),
      cmocka_unit_test(keys_edit_the_line),
      cmocka_unit_test(letters_beyond_ascii_are_letters),
      cmocka_unit_test(a_resized_window_keeps_the_line),
      cmocka_unit_test(colours_are_for_terminals_that_want_them),
      cmocka_unit_test(the_readme_leads_to_a_plot_within_ten_commands),
      cmocka_unit_test(commands_work_in_a_terminal),
  };
  return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
