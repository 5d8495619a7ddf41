// threads.c -- a pool whose caller never waits for a worker that did not come.
//
// The caller publishes a job and takes chunks itself. A worker that notices
// enters (if the job is still open) and takes chunks as well; one that is
// asleep or was not scheduled is simply not there. When no chunk is left the
// caller closes the job and waits only for those inside. Workers spin for a
// while before they sleep: waking one costs about 100 us, a fork 0.2 us.
//
// Each thread begins with its own share of the chunks, the same part of every
// job, so that what one op left in a core's cache the next finds there; who
// is done helps with the other shares.
#include "threads.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS ORR_MAX_THREADS
// The gaps between the parallel ops of a training step are shorter than this.
#define SPIN_NS 300000

static struct {
  pthread_t thread[MAX_THREADS];
  int started;  // workers running
  int wanted;   // threads in all, the caller included; 0: not yet decided
  pthread_mutex_t lock;
  pthread_cond_t wake;
  atomic_int sleepers;
  atomic_bool quit;
  // The next chunk of each thread's share, on a cache line of its own.
  struct {
    _Alignas(64) atomic_llong next;
  } share[MAX_THREADS];
  // What spinning workers read has a cache line of its own, and so has what
  // all who work write.
  _Alignas(64) atomic_uint epoch;  // counts jobs
  // The job. `gate` is 1 while open, plus 2 for each worker inside.
  _Alignas(64) atomic_int gate;
  _Alignas(64) int64_t chunks;
  orr_chunk_fn *fn;
  void *context;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static atomic_bool interrupt_asked;
static int interrupts_held;
static _Thread_local bool inside_chunk;
static _Thread_local int thread_index;

int orr_thread_index(void) { return thread_index; }
bool orr_inside_chunk(void) { return inside_chunk; }

void orr_interrupt(void) { atomic_store(&interrupt_asked, true); }
void orr_clear_interrupt(void) { atomic_store(&interrupt_asked, false); }
bool orr_interrupted(void) {
  return atomic_load_explicit(&interrupt_asked, memory_order_relaxed);
}
void orr_hold_interrupts(void) { interrupts_held++; }
void orr_resume_interrupts(void) { interrupts_held--; }
bool orr_stopping(void) { return !interrupts_held && orr_interrupted(); }

static inline void pause_cpu(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}

static int64_t share_begin(int share) {
  return pool.chunks * share / pool.wanted;
}

static void take_share(int share) {
  const int64_t end = share_begin(share + 1);
  while (atomic_load(&pool.share[share].next) < end) {
    const int64_t i = atomic_fetch_add(&pool.share[share].next, 1);
    if (i < end && !orr_stopping()) pool.fn(pool.context, i);
  }
}

static void take_chunks(void) {
  inside_chunk = true;
  for (int i = 0; i < pool.wanted; i++)
    take_share((thread_index + i) % pool.wanted);
  inside_chunk = false;
}

static bool enter(void) {
  int gate = atomic_load(&pool.gate);
  while (gate & 1)
    if (atomic_compare_exchange_weak(&pool.gate, &gate, gate + 2)) return true;
  return false;
}

static void sleep_until_work(unsigned seen) {
  pthread_mutex_lock(&pool.lock);
  atomic_fetch_add(&pool.sleepers, 1);
  while (atomic_load(&pool.epoch) == seen && !atomic_load(&pool.quit))
    pthread_cond_wait(&pool.wake, &pool.lock);
  atomic_fetch_sub(&pool.sleepers, 1);
  pthread_mutex_unlock(&pool.lock);
}

int64_t orr_clock_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

// True when there is a job, false when the time is up. By the clock: how long
// a pause takes differs tenfold among processors.
static bool spin(unsigned seen) {
  const int64_t until = orr_clock_ns() + SPIN_NS;
  for (int spins = 1;; spins++) {
    if (atomic_load(&pool.epoch) != seen || atomic_load(&pool.quit))
      return true;
    pause_cpu();
    if (spins % 64 == 0 && orr_clock_ns() > until) return false;
    if (spins % 512 == 0) sched_yield();
  }
}

static void *worker(void *index) {
  thread_index = (int)(intptr_t)index;
  unsigned seen = 0;
  for (;;) {
    if (!spin(seen)) sleep_until_work(seen);
    if (atomic_load(&pool.quit)) return NULL;
    seen = atomic_load(&pool.epoch);
    if (enter()) {
      take_chunks();
      atomic_fetch_sub(&pool.gate, 2);
    }
  }
}

static void stop_workers(void) {
  pthread_mutex_lock(&pool.lock);
  atomic_store(&pool.quit, true);
  pthread_cond_broadcast(&pool.wake);
  pthread_mutex_unlock(&pool.lock);
  for (int i = 0; i < pool.started; i++) pthread_join(pool.thread[i], NULL);
  pool.started = 0;
  atomic_store(&pool.quit, false);
}

// Signals are the main thread's business: workers block them all.
static void start_workers(void) {
  static bool at_exit_set;
  if (!at_exit_set) at_exit_set = atexit(stop_workers) == 0;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  while (pool.started < pool.wanted - 1 &&
         !pthread_create(&pool.thread[pool.started], NULL, worker,
                         (void *)(intptr_t)(pool.started + 1)))
    pool.started++;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static int default_threads(void) {
  const char *text = getenv("ORRERY_THREADS");
  long n = text ? strtol(text, NULL, 10) : 0;
  if (n <= 0) n = sysconf(_SC_NPROCESSORS_ONLN);
  return n < 1 ? 1 : n > MAX_THREADS ? MAX_THREADS : (int)n;
}

int orr_threads(void) {
  if (!pool.wanted) pool.wanted = default_threads();
  return pool.wanted;
}

bool orr_set_threads(int n) {
  if (n < 1 || n > MAX_THREADS)
    return orr_set_error("set_threads: n is %d; use 1 to %d", n, MAX_THREADS);
  stop_workers();
  pool.wanted = n;
  return true;
}

static void run_here(int64_t chunks, orr_chunk_fn *fn, void *context) {
  for (int64_t i = 0; i < chunks; i++)
    if (!orr_stopping()) fn(context, i);
}

void orr_parallel(int64_t chunks, orr_chunk_fn *fn, void *context) {
  if (chunks <= 1 || inside_chunk || orr_threads() == 1) {
    run_here(chunks, fn, context);
    return;
  }
  if (pool.started < pool.wanted - 1) start_workers();
  pool.fn = fn;
  pool.context = context;
  pool.chunks = chunks;
  for (int i = 0; i < pool.wanted; i++)
    atomic_store(&pool.share[i].next, share_begin(i));
  atomic_store(&pool.gate, 1);
  atomic_fetch_add(&pool.epoch, 1);
  if (atomic_load(&pool.sleepers)) {
    pthread_mutex_lock(&pool.lock);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.lock);
  }
  take_chunks();
  atomic_fetch_sub(&pool.gate, 1);
  for (int spins = 1; atomic_load(&pool.gate); spins++) {
    pause_cpu();
    if (spins % 1024 == 0) sched_yield();
  }
}

typedef struct range_job {
  int64_t n, grain;
  orr_range_fn *fn;
  void *context;
} range_job;

static void run_range(void *context, int64_t chunk) {
  const range_job *job = context;
  const int64_t begin = chunk * job->grain;
  const int64_t end = begin + job->grain;
  job->fn(job->context, begin, end < job->n ? end : job->n);
}

void orr_parallel_range(int64_t n, int64_t grain, orr_range_fn *fn,
                        void *context) {
  range_job job = {n, grain < 1 ? 1 : grain, fn, context};
  if (n > 0) orr_parallel((n + job.grain - 1) / job.grain, run_range, &job);
}
