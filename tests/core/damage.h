// damage.h -- what the tests of all file formats share: a small file of a
// format, that file damaged in every way, and refusals compared word by word.
//
// Every file is cut at every byte, and has every bit flipped once. What then
// loads must be exact where the format has a checksum; nothing may leak, and
// nothing may be believed about sizes.
#ifndef DAMAGE_H
#define DAMAGE_H
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "../../core/io/io.h"

typedef bool read_fn(orr_input *in, orr_bundle *to);
typedef bool write_fn(const char *path, const orr_bundle *b);

typedef struct format {
  const char *name;  // also of the file
  write_fn *write;
  read_fn *read;
  bool checked;  // has a checksum over everything that matters
  bool tail;     // may stand in front of other bytes
  bool lossy;    // what is read back is only near
  int per_byte;  // memory that a byte of the file may claim
  int only;      // the entry of the bundle it holds, counted from 1; 0: all
} format;

// The bundle every format writes: these entries, in this order.
enum { WEIGHT = 1, DEEPER, NUMBER, PICTURE, NONE };

// Every kind of damage to one format, as tests of a cmocka group.
#define DAMAGE_TEST(TEXT, FUNCTION, FORMAT) \
  { TEXT ": " #FUNCTION, FUNCTION, NULL, NULL, (void *)(uintptr_t)(FORMAT) }
#define DAMAGE_TESTS(TEXT, FORMAT)                                  \
  DAMAGE_TEST(TEXT, what_is_written_reads_back, FORMAT),            \
      DAMAGE_TEST(TEXT, a_file_cut_anywhere_is_refused, FORMAT),    \
      DAMAGE_TEST(TEXT, a_flipped_bit_is_seen_or_harmless, FORMAT), \
      DAMAGE_TEST(TEXT, scrambled_files_do_no_harm, FORMAT),        \
      DAMAGE_TEST(TEXT, bytes_after_the_end_are_refused, FORMAT),   \
      DAMAGE_TEST(TEXT, a_failed_allocation_leaks_nothing, FORMAT), \
      DAMAGE_TEST(TEXT, equal_contents_make_equal_files, FORMAT)
void what_is_written_reads_back(void **state);
void a_file_cut_anywhere_is_refused(void **state);
void a_flipped_bit_is_seen_or_harmless(void **state);
void scrambled_files_do_no_harm(void **state);
void bytes_after_the_end_are_refused(void **state);
void a_failed_allocation_leaks_nothing(void **state);
void equal_contents_make_equal_files(void **state);

// Set-up and tear-down of a group: a folder of its own.
int make_folder(void **state);
int remove_folder(void **state);
const char *the_folder(void);
const char *in_folder(const char *name);         // until the next call
uint8_t *slurp(const char *path, size_t *size);  // free() it

// Reads one tensor, under the name "x".
bool read_one(orr_input *in, orr_bundle *to, orr_tensor *(*read)(orr_input *));
// Reads a block as the file "it", for "load".
bool try_read(read_fn *read, const void *data, size_t size, orr_bundle *to);
// Refused with this sentence, and hardly any memory taken for it.
void refused(read_fn *read, const void *data, size_t size,
             const char *sentence);
// Reads one tensor of known bytes and compares it with float64 values.
void reads_as(read_fn *read, const void *data, size_t size, orr_dtype dtype,
              int rank, const int64_t *sizes, const double *want);
orr_tensor *find(const orr_bundle *b, const char *name);  // borrows
size_t from_hex(const char *hex, uint8_t *to);

#endif
