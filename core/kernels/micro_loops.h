// micro_loops.h -- the register tile of micro.c for one size of register: F
// adds its suffix to a name, WIDE is the floats of a register and TALL the
// rows that are summed at once, three registers each.

typedef float F(reg) __attribute__((vector_size(4 * WIDE)));
typedef float F(any)
    __attribute__((vector_size(4 * WIDE), aligned(4), may_alias));

#define EACH_ROW _Pragma("GCC unroll 8") for (int i = 0; i < TALL; i++)
#define EACH_REG _Pragma("GCC unroll 3") for (int j = 0; j < n; j++)

// TALL rows from `row` on and n registers from `column` on; n is a constant
// wherever this is called.
INLINE void F(tile)(const orr_micro *m, int64_t row, int64_t column,
                    const int n) {
  const float *a0 = m->a + row * m->a_row, *b0 = m->b + column;
  const int64_t depth = m->depth, a_row = m->a_row;
  const int32_t *a_at = m->a_at, *b_at = m->b_at;
  F(reg) sum[TALL][3] = {{{0}}};
  for (int64_t d = 0; d < depth; d++) {
    const float *a = a0 + a_at[d], *b = b0 + b_at[d];
    F(reg) x[3];
    EACH_REG x[j] = *(const F(any) *)(b + j * WIDE);
    EACH_ROW EACH_REG sum[i][j] += x[j] * a[i * a_row];
  }
  EACH_ROW EACH_REG {
    float *c = m->c + (row + i) * m->ldc + column + j * WIDE;
    if (m->bias) sum[i][j] += m->bias[row + i];
    if (m->add) sum[i][j] += *(const F(any) *)c;
    *(F(any) *)c = sum[i][j];
  }
}

static void F(run)(const orr_micro *m) {
  const int64_t columns = (int64_t)m->lanes * ORR_MICRO_LANE;
  for (int64_t row = 0; row < ORR_MICRO_ROWS; row += TALL)
    for (int64_t j = 0; j < columns;) {
      const int64_t left = (columns - j) / WIDE;
      if (left == 3 || left > 4) {
        F(tile)(m, row, j, 3);
        j += 3 * WIDE;
      } else if (left > 1) {
        F(tile)(m, row, j, 2);
        j += 2 * WIDE;
      } else {
        F(tile)(m, row, j, 1);
        j += WIDE;
      }
    }
}

#undef EACH_ROW
#undef EACH_REG
#undef F
#undef WIDE
#undef TALL
