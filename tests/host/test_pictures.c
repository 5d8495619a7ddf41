// test_pictures.c -- what the prompt draws: charts in characters, images in
// half-blocks or by a terminal's own protocol, paths where nothing is drawn.
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

#define PLAIN                                                             \
  "-u NO_COLOR -u TMUX -u KITTY_WINDOW_ID -u TERM_PROGRAM "               \
  "-u LC_TERMINAL -u ORRERY_GRAPHICS LC_ALL=C.UTF-8 COLORTERM=truecolor " \
  "TERM=xterm-256color "

static terminal *prompt(const char *before) {
  terminal_start(&session, before, "");
  terminal_expect(&session, READING);
  return &session;
}

static void a_chart_is_drawn_in_characters(void **state) {
  (void)state;
  terminal *t = prompt(PLAIN);
  terminal_send(t, "plot.line { y = { 1, 5 }, title = 'a chart' }\r");
  terminal_expect(t, TAKEN);
  terminal_expect(t, "a chart");
  terminal_expect(t, "\u2524");  // a tick
  terminal_expect(t, "\u2514\u252c\u2500");
  terminal_expect(t, READING);
  assert_int_equal(terminal_leave(t), 0);
}

static void a_chart_is_as_wide_as_its_window(void **state) {
  (void)state;
  terminal *t = prompt(PLAIN);
  terminal_resize(t, 30, 40);
  terminal_send(t, "plot.line { y = { 1, 5 } }\r");
  terminal_expect(t, "\u2514");
  const double end = terminal_clock() + 60;
  while (!strstr(t->seen, READING) && terminal_clock() < end)
    assert_true(terminal_pump(t, 1000));
  const char *line = t->seen;
  int length = 0;
  while (strncmp(line, "\u2500", 3) == 0 || strncmp(line, "\u252c", 3) == 0) {
    length++;
    line += 3;
  }
  assert_in_range(length, 30, 38);
  terminal_expect(t, READING);
  assert_int_equal(terminal_leave(t), 0);
}

static void an_image_is_half_blocks(void **state) {
  (void)state;
  terminal *t = prompt(PLAIN);
  terminal_ask(t, "show(zeros(2, 2))",
               "\033[38;2;0;0;0;48;2;0;0;0m\u2580\u2580");
  terminal_ask(t, "plot.grid(zeros(2, 3, 3))", "\u2580\033[0m\r\n");
  assert_int_equal(terminal_leave(t), 0);
  t = prompt(PLAIN "COLORTERM=");
  terminal_ask(t, "show(zeros(2, 2))", "\033[38;5;16;48;5;16m\u2580");
  assert_int_equal(terminal_leave(t), 0);
}

static void a_terminal_of_pixels_gets_them(void **state) {
  (void)state;
  terminal *t = prompt(PLAIN "TERM=xterm-kitty");
  terminal_ask(t, "show(zeros(2, 2))", "\033_Gf=100,a=T,q=2,m=0;iVBORw0KGgo");
  assert_int_equal(terminal_leave(t), 0);
  t = prompt(PLAIN "TERM_PROGRAM=iTerm.app");
  terminal_ask(t, "show(zeros(2, 2))", "\033]1337;File=inline=1;size=");
  assert_int_equal(terminal_leave(t), 0);
  // tmux lets only text through, whatever is outside.
  t = prompt(PLAIN "TERM=tmux-256color TMUX=/tmp/none,1,0 KITTY_WINDOW_ID=1");
  terminal_ask(t, "show(zeros(2, 2))", "\u2580");
  assert_int_equal(terminal_leave(t), 0);
}

static void where_nothing_is_drawn_the_path_is_said(void **state) {
  (void)state;
  terminal *t = prompt(PLAIN "TMPDIR=. NO_COLOR=1");
  terminal_ask(t, "show(zeros(2, 2))", "figure (image, 2 x 2): ./");
  assert_int_equal(terminal_leave(t), 0);
  t = prompt(PLAIN "TMPDIR=. LC_ALL=C");
  terminal_ask(t, "show(zeros(2, 2))", "figure (image, 2 x 2): ./");
  assert_int_equal(terminal_leave(t), 0);
}

int main(int argc, char **argv) {
  if (argc < 2 || !scratch_program(argv[1])) return 2;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_chart_is_drawn_in_characters),
      cmocka_unit_test(a_chart_is_as_wide_as_its_window),
      cmocka_unit_test(an_image_is_half_blocks),
      cmocka_unit_test(a_terminal_of_pixels_gets_them),
      cmocka_unit_test(where_nothing_is_drawn_the_path_is_said),
  };
  return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
