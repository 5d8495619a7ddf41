// threads.h -- the core's own workers.
#ifndef ORR_THREADS_H
#define ORR_THREADS_H
#include "../orrery.h"

// Calls fn(context, i) once for each i in [0, chunks), spread over threads in
// no fixed order. Cut work by its size, never by orr_threads(), and give each
// chunk its own output, so that any number of threads gives the same bits.
// Chunks that have not begun when an interrupt comes are skipped. Inside a
// chunk, a further orr_parallel runs in place.
typedef void orr_chunk_fn(void *context, int64_t chunk);
void orr_parallel(int64_t chunks, orr_chunk_fn *fn, void *context);

// The same over ranges of [0, n) of at most `grain` each.
typedef void orr_range_fn(void *context, int64_t begin, int64_t end);
void orr_parallel_range(int64_t n, int64_t grain, orr_range_fn *fn,
                        void *context);

// Who runs this: 0 the caller, from 1 on the workers; below ORR_MAX_THREADS.
#define ORR_MAX_THREADS 64
int orr_thread_index(void);
// True in a chunk that shares its orr_parallel with other threads: no
// allocation there.
bool orr_inside_chunk(void);

// Between these two, interrupts wait: for updates that must not stop halfway.
void orr_hold_interrupts(void);
void orr_resume_interrupts(void);
// Whether chunks are being skipped: what was computed may be incomplete.
bool orr_stopping(void);

// Nanoseconds that never go back, from an arbitrary start.
int64_t orr_clock_ns(void);

// Elements worth a chunk for cheap (add) and dear (exp) elementwise work.
#define ORR_GRAIN_CHEAP 16384
#define ORR_GRAIN_DEAR 4096

#endif
