// op_list.h -- one row per op, sorted. Included several times.
ORR_OP(sum)
