// recording.h -- what the files that write a step down share.
#ifndef ORR_RECORDING_H
#define ORR_RECORDING_H
#include "program.h"

struct orr_recorder {
  orr_program *program;
  char refusal[600];
};

// False, with the sentence; the first one stays that of the whole step.
bool orr_refuse_step(const char *format, ...);

// Whether what lies under t has a buffer in this recording.
bool orr_is_noted(const orr_tensor *t);
orr_buffer *orr_note_buffer(orr_program *p, orr_storage *real,
                            orr_buffer_kind kind);
// A tensor that stands for t in the program.
orr_tensor *orr_note_header(orr_program *p, const orr_tensor *t);
// The program holds while t requires grad, or not, as it does now.
bool orr_note_guard(orr_program *p, orr_tensor *t);

orr_step_row *orr_note_row(orr_program *p, orr_row_kind kind, int nx, int ny);
// Headers of n tensors, NULL where there is none, into a row.
bool orr_note_tensors(orr_program *p, orr_tensor **to, int n,
                      orr_tensor *const *from);

#endif
