// io.h -- files: checked before they are believed, written whole or not at all.
//
// Reading:  what a header declares is compared with what the file really holds
//           before memory is taken for it; a file that is cut short, has bytes
//           to spare or fails its checksum is refused. Nothing in a file runs.
// Writing:  to a temporary name in the same folder, then renamed.
// Errors:   as everywhere, orr_error(). `who` opens the sentence and is the
//           function the user called. orr_io_world() tells a failure of the
//           world (file missing, damaged, disk full) from one of the caller.
#ifndef ORR_IO_H
#define ORR_IO_H
#include "../orrery.h"

// ---------------------------------------------------------------- input

// A file, a block of memory, or one of them unpacked on the way.
typedef struct orr_input {
  const char *who, *name;  // borrowed
  int fd;                  // -1: memory
  const uint8_t *memory;
  uint64_t size, position;  // of the file or the block
  uint64_t left;            // bytes still to be read, when known
  bool left_known;
  struct orr_gunzip *gunzip;
  void *entry;  // a zip_file_t
} orr_input;

ORR_API bool orr_input_file(orr_input *in, const char *who, const char *path);
ORR_API void orr_input_memory(orr_input *in, const char *who, const char *name,
                              const void *data, size_t size);
ORR_API void orr_input_close(orr_input *in);  // also after a failure
// Unpacks from here on if the input begins as gzip data does.
ORR_API bool orr_input_gunzip(orr_input *in);
// Reads n bytes of `what`, or fails.
ORR_API bool orr_input_read(orr_input *in, void *to, size_t n,
                            const char *what);
// Reads up to n bytes; *got is less than n only at the end.
ORR_API bool orr_input_some(orr_input *in, void *to, size_t n, size_t *got);
// Checks that exactly n bytes remain, for a caller about to make room for them.
ORR_API bool orr_input_expect(orr_input *in, uint64_t n);
// Checks that nothing remains, and the checksum of what was unpacked.
ORR_API bool orr_input_end(orr_input *in);
// Reads all that remains into a block of *capacity bytes (orr_alloc).
ORR_API bool orr_input_all(orr_input *in, void **data, size_t *size,
                           size_t *capacity);

// "who: name " and the sentence; always false. A failure of the world.
ORR_API bool orr_input_fail(const orr_input *in, const char *format, ...)
    ORR_PRINTF(2, 3);
ORR_API bool orr_io_fail(const char *who, const char *name, const char *format,
                         ...) ORR_PRINTF(3, 4);
// Whether the last failure since orr_io_begin() was one of the world.
ORR_API bool orr_io_world(void);
ORR_API void orr_io_begin(void);  // also clears orr_error()

// ---------------------------------------------------------------- output

typedef struct orr_output {
  const char *who, *path;  // borrowed
  char *temporary;
  size_t temporary_size;
  int fd;
  void *deflate;  // a z_stream: what is written is packed first
} orr_output;

ORR_API bool orr_output_file(orr_output *out, const char *who,
                             const char *path);
ORR_API bool orr_output_gzip(orr_output *out);
ORR_API bool orr_output_write(orr_output *out, const void *data, size_t n);
// Flushes and renames; on failure nothing has changed. Closes either way.
ORR_API bool orr_output_commit(orr_output *out);
ORR_API void orr_output_drop(orr_output *out);  // closes, leaves no file
ORR_API bool orr_write_file(const char *who, const char *path, const void *data,
                            size_t size);

// ---------------------------------------------------------------- bundles

// Named tensors in order, and named texts ("notes") beside them.
typedef struct orr_bundle_item {
  char *name;
  size_t name_size;  // with the closing NUL
  orr_tensor *tensor;
  char *text;
  size_t text_size;  // with the closing NUL
} orr_bundle_item;

typedef struct orr_bundle {
  orr_bundle_item *tensors, *notes;
  size_t n_tensors, n_notes;
  size_t tensor_room, note_room;  // bytes
} orr_bundle;

ORR_API void orr_bundle_clear(orr_bundle *b);
// Retains t.
ORR_API bool orr_bundle_add(orr_bundle *b, const char *name, orr_tensor *t);
ORR_API bool orr_bundle_note(orr_bundle *b, const char *key, const char *text);
ORR_API const char *orr_bundle_find_note(const orr_bundle *b, const char *key);

// ---------------------------------------------------------------- formats

// NumPy's .npy, versions 1 to 3, either byte order, C or Fortran order:
// float32, float64, int64, uint8 as they are, float16 as float32, bool as
// uint8, other integers as int64. A flipped bit among the values cannot be
// seen: the format has no checksum.
ORR_API orr_tensor *orr_read_npy(orr_input *in);
ORR_API bool orr_write_npy(const char *who, const char *path, orr_tensor *t);
// The header orr_write_npy writes; its size, a multiple of 64.
size_t orr_npy_header(const orr_tensor *t, char header[256]);

// NumPy's .npz: a zip archive of .npy files, stored or deflated.
ORR_API bool orr_read_npz(orr_input *in, orr_bundle *to);
ORR_API bool orr_write_npz(const char *who, const char *path,
                           const orr_bundle *b, bool compress);

// IDX, the format of MNIST, raw or gzipped: uint8, int32 (as int64), float32,
// float64. Raw IDX has no checksum either.
ORR_API orr_tensor *orr_read_idx(orr_input *in);
ORR_API bool orr_write_idx(const char *who, const char *path, orr_tensor *t,
                           bool gzip);

// PNG as uint8 [C, H, W], C = 1 (grey), 3 (RGB) or 4 (RGBA). Writing also
// takes [H, W], and floats, where 0 is black and 1 white.
ORR_API orr_tensor *orr_read_png(orr_input *in);
ORR_API bool orr_write_png(const char *who, const char *path, orr_tensor *t);
// The same file in a block of *size bytes (orr_alloc).
ORR_API bool orr_encode_png(const char *who, const char *name, orr_tensor *t,
                            void **data, size_t *size);

// JPEG as uint8 [C, H, W], C = 1 (grey) or 3 (RGB; CMYK is converted). EXIF is
// not looked at. Writing takes what PNG takes, without a fourth channel;
// quality is 1 to 100. No checksum, and not exact.
ORR_API orr_tensor *orr_read_jpeg(orr_input *in);
ORR_API bool orr_write_jpeg(const char *who, const char *path, orr_tensor *t,
                            int quality);
// A film of frames that are what a PNG is, of 1 or 3 channels, and alike in
// size; delays are hundredths of a second.
typedef struct orr_film {
  int n;
  orr_tensor *const *frames;
  const int *delays;
  bool loop;  // for ever, else once
} orr_film;
// A GIF in a block of *capacity bytes (orr_alloc), of which it fills *size.
ORR_API bool orr_encode_gif(const char *who, const orr_film *film, void **data,
                            size_t *size, size_t *capacity);

// A PNG or a JPEG, by what it begins with.
ORR_API orr_tensor *orr_read_image(orr_input *in);

// safetensors: notes are its __metadata__. Types are taken as in .npy, BF16 as
// float32; the file is little-endian whatever the machine. What is written here
// carries a CRC-32 of the whole file in the notes; where there is one it must
// be right.
ORR_API bool orr_read_safetensors(orr_input *in, orr_bundle *to);
ORR_API bool orr_write_safetensors(const char *who, const char *path,
                                   const orr_bundle *b);

// Continues a CRC-32 (begin with 0).
ORR_API uint32_t orr_crc32(uint32_t crc, const void *data, size_t n);

// ---------------------------------------------------------------- decoders

// A picture as a decoder leaves it, `stride` bytes a pixel, the first `channels`
// of them of use. Decoders touch nothing but this, so that they may run in any
// thread; memory comes from `take` (NULL: there is none) and goes to `give`.
typedef struct orr_picture {
  void *(*take)(size_t bytes);
  void (*give)(void *block, size_t bytes);
  uint8_t *pixels;
  size_t bytes;
  int64_t width, height;
  int channels, stride;
  char why[240];  // what is wrong with the file; "": no memory
} orr_picture;
bool orr_decode_png(const void *data, size_t size, orr_picture *p);
bool orr_decode_jpeg(const void *data, size_t size, orr_picture *p);
bool orr_decode_image(const void *data, size_t size, orr_picture *p);
void orr_picture_clear(orr_picture *p);  // gives the pixels back
// Writes `why`, always false.
bool orr_picture_fail(orr_picture *p, const char *format, ...) ORR_PRINTF(2, 3);

// ---------------------------------------------------------------- shared

// count x width of these sizes into *bytes; false when it is beyond size_t.
bool orr_io_bytes(int rank, const int64_t *sizes, size_t width,
                  uint64_t *bytes);
// An element as a file keeps it: f float, B bfloat16, i and u integers with and
// without a sign, b truth value; width in bytes. Widths: f 2 4 8, B 2, b 1.
typedef struct orr_stored {
  char kind;
  size_t width;
} orr_stored;
orr_dtype orr_stored_dtype(orr_stored s);  // what it is read as
bool orr_stored_as_is(orr_stored s);       // and whether that is the same
// Reads n elements in this machine's byte order; false when a u8 is too large.
bool orr_stored_read(orr_stored s, const void *from, void *to, size_t n);
// From pictures in tensors [C, H, W], floats cut off at 0 and 1, to [H, W, C].
void orr_pixels_interleave(orr_tensor *t, int64_t channels, uint8_t *to);
// Whether t is a picture that this format can hold; `counts` are the channels
// it may have, as a sentence lists them.
bool orr_pixels_fit(const char *who, const orr_tensor *t, const char *counts,
                    const char *format, int64_t limit, int64_t *channels);
// Swaps the bytes of each element.
void orr_io_swap(void *data, size_t count, size_t width);
bool orr_io_little_endian(void);
// Turns control characters into question marks.
ORR_API void orr_io_one_line(char *text);

#endif
