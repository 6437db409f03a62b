/* Which gradients are zero but for rounding: planted beside others, alone and together; and which final
 * parameters go with them. */
#include "runtime/verbs/rt_compare.h"

#include <math.h>
#include <stdlib.h>

#include "tests/suite.h"

enum { PARAMS = 6, COUNT = 100 };

static RtMeasured m[PARAMS];
static const TessState state;

/* Of norms about 1, equal on both sides but for 1e-7. */
static void begin(void) {
  for (int i = 0; i < PARAMS; i++) {
    double size = 0.5 + draw_real(0, 1);
    m[i] = (RtMeasured){&state, "grad", {1e-7 * size, size, size, 0}, COUNT, false, false};
  }
}

static void plant(int i, double wanted, double found) {
  m[i].d = (RtDistance){fabs(wanted - found) + 1e-9 * wanted, wanted, found, 0};
}

/* Without the name of the worst. */
static RtKind judged(void) {
  RtKind k = {.name = "grad", .bound = 2e-5};
  rt_judge_gradients(m, PARAMS, &k);
  free(k.tensor);
  k.tensor = NULL;
  return k;
}

START_TEST(noise_is_left_out) {
  plant(1, 3e-8, 2e-7);
  plant(4, 0, 1e-7);
  RtKind k = judged();
  ck_assert(rt_kind_passes(&k));
  ck_assert_int_eq(k.compared, PARAMS - 2);
  for (int i = 0; i < PARAMS; i++) ck_assert_int_eq(m[i].left_out, i == 1 || i == 4);
}
END_TEST

/* A small gradient that agrees is compared; one that is large on either side, or no number, is off. */
START_TEST(errors_do_not_hide) {
  static const double side[][2] = {{1e-5, 1e-7}, {1e-7, 1e-5}, {0, 1e-4}, {1e-7, INFINITY}, {NAN, 1e-8}};
  plant(2, 1e-7, 1e-7);
  RtKind k = judged();
  ck_assert(rt_kind_passes(&k) && k.compared == PARAMS);
  for (int i = 0; i < 5; i++) {
    begin();
    plant(3, side[i][0], side[i][1]);
    k = judged();
    ck_assert_msg(!rt_kind_passes(&k) && !m[3].left_out, "%g beside %g", side[i][0], side[i][1]);
  }
}
END_TEST

/* Together they are no more than one may be. */
START_TEST(many_small_errors_do_not_hide) {
  for (int planted = 2; planted <= 3; planted++) {
    begin();
    double all = 0;
    for (int i = planted; i < PARAMS; i++) all += m[i].d.wanted * m[i].d.wanted;
    double each = 0.7e-6 * sqrt(all);
    for (int i = 0; i < planted; i++) plant(i, each, each / 2);
    RtKind k = judged();
    ck_assert(rt_kind_passes(&k) == (planted == 2) && m[0].left_out && m[1].left_out && !m[2].left_out);
  }
}
END_TEST

/* What an optimizer made of such a gradient: it may be anything that the other parameters' pace explains. */
START_TEST(finals_go_with_their_gradients) {
  static const double found[] = {1.9, 2.1, NAN};
  for (int i = 0; i < 3; i++) {
    RtKind k = {.name = "final", .bound = 1e-3};
    uint64_t left_out = 0;
    for (int p = 0; p < PARAMS; p++) {
      m[p].d = (RtDistance){1e-7, 1, 1, 2};
      m[p].zero = p == 5;
    }
    m[5].d = (RtDistance){found[i], 1e-9, found[i], 2};
    rt_judge_finals(m, PARAMS, &k, &left_out);
    ck_assert_int_eq(rt_kind_passes(&k), i == 0);
    ck_assert_uint_eq(left_out, (i == 0 ? COUNT : 2) + 2 * (PARAMS - 1));
    free(k.tensor);
  }
}
END_TEST

SUITE("rt_compare") {
  tcase_add_checked_fixture(t, begin, NULL);
  tcase_add_test(t, noise_is_left_out);
  tcase_add_test(t, errors_do_not_hide);
  tcase_add_test(t, many_small_errors_do_not_hide);
  tcase_add_test(t, finals_go_with_their_gradients);
}
