// far.c -- see far.h.
//
// A store to a line that is in no cache reads it first: a third of what neg
// moves, a quarter of what mul does. Stores that go past the caches do not. So
// the loop fills a block in the first cache, which is then sent off; while that
// is under way the operands' next blocks are asked for.
#include "far.h"

// Operands together from which on they do not fit: then the next op, too, has
// to fetch what this one made. (CPU time at 1 thread, 4M floats, operands out
// of the cache, ms: neg 1.17 / 0.74, mul 1.94 / 1.50.)
#define FAR ((int64_t)32 << 20)
#define BLOCK 1024  // bytes of the result
#define LINE 64

#if defined(__x86_64__) && !defined(ORR_NO_CLONES)
#include <immintrin.h>

bool orr_is_far(const orr_row *r, int64_t n) {
  int64_t bytes = 0;
  for (int k = 0; k < r->operands; k++) {
    if (r->step[k]) bytes += n * (int64_t)r->element[k];
    if (k > 0 && r->base[k] == r->base[0]) return false;
  }
  return bytes >= FAR && (uintptr_t)r->base[0] % LINE == 0;
}

// In as few stores as the processor can: in four times as many neg of 4M floats
// takes 0.86 ms, not 0.61.
#define SEND(NAME, TARGET, V, LOAD, STORE)                                     \
  __attribute__((target(TARGET))) static void NAME(char *to,                   \
                                                   const char *from) {         \
    for (int i = 0; i < BLOCK; i += (int)sizeof(V))                            \
      STORE((V *)(void *)(to + i), LOAD((const V *)(const void *)(from + i))); \
  }
SEND(send_512, "avx512f", __m512i, _mm512_load_si512, _mm512_stream_si512)
SEND(send_256, "avx", __m256i, _mm256_load_si256, _mm256_stream_si256)
SEND(send_128, "sse2", __m128i, _mm_load_si128, _mm_stream_si128)

typedef void send_fn(char *to, const char *from);
static send_fn *best_send(void) {
  return __builtin_cpu_supports("avx512f") ? send_512
      : __builtin_cpu_supports("avx")      ? send_256
                                           : send_128;
}

static void ask_for(const orr_row *r, char *const *p, int64_t n) {
  for (int k = 1; k < r->operands; k++)
    for (int64_t i = 0; r->step[k] && i < n * (int64_t)r->element[k]; i += LINE)
      __builtin_prefetch(p[k] + i);
}

void orr_run_far(const orr_row *r, char *const *p, int64_t n, orr_loop *loop,
                 const double *attr) {
  _Alignas(LINE) char block[BLOCK];
  const int64_t most = BLOCK / (int64_t)r->element[0];
  send_fn *const send = best_send();
  char *at[ORR_MAX_OPERAND], *to = p[0];
  at[0] = block;
  for (int k = 1; k < r->operands; k++) at[k] = p[k];
  for (; n >= most; n -= most, to += BLOCK) {
    loop(most, at, r->step, attr);
    for (int k = 1; k < r->operands; k++)
      at[k] += most * r->step[k] * (int64_t)r->element[k];
    ask_for(r, at, n - most < most ? n - most : most);
    send(to, block);
  }
  _mm_sfence();
  at[0] = to;
  if (n) loop(n, at, r->step, attr);
}

#else

bool orr_is_far(const orr_row *r, int64_t n) {
  (void)r, (void)n;
  return false;
}

void orr_run_far(const orr_row *r, char *const *p, int64_t n, orr_loop *loop,
                 const double *attr) {
  loop(n, p, r->step, attr);
}

#endif
