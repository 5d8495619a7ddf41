// terminal.c -- see terminal.h.
#include "terminal.h"

#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

char program[4096];
char scratch[] = "/tmp/orrery-host-XXXXXX";

bool scratch_program(const char *path) {
  return realpath(path, program) != NULL;
}

int scratch_open(void **state) {
  (void)state;
  return mkdtemp(scratch) ? 0 : -1;
}

int scratch_close(void **state) {
  char command[sizeof scratch + 32];
  (void)state;
  snprintf(command, sizeof command, "rm -rf '%s'", scratch);
  return system(command);
}

void scratch_file(const char *name, const char *text) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", scratch, name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

char output[1 << 16];

int scratch_shell(const char *before, const char *words) {
  char command[4 * sizeof program];
  snprintf(command, sizeof command, "cd '%s' && %s '%s' %s 2>&1", scratch,
           before, program, words);
  FILE *pipe = popen(command, "r");
  assert_non_null(pipe);
  size_t n = fread(output, 1, sizeof output - 1, pipe);
  output[n] = '\0';
  int status = pclose(pipe);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int scratch_interrupted(const char *words, const char *sign) {
  char text[4096];
  snprintf(text, sizeof text,
           "%s </dev/null >said 2>&1 & p=$!; n=0; "
           "until grep -q '%s' said || test $n -gt 600; do "
           "sleep 0.05; n=$((n + 1)); done; "
           "kill -INT $p; wait $p; s=$?; cat said; exit $s; }",
           words, sign);
  return scratch_shell("{", text);
}

double terminal_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void terminal_start(terminal *t, const char *before, const char *words) {
  struct winsize size = {.ws_row = 40, .ws_col = 250};
  char command[3 * sizeof program], home[sizeof scratch + 8];
  snprintf(command, sizeof command, "cd '%s' && exec env %s '%s' %s", scratch,
           before, program, words);
  snprintf(home, sizeof home, "%s/state", scratch);
  t->n = 0;
  t->pid = forkpty(&t->fd, NULL, NULL, &size);
  assert_true(t->pid >= 0);
  if (t->pid == 0) {
    setenv("TERM", "xterm", 1);
    setenv("NO_COLOR", "1", 1);
    setenv("XDG_STATE_HOME", home, 1);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
  }
}

void terminal_open(terminal *t) {
  terminal_start(t, "", "");
  terminal_expect(t, READING);
}

bool terminal_pump(terminal *t, int milliseconds) {
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

bool terminal_sees(terminal *t, const char *text, double seconds) {
  double end = terminal_clock() + seconds;
  t->seen[t->n] = '\0';
  for (;;) {
    const char *at = strstr(t->seen, text);
    if (at) {
      size_t used = (size_t)(at - t->seen) + strlen(text);
      memmove(t->seen, t->seen + used, t->n - used + 1);
      t->n -= used;
      return true;
    }
    if (terminal_clock() > end) return false;
    if (!terminal_pump(t, 1000)) fail_msg("ended before %s", text);
  }
}

void terminal_expect(terminal *t, const char *text) {
  if (!terminal_sees(t, text, 60))
    fail_msg("no %s within 60 s in: %s", text, t->seen);
}

void terminal_send(terminal *t, const char *text) {
  size_t n = strlen(text);
  while (n > 0) {
    ssize_t sent = write(t->fd, text, n);
    assert_true(sent > 0);
    text += sent;
    n -= (size_t)sent;
    if (n > 0) terminal_pump(t, 0);
  }
}

void terminal_ask(terminal *t, const char *entry, const char *wanted) {
  terminal_send(t, entry);
  terminal_send(t, "\r");
  terminal_expect(t, TAKEN);
  if (wanted) terminal_expect(t, wanted);
  terminal_expect(t, READING);
}

void terminal_resize(terminal *t, int rows, int columns) {
  struct winsize size = {.ws_row = (unsigned short)rows,
                         .ws_col = (unsigned short)columns};
  assert_int_equal(ioctl(t->fd, TIOCSWINSZ, &size), 0);
}

int terminal_end(terminal *t) {
  int status;
  while (terminal_pump(t, 10000)) continue;
  assert_int_equal(waitpid(t->pid, &status, 0), t->pid);
  close(t->fd);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int terminal_leave(terminal *t) {
  terminal_send(t, "\004");
  return terminal_end(t);
}
