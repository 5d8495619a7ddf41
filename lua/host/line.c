// line.c -- line editing over libedit, whose own signal mode stays off: this
// file reads the characters, so that Ctrl-C and a resized window are seen
// between two of them.
#include "line.h"

#include <errno.h>
#include <locale.h>
#include <orrery.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>
#include <wchar.h>
#ifdef ORR_HAVE_LIBEDIT
#include <histedit.h>
#endif

// Reads without editing. Bytes past the newline stay for the next call.
static line_status read_plain(const char *prompt, char **text) {
  fputs(prompt, stdout);
  fflush(stdout);
  size_t size = 0;
  errno = 0;
  ssize_t n = getline(text, &size, stdin);
  if (n < 0) {
    free(*text);
    *text = NULL;
    if (!orr_interrupted()) return LINE_END;
    clearerr(stdin);
    return LINE_INTERRUPTED;
  }
  if ((*text)[n - 1] == '\n') (*text)[n - 1] = '\0';
  return LINE_READ;
}

#ifdef ORR_HAVE_LIBEDIT

// Waits for input; false when interrupted. SIGINT is let in only while
// waiting, so it cannot slip between the look at the flag and the wait.
static bool wait_input(void (*resized)(void)) {
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGINT);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  int ready = 0;
  while (!orr_interrupted() && ready <= 0) {
    fd_set in;
    FD_ZERO(&in);
    FD_SET(STDIN_FILENO, &in);
    ready = pselect(STDIN_FILENO + 1, &in, NULL, NULL, NULL, &before);
    if (ready < 0 && errno != EINTR) break;
    if (ready < 0 && resized) resized();
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return !orr_interrupted();
}

static line_complete_fn *complete;
static void *complete_context;

void line_on_complete(line_complete_fn *fn, void *context) {
  complete = fn;
  complete_context = context;
}

static EditLine *editor;
static History *history_list;
static const char *current_prompt = "";
static volatile sig_atomic_t window_changed;

static char *prompt_text(EditLine *el) {
  (void)el;
  return (char *)(uintptr_t)current_prompt;
}

static void on_winch(int number) {
  (void)number;
  window_changed = 1;
}

// After a stop and a continue the shell has left its own terminal modes.
static void on_continue(int number) {
  (void)number;
  window_changed = 2;
}

static void after_signal(void) {
  if (!window_changed) return;
  if (window_changed == 2) el_set(editor, EL_PREP_TERM, 1);
  window_changed = 0;
  // The editor draws the line anew where it thinks it begins, at the left.
  fputs("\r\033[J", stdout);
  el_resize(editor);
  el_set(editor, EL_REFRESH);
}

// One character for libedit; a byte that is no UTF-8 becomes '?'.
static int read_character(EditLine *el, wchar_t *out) {
  mbstate_t state = {0};
  (void)el;
  for (;;) {
    char byte;
    if (!wait_input(after_signal)) return -1;
    ssize_t n = read(STDIN_FILENO, &byte, 1);
    if (n <= 0) return (int)n;
    size_t used = mbrtowc(out, &byte, 1, &state);
    if (used == (size_t)-2) continue;
    if (used == (size_t)-1) *out = L'?';
    if (used == 0) *out = L'\0';
    return 1;
  }
}

static unsigned char on_tab(EditLine *el, int key) {
  (void)key;
  if (!complete) return CC_ERROR;
  const LineInfo *line = el_line(el);
  size_t n = (size_t)(line->lastchar - line->buffer);
  char *text = malloc(n + 1), *insert = NULL, *show = NULL;
  if (!text) return CC_ERROR;
  memcpy(text, line->buffer, n);
  text[n] = '\0';
  complete(complete_context, text, (size_t)(line->cursor - line->buffer),
           &insert, &show);
  unsigned char result = insert || show ? CC_REFRESH : CC_ERROR;
  if (show) {
    printf("\n%s\n", show);
    result = CC_REDISPLAY;
  }
  if (insert) el_insertstr(el, insert);
  free(text);
  free(insert);
  free(show);
  return result;
}

typedef struct paste {
  wchar_t *at;
  size_t used, size;
} paste;

static bool paste_add(paste *p, wchar_t c) {
  if (p->used + 1 >= p->size) {
    size_t size = p->size ? 2 * p->size : 256;
    wchar_t *at = realloc(p->at, size * sizeof *at);
    if (!at) return false;
    p->at = at;
    p->size = size;
  }
  p->at[p->used++] = c;
  p->at[p->used] = L'\0';
  return true;
}

// Between ESC [ 200 ~ and ESC [ 201 ~ lies what was pasted, whole.
static unsigned char on_paste(EditLine *el, int key) {
  static const wchar_t stop[] = L"\033[201~";
  const size_t mark = wcslen(stop);
  paste p = {0};
  wchar_t c;
  (void)key;
  while (el_wgetc(el, &c) == 1) {
    if (c == L'\0') continue;
    if (!paste_add(&p, c == L'\r' ? L'\n' : c)) break;
    if (p.used < mark || wcscmp(p.at + p.used - mark, stop) != 0) continue;
    p.used -= mark;
    while (p.used && p.at[p.used - 1] == L'\n') p.used--;
    p.at[p.used] = L'\0';
    el_winsertstr(el, p.at);
    break;
  }
  free(p.at);
  return CC_REFRESH;
}

// ^@ is what becomes of a Ctrl-D typed while the terminal was not ours.
static void bind_keys(void) {
  static const char *const keys[][2] = {
      {"\t", "orrery-complete"},
      {"\033[200~", "orrery-paste"},
      {"^@", "em-delete-or-list"},
      {"^R", "em-inc-search-prev"},
      {"^W", "ed-delete-prev-word"},
      {"\033[A", "ed-search-prev-history"},
      {"\033OA", "ed-search-prev-history"},
      {"\033[B", "ed-search-next-history"},
      {"\033OB", "ed-search-next-history"},
      {"\033[H", "ed-move-to-beg"},
      {"\033OH", "ed-move-to-beg"},
      {"\033[1~", "ed-move-to-beg"},
      {"\033[F", "ed-move-to-end"},
      {"\033OF", "ed-move-to-end"},
      {"\033[4~", "ed-move-to-end"},
      {"\033[3~", "ed-delete-next-char"},
      {"\033[1;5C", "em-next-word"},
      {"\033[1;5D", "ed-prev-word"},
  };
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    el_set(editor, EL_BIND, keys[i][0], keys[i][1], NULL);
}

static void watch(int number, void (*handler)(int)) {
  struct sigaction action = {.sa_handler = handler};
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, NULL);
}

static bool terminal_can(void) {
  const char *term = getenv("TERM");
  return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term && *term &&
      strcmp(term, "dumb") != 0;
}

// Only character types take the person's locale, so that numbers keep their
// decimal point. A session without any (ssh to a machine that does not know
// the locale, a bare container) still types UTF-8.
static void take_locale(void) {
  if (setlocale(LC_CTYPE, "") && MB_CUR_MAX > 1) return;
  static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const char *set = getenv(names[i]);
    if (!set || !*set) continue;
    // Another encoding that the machine does know is the person's choice.
    if (strcmp(set, "C") && strcmp(set, "POSIX") && setlocale(LC_CTYPE, ""))
      return;
    break;
  }
  if (!setlocale(LC_CTYPE, "C.UTF-8")) setlocale(LC_CTYPE, "en_US.UTF-8");
}

// Opens the editor once.
static bool open_editor(void) {
  static bool tried;
  if (tried) return editor != NULL;
  tried = true;
  if (!terminal_can()) return false;
  take_locale();
  HistEvent event;
  editor = el_init("orrery", stdin, stdout, stderr);
  history_list = history_init();
  if (!editor || !history_list) return false;
  history(history_list, &event, H_SETSIZE, 5000);
  history(history_list, &event, H_SETUNIQUE, 1);
  el_set(editor, EL_SIGNAL, 0);
  el_set(editor, EL_PROMPT, prompt_text);
  el_set(editor, EL_HIST, history, history_list);
  el_set(editor, EL_EDITOR, "emacs");
  el_wset(editor, EL_ADDFN, L"orrery-complete", L"complete a name", on_tab);
  el_wset(editor, EL_ADDFN, L"orrery-paste", L"take a pasted block", on_paste);
  el_wset(editor, EL_GETCFN, read_character);
  bind_keys();
  el_source(editor, NULL);
  watch(SIGWINCH, on_winch);
  watch(SIGCONT, on_continue);
  return true;
}

line_status line_read(const char *prompt, char **text) {
  *text = NULL;
  if (!open_editor()) return read_plain(prompt, text);
  current_prompt = prompt;
  // libedit takes the terminal only after the prompt is out: a Ctrl-R or
  // Ctrl-D that answers the prompt at once would be the terminal's own.
  el_set(editor, EL_PREP_TERM, 1);
  fputs("\033[?2004h", stdout);
  int n = 0;
  const char *line = el_gets(editor, &n);
  bool interrupted = orr_interrupted();
  if (line && n > 0 && !interrupted) *text = strndup(line, (size_t)n);
  el_set(editor, EL_PREP_TERM, 0);
  fputs("\033[?2004l", stdout);
  if (interrupted) {
    puts("^C");
    return LINE_INTERRUPTED;
  }
  fflush(stdout);
  if (!*text) return LINE_END;
  if (n > 0 && (*text)[n - 1] == '\n') (*text)[n - 1] = '\0';
  return LINE_READ;
}

void line_remember(const char *entry) {
  HistEvent event;
  if (open_editor()) history(history_list, &event, H_ENTER, entry);
}

bool line_edits(void) { return open_editor(); }

void line_close(void) {
  if (history_list) history_end(history_list);
  if (editor) el_end(editor);
  history_list = NULL;
  editor = NULL;
}

#else

void line_on_complete(line_complete_fn *fn, void *context) {
  (void)fn;
  (void)context;
}

line_status line_read(const char *prompt, char **text) {
  *text = NULL;
  return read_plain(prompt, text);
}

void line_remember(const char *entry) { (void)entry; }
bool line_edits(void) { return false; }
void line_close(void) {}

#endif
