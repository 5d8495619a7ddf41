// line.h -- one line from the person at the terminal: editing, history,
// completion, pasted blocks. Without libedit or a terminal it is fgets.
#ifndef ORRERY_LINE_H
#define ORRERY_LINE_H
#include <stdbool.h>
#include <stddef.h>

typedef enum { LINE_READ, LINE_END, LINE_INTERRUPTED } line_status;

// Fills *text with a line without its newline, freed with free(). A pasted
// block comes as one text with newlines inside.
line_status line_read(const char *prompt, char **text);

// Makes an entry the newest of the history; it may hold newlines.
void line_remember(const char *entry);

// Called on Tab. Fills *insert with what to put at the cursor and *show with
// what to print above the prompt, each freed with free() or left NULL.
typedef void line_complete_fn(void *context, const char *text, size_t cursor,
                              char **insert, char **show);
void line_on_complete(line_complete_fn *fn, void *context);

bool line_edits(void);  // is there editing, or only fgets?
void line_close(void);

#endif
