// batch.c -- pictures got ready while a training step runs. Threads of their
// own take one picture after another, in the order in which batches were asked
// for; who waits for a batch helps with it.
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pictures.h"

#define MOST_THREADS 16
// Between two looks at the interrupt flag.
#define PATIENCE_NS 10000000

typedef struct task {
  const char *path;  // in the batch's block
  int64_t entry;
  orr_changes changes;
  bool good;
  char why[240];
} task;

struct orr_batch {
  orr_plan plan;
  orr_archive *archive;
  orr_tensor *part[2];
  float *to[2];  // their numbers; threads see no tensors
  int64_t n;
  task *tasks;
  char *names;
  size_t names_size;
  // Under the lock: tasks taken, tasks being worked on.
  int64_t next;
  int running;
  struct orr_batch *after;  // in the queue
};

static struct {
  pthread_t thread[MOST_THREADS];
  int started;
  bool quit;
  pthread_mutex_t lock;
  pthread_cond_t work, done;
  orr_batch *first;  // batches with tasks that nobody has taken
} room = {.lock = PTHREAD_MUTEX_INITIALIZER,
          .work = PTHREAD_COND_INITIALIZER,
          .done = PTHREAD_COND_INITIALIZER};

// ---------------------------------------------------------------- one task

static void work_on(orr_batch *b, int64_t i) {
  task *t = &b->tasks[i];
  uint8_t *data = NULL;
  size_t size = 0;
  float *to[2] = {NULL, NULL};
  const int64_t each = b->plan.channels * b->plan.height * b->plan.width;
  for (int p = 0; p < b->plan.parts; p++) to[p] = b->to[p] + i * each;
  t->why[0] = 0;
  t->good =
      (b->archive ? orr_archive_read(b->archive, t->entry, &data, &size, t->why,
                                     sizeof t->why)
                  : orr_slurp(t->path, &data, &size, t->why, sizeof t->why)) &&
      orr_develop(data, size, &b->plan, &t->changes, to, t->why, sizeof t->why);
  free(data);
  if (!t->good && !t->why[0]) strcpy(t->why, "takes more memory than there is");
}

// ---------------------------------------------------------------- the queue

static void leave_queue(orr_batch *b) {
  for (orr_batch **at = &room.first; *at; at = &(*at)->after)
    if (*at == b) {
      *at = b->after;
      return;
    }
}

static void join_queue(orr_batch *b) {
  orr_batch **at = &room.first;
  while (*at) at = &(*at)->after;
  *at = b;
  b->after = NULL;
}

// Takes the next task and does it; the lock is held before and after.
static void step(orr_batch *b) {
  const int64_t i = b->next++;
  b->running++;
  if (b->next == b->n) leave_queue(b);
  pthread_mutex_unlock(&room.lock);
  work_on(b, i);
  pthread_mutex_lock(&room.lock);
  b->running--;
  if (b->running == 0) pthread_cond_broadcast(&room.done);
}

static void *worker(void *unused) {
  (void)unused;
  pthread_mutex_lock(&room.lock);
  while (!room.quit)
    if (room.first)
      step(room.first);
    else
      pthread_cond_wait(&room.work, &room.lock);
  pthread_mutex_unlock(&room.lock);
  return NULL;
}

static void stop_workers(void) {
  pthread_mutex_lock(&room.lock);
  room.quit = true;
  pthread_cond_broadcast(&room.work);
  pthread_mutex_unlock(&room.lock);
  for (int i = 0; i < room.started; i++) pthread_join(room.thread[i], NULL);
  room.started = 0;
  room.quit = false;
}

// Signals are the main thread's business.
static void start_workers(int wanted) {
  static bool at_exit_set;
  if (room.started >= wanted) return;
  if (!at_exit_set) at_exit_set = atexit(stop_workers) == 0;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  while (room.started < wanted && room.started < MOST_THREADS &&
         !pthread_create(&room.thread[room.started], NULL, worker, NULL))
    room.started++;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

// ---------------------------------------------------------------- batches

static bool copy_tasks(orr_batch *b, const char *const *paths,
                       const int64_t *entries, const orr_changes *changes) {
  for (int64_t i = 0; paths && i < b->n; i++)
    b->names_size += strlen(paths[i]) + 1;
  b->tasks = orr_alloc_zero((size_t)b->n * sizeof *b->tasks);
  b->names = b->names_size ? orr_alloc(b->names_size) : NULL;
  if (!b->tasks || (b->names_size && !b->names)) return false;
  char *at = b->names;
  for (int64_t i = 0; i < b->n; i++) {
    b->tasks[i].changes = changes[i];
    if (entries) b->tasks[i].entry = entries[i];
    if (!paths) continue;
    b->tasks[i].path = at;
    const size_t size = strlen(paths[i]) + 1;
    memcpy(at, paths[i], size);
    at += size;
  }
  return true;
}

orr_batch *orr_batch_start(const orr_plan *plan, int64_t n,
                           const char *const *paths, orr_archive *archive,
                           const int64_t *entries, const orr_changes *changes,
                           int threads) {
  orr_batch *b = orr_alloc_zero(sizeof *b);
  if (!b) return NULL;
  b->plan = *plan;
  b->n = n;
  b->archive = archive;
  orr_archive_retain(archive);
  bool ok = copy_tasks(b, paths, entries, changes);
  const int64_t size[] = {n, plan->channels, plan->height, plan->width};
  for (int p = 0; ok && p < plan->parts; p++) {
    ok = (b->part[p] = orr_empty(ORR_F32, 4, size)) != NULL;
    if (ok) b->to[p] = orr_data(b->part[p]);
  }
  if (!ok) {
    b->next = b->n;
    orr_batch_free(b);
    return NULL;
  }
  if (threads > 0 && n > 0) {
    start_workers(threads);
    pthread_mutex_lock(&room.lock);
    join_queue(b);
    pthread_cond_broadcast(&room.work);
    pthread_mutex_unlock(&room.lock);
  }
  return b;
}

// Waits a little, with the lock held.
static void wait_a_little(void) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += PATIENCE_NS;
  if (until.tv_nsec >= 1000000000) {
    until.tv_nsec -= 1000000000;
    until.tv_sec++;
  }
  pthread_cond_timedwait(&room.done, &room.lock, &until);
}

bool orr_batch_wait(orr_batch *b) {
  pthread_mutex_lock(&room.lock);
  while ((b->next < b->n || b->running > 0) && !orr_interrupted())
    if (b->next < b->n)
      step(b);
    else
      wait_a_little();
  const bool all = b->next == b->n && b->running == 0;
  pthread_mutex_unlock(&room.lock);
  return all || orr_set_error("interrupted");
}

const char *orr_batch_why(const orr_batch *b, int64_t i) {
  return b->tasks[i].good ? NULL : b->tasks[i].why;
}

int64_t orr_batch_count(const orr_batch *b) { return b->n; }

orr_tensor *orr_batch_part(const orr_batch *b, int part) {
  return b->part[part];
}

void orr_batch_free(orr_batch *b) {
  if (!b) return;
  pthread_mutex_lock(&room.lock);
  if (b->next < b->n) leave_queue(b);
  b->next = b->n;
  while (b->running > 0) pthread_cond_wait(&room.done, &room.lock);
  pthread_mutex_unlock(&room.lock);
  for (int p = 0; p < 2; p++) orr_release(b->part[p]);
  orr_free(b->tasks, (size_t)b->n * sizeof *b->tasks);
  orr_free(b->names, b->names_size);
  orr_archive_release(b->archive);
  orr_free(b, sizeof *b);
}
