/* Each rule of the kernel verifier broken, with the message checked, and what the rules must not refuse. */
#include <stdlib.h>
#include <string.h>

#include "tests/ir/kern_reader.h"
#include "tests/suite.h"

typedef struct Broken {
  const char *want; /* in the message */
  const char *text; /* the kernel */
  void (*damage)(Kernel *k);
} Broken;

#define KERNEL(body) "compute f {\n axis i:4 j:6\n in x[4, 6] : f32\n out y[4, 6] : f32\n" body "\n}\n"
#define GOOD KERNEL(" v[i, j] = x[i, j] * 2\n store v[i, j] -> y[i, j]")
#define DRAWN KERNEL(" stream d = 3\n v[i, j] = random(d, 6*i + j)\n store v[i, j] -> y[i, j]")
#define STORED KERNEL(" in t[4] : i32 below 4\n v[i, j] = x[t[i], j] * 2\n store v[i, j] -> y[i, j]")

static void extent_0(Kernel *k) {
  k->axis[0].extent = 0;
}

static void same_axes(Kernel *k) {
  k->axis[1].name = "i";
}

static void axis_named_inf(Kernel *k) {
  k->axis[1].name = "inf";
}

static void two_axes_named_alike(Kernel *k) {
  k->val[0].name = "x";
}

static void name_with_dot(Kernel *k) {
  k->buf[0].name = "blocks.3";
}

static void dim_0(Kernel *k) {
  k->buf[0].dim[1] = 0;
}

static void stride_negative(Kernel *k) {
  k->buf[0].stride[1] = -1;
}

static void far_stride(Kernel *k) {
  k->buf[0].stride[0] = (int64_t)1 << 47;
}

static void no_axis(Kernel *k) {
  k->val[0].axis[1] = 7;
}

static void later_value(Kernel *k) {
  KExpr *e = arena_copy(k->arena, k->val[0].expr->arg[0], sizeof(KExpr));
  e->kind = KE_VALUE;
  e->ref = 0;
  k->val[0].expr = e;
}

static void value_of_other_type(Kernel *k) {
  k->val[0].dtype = DT_BF16;
}

static void sum_of_other_type(Kernel *k) {
  KExpr *e = arena_copy(k->arena, k->val[0].expr, sizeof(KExpr));
  e->arg[1] = kexpr_const(k->arena, DT_I32, 2);
  k->val[0].expr = e;
}

static void no_buffer(Kernel *k) {
  KExpr *e = arena_copy(k->arena, k->val[0].expr->arg[0], sizeof(KExpr));
  e->ref = 9;
  k->val[0].expr = e;
}

static void no_stream(Kernel *k) {
  KExpr *e = arena_copy(k->arena, k->val[0].expr, sizeof(KExpr));
  e->ref = 1;
  k->val[0].expr = e;
}

static void stream_that_is_a_number(Kernel *k) {
  k->word[0].type = DT_F32;
}

static void stream_named_as_a_buffer(Kernel *k) {
  k->word[0].name = "y";
}

static void reduces_without_axes(Kernel *k) {
  k->val[0].reduce = KR_SUM;
}

static void other_bound(Kernel *k) {
  const Ix *i = ix_axis(k->arena, 0, 4), *row = ix_read(k->arena, 2, 3, 1, &i);
  const Ix *idx[] = {row, ix_axis(k->arena, 1, 6)};
  k->val[0].expr = kexpr_elt(k->arena, E_ADD, k->val[0].expr, kexpr_read(k, 0, idx), NULL);
}

static void read_beyond_rank(Kernel *k) {
  const Ix *i = ix_axis(k->arena, 0, 4), *two[] = {i, i};
  const Ix *idx[] = {ix_read(k->arena, 2, 4, 2, two), ix_axis(k->arena, 1, 6)};
  k->val[0].expr = kexpr_read(k, 0, idx);
}

static void role_without_axis(Kernel *k) {
  k->plan[0].role[ROLE_LANE].axis[0] = 20;
}

static void place_unknown(Kernel *k) {
  k->plan[0].place[0] = 3;
}

#define PLANNED(plan)                                                                                        \
  KERNEL(" s[i] = sum(j) x[i, j]\n v[i, j] = x[i, j] * s[i]\n store v[i, j] -> y[i, j]") plan
#define FLAT_PLAN GOOD "plan f cpu flat { role lane: j; }"

static const Broken broken[] = {
    {"K1: axis 'i' has the extent 0, expected 1 .. 2^40", GOOD, extent_0},
    {"K1: two axes are named 'i'", GOOD, same_axes},
    {"K1: axis 'inf' has no proper name", GOOD, axis_named_inf},
    {"K2: two buffers, words or values are named 'x'", GOOD, two_axes_named_alike},
    {"K2: 'blocks.3' is not a proper name", GOOD, name_with_dot},
    {"K3: buffer 'x' has an extent below 1", GOOD, dim_0},
    {"K3: buffer 'x' has the stride -1, expected 0 .. 2^48", GOOD, stride_negative},
    {"K3: buffer 'x' reaches further than 2^48 elements", GOOD, far_stride},
    {"K4: buffer 'o' is written, but its strides put two elements at one place",
     KERNEL(" out o[4, 6] : f32 strides [5, 1]\n v[i, j] = x[i, j]\n store v[i, j] -> y[i, j]\n"
            " store v[i, j] -> o[i, j]"),
     NULL},
    {"K5: 'v' has the axis 'i' twice", KERNEL(" v[i, i] = x[i, 0]\n store v[i, i] -> y[i, 0]"), NULL},
    {"K5: 's' has the axis 'i' twice", KERNEL(" s[i] = sum(i) x[i, 0]\n store s[i] -> y[i, 0]"), NULL},
    {"K5: 'v' is over axis 7 of 2", GOOD, no_axis},
    {"K6: 'v' uses an axis that it is neither over nor reduced over: j",
     KERNEL(" v[i] = x[i, j]\n store v[i] -> y[i, 0]"), NULL},
    {"K6: 'v' uses an axis that it is neither over nor reduced over: j",
     KERNEL(" v[i] = index(f32, j)\n store v[i] -> y[i, 0]"), NULL},
    {"K7: 'v' uses a value that does not come before it", GOOD, later_value},
    {"K8: 'v' is of type bf16, its expression of type f32", GOOD, value_of_other_type},
    {"K8: 'v': the operands or the result of '*' have a wrong type", GOOD, sum_of_other_type},
    {"K8: 'c': a constant, number, index, cast, step or draw of type u64",
     KERNEL(" c[i, j] = u64(1)\n v[i, j] = x[i, j]\n store v[i, j] -> y[i, j]"), NULL},
    {"K8: 'v': a constant, number, index, cast, step or draw of type bool",
     KERNEL(" v[i, j] = select(index(bool, i), x[i, j], 0)\n store v[i, j] -> y[i, j]"), NULL},
    {"K9: 'v' reads no proper buffer", GOOD, no_buffer},
    {"K9: 'v' reads 'y', which is only written", KERNEL(" v[i, j] = y[i, j]\n store v[i, j] -> y[i, j]"),
     NULL},
    {"K10: 'v' reads 'x' out of range in dimension 0 of extent 4: i + 1",
     KERNEL(" v[i, j] = x[i + 1, j]\n store v[i, j] -> y[i, j]"), NULL},
    {"K10: 'v' reads 'w' out of range in dimension 1 of extent 6: j - 1",
     KERNEL(" w[i, j] = x[i, j]\n v[i, j] = w[i, j - 1]\n store v[i, j] -> y[i, j]"), NULL},
    {"K10: 'v' reads 'x' out of range", /* the condition of a select is always evaluated */
     KERNEL(" v[i, j] = select(x[i, j + 1] < 0, 1, x[i, j])\n store v[i, j] -> y[i, j]"), NULL},
    {"K11: 'v' has 0 reduced axes", GOOD, reduces_without_axes},
    {"K11: 's' accumulates i32 in f32",
     KERNEL(" in n[4, 6] : i32\n s[i] = sum(j) acc f32 n[i, j]\n v[i] = cast(f32, s[i])\n store v[i] -> y[i, "
            "0]"),
     NULL},
    {"K11: 's' reduces values of type bool",
     KERNEL(" s[i] = max(j) x[i, j] < 1\n v[i] = cast(f32, s[i])\n store v[i] -> y[i, 0]"), NULL},
    {"K12: a bound of 'j' in 's' uses an axis that is none of the value's: j",
     KERNEL(" s[i] = sum(j: 0 .. j) x[i, j]\n store s[i] -> y[i, 0]"), NULL},
    {"K12: a bound of 'j' in 's' leaves 0 .. 6: i + 4",
     KERNEL(" s[i] = sum(j: 0 .. i + 4) x[i, j]\n store s[i] -> y[i, 0]"), NULL},
    {"K12: a bound of 'j' in 's' leaves 0 .. 6: i - 1",
     KERNEL(" s[i] = sum(j: i - 1 .. 6) x[i, j]\n store s[i] -> y[i, 0]"), NULL},
    {"K13: an index reads 't', expected an i32 'in' buffer",
     KERNEL(" in t[4] : u8 below 4\n v[i, j] = x[t[i], j]\n store v[i, j] -> y[i, j]"), NULL},
    {"K13: an index reads 't' out of range in dimension 0: j",
     KERNEL(" in t[4] : i32 below 4\n v[i, j] = x[t[j], j]\n store v[i, j] -> y[i, j]"), NULL},
    {"K13: indices read 't' with different bounds", STORED, other_bound},
    {"K13: an index reads 't' at 2 indices, expected 1", STORED, read_beyond_rank},
    {"K14: 'v' is stored to 'x', which is only read",
     KERNEL(" v[i, j] = x[i, j]\n store v[i, j] -> x[i, j]\n store v[i, j] -> y[i, j]"), NULL},
    {"K14: 'v' of type bf16 is stored to 'y' of type f32",
     KERNEL(" v[i, j] = cast(bf16, x[i, j])\n store v[i, j] -> y[i, j]"), NULL},
    {"K14: the store of 'v' to 'y' is out of range in dimension 1: j + 1",
     KERNEL(" v[i, j] = x[i, j]\n store v[i, j] -> y[i, j + 1]"), NULL},
    {"K14: the store of 'v' to 'y' uses an axis that is none of the value's in dimension 1: j",
     KERNEL(" v[i] = x[i, 0]\n store v[i] -> y[i, j]"), NULL},
    {"K14: the store of 'v' to 'y' depends on a buffer in dimension 0: t[i]",
     KERNEL(" in t[4] : i32 below 4\n v[i, j] = x[i, j]\n store v[i, j] -> y[t[i], j]"), NULL},
    {"K15: the store of 'v' may hit an element of 'y' twice: 6*i",
     KERNEL(" v[i, j] = x[i, j]\n store v[i, j] -> y[i, 0]"), NULL},
    {"K15: the store of 'v' may hit an element of 'y' twice: 6*i + (j/2)",
     KERNEL(" v[i, j] = x[i, j]\n store v[i, j] -> y[i, j/2]"), NULL},
    {"K16: two stores hit one element of 'y': of 'v' and of 'w'",
     KERNEL(" v[i] = x[i, 0]\n w[j] = x[0, j]\n store v[i] -> y[i, 2]\n store w[j] -> y[3, j]"), NULL},
    {"K17: 'v' reads an inout buffer elsewhere than where it is written",
     KERNEL(" inout z[4, 6] : f32\n v[i, j] = z[i, 5 - j]\n store v[i, j] -> z[i, j]\n store v[i, j] -> y[i, "
            "j]"),
     NULL},
    {"K17: 'v' reads an inout buffer elsewhere than where it is written",
     KERNEL(" inout z[4, 6] : f32\n u[i, j] = z[i, j]\n v[i, j] = u[3 - i, j]\n store u[i, j] -> z[i, j]\n"
            " store v[i, j] -> y[i, j]"),
     NULL},
    {"K17: 's' reads an inout buffer elsewhere than where it is written",
     KERNEL(" inout z[4, 6] : f32\n s[i] = sum(j) z[i, j]\n v[i, j] = s[i] + x[i, j]\n store v[i, j] -> z[i, "
            "j]\n"
            " store v[i, j] -> y[i, j]"),
     NULL},
    {"K26: 'v' reads an inout buffer that is written over other axes", /* a slot and what moves by it */
     KERNEL(" inout z[1] : f32\n s[] = sum(i, j) x[i, j]\n n[] = z[0] + s[]\n v[i, j] = x[i, j] * n[]\n"
            " store n[] -> z[0]\n store v[i, j] -> y[i, j]"),
     NULL},
    {"K26: 'n' reads an inout buffer that is written over other axes",
     KERNEL(" inout z[4] : f32\n n[i, j] = z[i] + x[i, j]\n s[i] = sum(j) x[i, j]\n store s[i] -> z[i]\n"
            " store n[i, j] -> y[i, j]"),
     NULL},
    {"K18: nothing is stored to 'y'", KERNEL(" v[i, j] = x[i, j]"), NULL},
    {"K18: nothing is stored", KERNEL(""), NULL},
    {"K20: two plans for cpu", GOOD "plan f cpu flat { }\nplan f cpu flat { }", NULL},
    {"K20: gpu has no flat skeleton", GOOD "plan f gpu flat { }", NULL},
    {"K21: the flat skeleton has no role 'k'", GOOD "plan f cpu flat { role k: j; }", NULL},
    {"K21: the rows skeleton needs the role 'row'", PLANNED("plan f cpu rows { role outer: i; }"), NULL},
    {"K19: 'v' takes word 1 of 1 as a stream", DRAWN, no_stream},
    {"K19: 'v' takes word 0 of 1 as a stream", DRAWN, stream_that_is_a_number},
    {"K2: two buffers, words or values are named 'y'", DRAWN, stream_named_as_a_buffer},
    {"K22: axis 'i' has two roles", PLANNED("plan f cpu rows { role outer: i; role row: j, i; }"), NULL},
    {"K22: role 'lane' has 2 axes, expected 1", GOOD "plan f cpu flat { role lane: i, j; }", NULL},
    {"K22: role 'lane' has axis 20 of 2", FLAT_PLAN, role_without_axis},
    {"K23: the flat skeleton has no number 'mr' on cpu", GOOD "plan f cpu flat { num mr 14; }", NULL},
    {"K23: the dot skeleton has no number 'tasks' on cpu",
     PLANNED("plan f cpu dot { role m: i; role k: j; num tasks 2; }"), NULL},
    {"K23: number 'ring' is 99, expected 1 .. 16",
     PLANNED("plan f gpu dot { role m: i; role k: j; num ring 99; }"), NULL},
    {"K24: 'v' can't live in that place in the flat skeleton", GOOD "plan f cpu flat { place v acc; }", NULL},
    {"K24: 'v' is accumulated but is no sum",
     PLANNED("plan f cpu dot { role m: i; role k: j; place v acc; }"), NULL},
    {"K24: 'v' can't live in that place", FLAT_PLAN, place_unknown},
    {"K25: a flat plan of a kernel that reduces", PLANNED("plan f cpu flat { }"), NULL},
    {"K25: a rows plan of a kernel that reduces nothing", GOOD "plan f cpu rows { role row: j; }", NULL},
    {"K25: a dot plan without a sum over the role k", PLANNED("plan f cpu dot { role k: i; }"), NULL},
};

START_TEST(broken_rules_are_named) {
  Kernel *k = reader_kernel(broken[_i].text);
  if (broken[_i].damage) {
    ck_assert_msg(kern_verify(k), "the undamaged kernel is refused: %s", reader_said());
    broken[_i].damage(k);
  }
  ck_assert_msg(!kern_verify(k), "accepted, expected %s", broken[_i].want);
  ck_assert_msg(strstr(reader_said(), broken[_i].want) != NULL, "found %s\nexpected %s", reader_said(),
                broken[_i].want);
  ck_assert_int_eq(diag_count() > 0, 1);
}
END_TEST

/* What looks like a broken rule and is none. */
static const char *const accepted[] = {
    /* padding: the branch that is not taken is not read */
    KERNEL(" v[i, j] = select(index(i32, j) < i32(5), x[i, j + 1], 0)\n store v[i, j] -> y[i, j]"),
    /* in range at every point, though the range of the expression alone does not show it */
    KERNEL(" v[i, j] = x[i, (i + j)%6 + (i + j)/6 - (i + j)/6]\n store v[i, j] -> y[i, j]"),
    KERNEL(" v[i, j] = x[(2*i + j)/4 - (j/4), j]\n store v[i, j] -> y[i, j]"),
    /* not affine, yet one to one */
    KERNEL(" v[i, j] = x[i, j]\n store v[i, j] -> y[i, 3*(j%2) + j/2]"),
    /* two stores side by side in one buffer: concatenation */
    "compute f { axis i:4 j:6\n in x[4, 6] : f32\n out y[8, 6] : f32\n v[i, j] = x[i, j]\n w[i, j] = -1 * "
    "x[i, j]\n"
    " store v[i, j] -> y[2*i, j]\n store w[i, j] -> y[2*i + 1, j] }",
    /* in place */
    "compute f { axis i:4\n inout x[4] : f32\n u[i] = x[i] + 1\n v[i] = u[i] * x[i]\n store v[i] -> x[i] }",
    /* in place, and read for another store over the same axes */
    "compute f { axis i:4 j:1\n inout x[4] : f32\n out y[4] : f32\n u[i] = x[i] + 1\n v[i, j] = u[i] * "
    "x[i]\n store u[i] -> x[i]\n store v[i, j] -> y[i] }",
    /* written with gaps and permuted strides; read with stride 0 */
    "compute f { axis i:4 j:6\n in x[4, 6] : f32 strides [0, 1]\n out y[4, 6] : f32 strides [2, 8]\n"
    " v[i, j] = x[i, j]\n store v[i, j] -> y[i, j] }",
    /* bounds that reach 0 and the extent */
    KERNEL(" s[i] = sum(j: i .. 2*i) x[i, j]\n store s[i] -> y[i, 0]"),
    /* a lane axis belongs to another role as well */
    PLANNED("plan f cpu rows { role outer: i; role row: j; role lane: j; place s row; }"),
    PLANNED("plan f gpu dot { role m: i; role k: j; num warps 8; place s acc; }"),
};

START_TEST(sound_kernels_are_accepted) {
  ck_assert_msg(kern_verify(reader_kernel(accepted[_i])), "%s", reader_said());
}
END_TEST

START_TEST(several_errors_in_one_run) {
  Kernel *k =
      reader_kernel(KERNEL(" v[i, j] = x[i + 1, j]\n w[i, j] = x[i, j + 1]\n store v[i, j] -> y[i, 0]"));
  ck_assert(!kern_verify(k));
  ck_assert_int_eq(diag_count(), 3);
  ck_assert(strstr(reader_said(), "k.kern:5:2: error: kernel f: K10") != NULL);
  ck_assert(strstr(reader_said(), "k.kern:6:2: error: kernel f: K10") != NULL);
  ck_assert(strstr(reader_said(), "K15") != NULL);
}
END_TEST

SUITE("kern_verify") {
  tcase_add_checked_fixture(t, reader_open, reader_close);
  tcase_add_loop_test(t, broken_rules_are_named, 0, (int)(sizeof broken / sizeof *broken));
  tcase_add_loop_test(t, sound_kernels_are_accepted, 0, (int)(sizeof accepted / sizeof *accepted));
  tcase_add_test(t, several_errors_in_one_run);
}
