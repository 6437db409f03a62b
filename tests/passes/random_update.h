/* Optimizers drawn at random, as text and as what they mean. */
#ifndef TESTS_RANDOM_UPDATE_H
#define TESTS_RANDOM_UPDATE_H

#include <stdint.h>

#include "base/arena.h"

/* What an update can name: the parameter, its gradient, slots like the parameter, slots of one number. */
typedef enum UpdateName { UN_P, UN_G, UN_S, UN_T, UN_N, UN_K, UN_COUNT } UpdateName;
extern const char *const update_names[UN_COUNT];
/* What slots are before the first update. */
extern const double update_first[UN_COUNT];

typedef struct UpdateExpr UpdateExpr;

/* name = value */
typedef struct UpdateStep {
  UpdateName name;
  const UpdateExpr *value;
} UpdateStep;

enum { MOST_UPDATE_STEPS = 6 };

typedef struct UpdateRule {
  int n;
  UpdateStep step[MOST_UPDATE_STEPS];
} UpdateRule;

/* The next rule of the drawn numbers. All its values are of about 1, and it has no corner that rounding could
 * turn but those of numbers that are given. */
UpdateRule draw_update(Arena *a);
/* The statements. */
char *update_text(Arena *a, const UpdateRule *r);
/* Does what the rule says to a group of n elements, in f64: v[name] are n numbers, or one. */
void update_apply(const UpdateRule *r, int64_t n, double *const *v);

#endif
