// pictures.h -- batches of pictures for training: read, decoded, scaled, cut
// and coloured, in threads of their own while the step before still runs.
//
// What a picture becomes depends on its task alone, so any number of threads
// and any order give the same bits. Threads touch raw pointers only, and take
// scratch memory from the C library, as the core's own is the main thread's.
#ifndef ORR_PICTURES_H
#define ORR_PICTURES_H
#include "io.h"

typedef enum orr_filter {
  ORR_NEAREST,
  ORR_AREA,      // the exact mean over what a pixel covers
  ORR_BILINEAR,  // these three are widened where the picture shrinks, so that
  ORR_BICUBIC,   // nothing is aliased; cubic with a = -1/2, as Pillow's
  ORR_LANCZOS,   // three lobes
  ORR_FILTERS
} orr_filter;

typedef enum orr_fit {
  ORR_AS_IS,    // not scaled
  ORR_STRETCH,  // to scaled_height x scaled_width
  ORR_COVER     // shape kept, the smallest that covers them
} orr_fit;

// What is alike for a batch. Values come as (v - offset[c]) * gain[c], v from
// 0 to 255.
typedef struct orr_plan {
  int parts;     // 1, or 2: the left and the right half are a picture each
  int channels;  // 1 or 3
  orr_filter filter;
  orr_fit fit;
  int64_t scaled_height, scaled_width;
  int64_t height, width;  // of what is cut out, and of the result
  float offset[3], gain[3];
  uint8_t background;  // under what is transparent
} orr_plan;

// What is a picture's own. Colour changes work on 0 to 1, in this order.
typedef struct orr_changes {
  float down, across;  // where to cut, 0 to 1 of the room; < 0: the middle
  bool flip;           // left for right
  float brightness, contrast, saturation;  // factors, 1 for none
  float hue;                               // turns of the circle, 0 for none
} orr_changes;

// ---------------------------------------------------------------- archives

// A zip file whose entries threads may read in turn.
typedef struct orr_archive orr_archive;
ORR_API orr_archive *orr_archive_open(const char *who, const char *path);
ORR_API void orr_archive_retain(orr_archive *a);
ORR_API void orr_archive_release(orr_archive *a);
ORR_API int64_t orr_archive_count(const orr_archive *a);
ORR_API const char *orr_archive_name(orr_archive *a, int64_t entry);
// The entry unpacked into *data (free()); "" in why: no memory.
ORR_API bool orr_archive_read(orr_archive *a, int64_t entry, uint8_t **data,
                              size_t *size, char *why, size_t room);

// ---------------------------------------------------------------- one picture

// The file's bytes (free()).
ORR_API bool orr_slurp(const char *path, uint8_t **data, size_t *size,
                       char *why, size_t room);
// Decoded bytes to parts x [channels, height, width].
ORR_API bool orr_develop(const uint8_t *data, size_t size, const orr_plan *plan,
                         const orr_changes *changes, float *const *to,
                         char *why, size_t room);
// The size of the whole picture, which is decoded to be sure of it.
ORR_API bool orr_picture_size(const uint8_t *data, size_t size, int64_t *height,
                              int64_t *width, char *why, size_t room);
// Part of a picture: n rows of `bytes` that begin `pitch` apart.
typedef struct orr_window {
  const uint8_t *at;
  size_t pitch;
  int64_t height, width;
  int channels;
} orr_window;
// Scales `from` to h x w and gives rows y.. and columns x.. of that, planar,
// [channels, plan->height, plan->width]. False: no memory.
ORR_API bool orr_resample(const orr_window *from, int64_t h, int64_t w,
                          int64_t y, int64_t x, int64_t height, int64_t width,
                          orr_filter filter, float *to);

// ---------------------------------------------------------------- batches

typedef struct orr_batch orr_batch;
// Begins on n pictures: files by paths, or entries of an archive (then paths
// are NULL). Copies what it is given. The result, parts x float32 [n,
// channels, height, width], is there after orr_batch_wait. With `threads` 0
// nothing is done before that.
ORR_API orr_batch *orr_batch_start(const orr_plan *plan, int64_t n,
                                   const char *const *paths,
                                   orr_archive *archive, const int64_t *entries,
                                   const orr_changes *changes, int threads);
// Waits until all are done, and helps. False when interrupted; wait again.
ORR_API bool orr_batch_wait(orr_batch *b);
// Borrows the sentence about picture i, without its name; NULL: it is good.
ORR_API const char *orr_batch_why(const orr_batch *b, int64_t i);
ORR_API int64_t orr_batch_count(const orr_batch *b);
// Borrows the tensor of a part, from 0; NULL: there is no such part.
ORR_API orr_tensor *orr_batch_part(const orr_batch *b, int part);
ORR_API void orr_batch_free(orr_batch *b);

#endif
