// each_float.h -- includes the file named by LOOPS once per floating type,
// with T the type and F(NAME) the name with its suffix. No guard: it is
// meant to be included wherever such loops are wanted.
#define T float
#define F(NAME) NAME##_f32
#include LOOPS
#undef T
#undef F
#define T double
#define F(NAME) NAME##_f64
#include LOOPS
#undef T
#undef F
#undef LOOPS
