// far.c -- see far.h.
//
// A store to a line that is in no cache reads it first: a third of what neg
// moves, a quarter of what mul does. Stores that go past the caches do not. So
// the loop fills a block in the first cache, which is then sent off; while that
// is under way the operands' next blocks are asked for.
#include "far.h"

#include <string.h>

#define BLOCK 1024  // bytes of the result

#if defined(__x86_64__) && !defined(ORR_NO_CLONES)
#include <immintrin.h>

bool orr_is_far(const orr_row *r, int64_t n) {
  int64_t bytes = 0;
  for (int k = 0; k < r->operands; k++) {
    if (r->step[k]) bytes += n * (int64_t)r->element[k];
    if (k > 0 && r->base[k] == r->base[0]) return false;
  }
  return bytes >= ORR_FAR && (uintptr_t)r->base[0] % ORR_LINE == 0;
}

// In as few stores as the processor can: in four times as many neg of 4M floats
// takes 0.86 ms, not 0.61.
#define SEND(NAME, TARGET, V, LOAD, STORE)                                     \
  __attribute__((target(TARGET))) static void NAME(char *to, const char *from, \
                                                   int64_t bytes) {            \
    for (int64_t i = 0; i < bytes; i += (int)sizeof(V))                        \
      STORE((V *)(void *)(to + i), LOAD((const V *)(const void *)(from + i))); \
  }
SEND(send_512, "avx512f", __m512i, _mm512_load_si512, _mm512_stream_si512)
SEND(send_256, "avx", __m256i, _mm256_load_si256, _mm256_stream_si256)
SEND(send_128, "sse2", __m128i, _mm_load_si128, _mm_stream_si128)

void orr_send(char *to, const char *from, int64_t bytes) {
  const int64_t lines = bytes & ~(int64_t)(ORR_LINE - 1);
  if (__builtin_cpu_supports("avx512f"))
    send_512(to, from, lines);
  else if (__builtin_cpu_supports("avx"))
    send_256(to, from, lines);
  else
    send_128(to, from, lines);
  if (lines < bytes) memcpy(to + lines, from + lines, (size_t)(bytes - lines));
}

void orr_sent(void) { _mm_sfence(); }

static void ask_for(const orr_row *r, char *const *p, int64_t n) {
  for (int k = 1; k < r->operands; k++)
    for (int64_t i = 0; r->step[k] && i < n * (int64_t)r->element[k];
         i += ORR_LINE)
      __builtin_prefetch(p[k] + i);
}

void orr_run_far(const orr_row *r, char *const *p, int64_t n, orr_loop *loop,
                 const double *attr) {
  _Alignas(ORR_LINE) char block[BLOCK];
  const int64_t most = BLOCK / (int64_t)r->element[0];
  char *at[ORR_MAX_OPERAND], *to = p[0];
  at[0] = block;
  for (int k = 1; k < r->operands; k++) at[k] = p[k];
  for (; n >= most; n -= most, to += BLOCK) {
    loop(most, at, r->step, attr);
    for (int k = 1; k < r->operands; k++)
      at[k] += most * r->step[k] * (int64_t)r->element[k];
    ask_for(r, at, n - most < most ? n - most : most);
    orr_send(to, block, BLOCK);
  }
  orr_sent();
  at[0] = to;
  if (n) loop(n, at, r->step, attr);
}

#else

void orr_send(char *to, const char *from, int64_t bytes) {
  memcpy(to, from, (size_t)bytes);
}
void orr_sent(void) {}

bool orr_is_far(const orr_row *r, int64_t n) {
  (void)r, (void)n;
  return false;
}

void orr_run_far(const orr_row *r, char *const *p, int64_t n, orr_loop *loop,
                 const double *attr) {
  loop(n, p, r->step, attr);
}

#endif
