// peak.c -- what the processor could do: multiply-adds in registers, on every
// thread at once. Prints GFLOP/s of float32, the median of a few tries.
//     peak THREADS
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { CHAINS = 7, LANES = 16, ROUNDS = 2000000, TRIES = 5, MOST = 64 };

// Sixteen floats are one register, or two, or four, as the clone has them.
typedef float lanes __attribute__((vector_size(4 * LANES)));

#if defined(__x86_64__) && defined(__gnu_linux__)
#define CLONES \
  __attribute__((target_clones("avx512f", "arch=haswell", "default")))
#else
#define CLONES
#endif

// Contraction to fused multiply-adds is the point here.
CLONES static float chains(int rounds) {
  lanes x[CHAINS], total = {0};
  for (int j = 0; j < CHAINS; j++) x[j] = total + (float)j;
  const lanes a = total + 0.999999f, b = total + 1e-6f;
  for (int i = 0; i < rounds; i++)
#pragma GCC unroll 7
    for (int j = 0; j < CHAINS; j++) x[j] = x[j] * a + b;
  for (int j = 0; j < CHAINS; j++) total += x[j];
  return total[0];
}

static void *work(void *sink) {
  *(volatile float *)sink = chains(ROUNDS);
  return NULL;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double once(int threads) {
  pthread_t thread[MOST];
  float sink[MOST];
  const double begin = now();
  for (int i = 0; i < threads; i++)
    if (pthread_create(&thread[i], NULL, work, &sink[i])) exit(1);
  for (int i = 0; i < threads; i++) pthread_join(thread[i], NULL);
  return 2.0 * CHAINS * LANES * ROUNDS * threads / (now() - begin) / 1e9;
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  const int threads = argc > 1 ? atoi(argv[1]) : 1;
  if (threads < 1 || threads > MOST) {
    fprintf(stderr, "peak: THREADS is %s; use 1 to %d\n", argv[1], MOST);
    return 2;
  }
  double tries[TRIES];
  for (int i = 0; i < TRIES; i++) tries[i] = once(threads);
  qsort(tries, TRIES, sizeof *tries, ascending);
  printf("%.1f\n", tries[TRIES / 2]);
  return 0;
}
