// terminal.h -- what the tests of the program share: a folder to work in, and
// a pseudo-terminal with the program at its other end.
#ifndef ORRERY_TEST_TERMINAL_H
#define ORRERY_TEST_TERMINAL_H
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

// The program under test, and the folder of this run, /tmp/...
extern char program[4096];
extern char scratch[];
bool scratch_program(const char *path);  // false when there is none
void scratch_file(const char *name, const char *text);
int scratch_open(void **state);  // for cmocka's group
int scratch_close(void **state);

// What the last of these two printed, both streams.
extern char output[1 << 16];

// Runs `BEFORE orrery WORDS` in a shell in the folder; the exit status, -1 when
// it was killed. `before` goes in front: a pipe, variables.
int scratch_shell(const char *before, const char *words);

// Runs `orrery WORDS` without a terminal, interrupts it once it has said
// `sign`; the exit status.
int scratch_interrupted(const char *words, const char *sign);

typedef struct terminal {
  int fd;
  pid_t pid;
  char seen[1 << 20];  // what came since the last send
  size_t n;
} terminal;

// What the program writes when it starts to read a line and when it has it.
#define READING "\033[?2004h"
#define TAKEN "\033[?2004l"

// Seconds by a clock that only goes forward.
double terminal_clock(void);

// Starts `env BEFORE orrery WORDS` in the folder, on a terminal of 40 rows and
// 250 columns that is an xterm without colours, unless BEFORE says otherwise.
void terminal_start(terminal *t, const char *before, const char *words);

// The prompt alone, waited for.
void terminal_open(terminal *t);

// Reads what there is within the time; false at the end of the session.
bool terminal_pump(terminal *t, int milliseconds);

// Waits until `text` was seen and forgets all up to its end; false when it
// did not come in time.
bool terminal_sees(terminal *t, const char *text, double seconds);

// The same; fails the test when it does not come.
void terminal_expect(terminal *t, const char *text);

void terminal_send(terminal *t, const char *text);

// Sends an entry and waits for what it must print and for the next prompt.
void terminal_ask(terminal *t, const char *entry, const char *wanted);

void terminal_resize(terminal *t, int rows, int columns);

// Waits for the end; returns the exit status, -1 when it was killed.
int terminal_end(terminal *t);

// Leaves with Ctrl-D and returns the exit status.
int terminal_leave(terminal *t);

#endif
