/* Row kernels through LLVM against the interpreter, lanes along the row and along an outer axis. Sums run in
 * another order than the interpreter's, so that results differ by roundings: 1e-5 of sums of up to 9,509
 * terms, of which the interpreter adds one after another: its roundings spread by about 1.5e-6 by estimate,
 * and 6e-6 was seen in 9 runs. */
#include <stdlib.h>

#include "tests/codegen/cpu_case.h"
#include "tests/suite.h"

static const int odd[] = {1, 3, 13, 16, 17, 49, 148, 257};
enum { ODD = sizeof odd / sizeof *odd };

/* Sums of some hundred numbers below 2, in another order: 1.3e-5 off was seen in a few runs. */
#define CHECK_ODD(text) cpu_case_check_sizes((text), odd, ODD, 6e-5)

START_TEST(sums) {
  CHECK_ODD("compute f { axis m:9 k:$\n in x[9, $] : f32\n out y[9] : f32\n s[m] = sum(k) x[m, k] * 0.5\n"
            " store s[m] -> y[m] }\nplan f cpu rows { role outer: m; role row: k }\n");
  CHECK_ODD("compute f { axis m:37 n:$\n in x[37, $] : f32\n out y[$] : f32\n s[n] = sum(m) x[m, n]\n"
            " store s[n] -> y[n] }\nplan f cpu rows { role outer: n; role row: m }\n");
  CHECK_ODD(
      "compute f { axis m:37 n:$\n in x[37, $] : f32\n out y[1] : f32\n s[] = sum(m, n) x[m, n] * x[m, n]\n"
      " u[] = s[] * 0.01\n store u[] -> y[0] }\nplan f cpu rows { role row: m, n }\n");
}
END_TEST

START_TEST(maxima) {
  CHECK_ODD(
      "compute f { axis m:9 k:$\n in x[9, $] : f32\n in q[9, $] : i32\n out y[9] : f32\n out z[9] : i32\n"
      " s[m] = max(k) x[m, k]\n t[m] = max(k) q[m, k]\n store s[m] -> y[m]\n store t[m] -> z[m] }\n"
      "plan f cpu rows { role outer: m; role row: k }\n");
  CHECK_ODD("compute f { axis m:$ k:11\n in x[11, $] : f32\n out y[$] : f32\n s[m] = max(k) x[k, m]\n"
            " store s[m] -> y[m] }\nplan f cpu rows { role outer: m; role row: k; role lane: m }\n");
}
END_TEST

#define NORM                                                                                                 \
  "compute f { axis m:7 k:$\n in x[7, $] : f32\n in w[$] : f32\n in b[$] : f32\n out y[7, $] : f32\n"        \
  " out mu[7] : f32\n out rs[7] : f32\n"                                                                     \
  " s[m] = sum(k) x[m, k]\n mean[m] = s[m] / $\n c[m, k] = x[m, k] - mean[m]\n"                              \
  " q[m] = sum(k) c[m, k] * c[m, k]\n r[m] = rsqrt(q[m] / $ + 0.001)\n"                                      \
  " v[m, k] = c[m, k] * r[m] * w[k] + b[k]\n"                                                                \
  " store v[m, k] -> y[m, k]\n store mean[m] -> mu[m]\n store r[m] -> rs[m] }\n"

START_TEST(norm) {
  CHECK_ODD(NORM "plan f cpu rows { role outer: m; role row: k }\n");
  CHECK_ODD(NORM "plan f cpu rows { role outer: m; role row: k; place c row }\n");
  CHECK_ODD(NORM "plan f cpu rows { role outer: m; role row: k; role lane: m; place c row }\n");
}
END_TEST

#define SOFTMAX                                                                                              \
  "compute f { axis b:3 i:$ j:$\n in x[3, $, $] : f32\n in hi[$] : i32 below $\n out y[3, $, $] : f32\n"     \
  " out l[3, $] : f32\n m[b, i] = max(j) x[b, i, j]\n e[b, i, j] = exp(x[b, i, j] - m[b, i])\n"              \
  " s[b, i] = sum(j : .. hi[i]) e[b, i, j]\n t[b, i] = sum(j : hi[i] .. ) e[b, i, j] * 2\n"                  \
  " p[b, i, j] = e[b, i, j] / (s[b, i] + t[b, i])\n u[b, i] = log(s[b, i] + t[b, i]) + m[b, i]\n"            \
  " store p[b, i, j] -> y[b, i, j]\n store u[b, i] -> l[b, i] }\n"

START_TEST(softmax_with_bounds) {
  static const int sizes[] = {1, 3, 13, 17, 49, 70};
  cpu_case_check_sizes(SOFTMAX "plan f cpu rows { role outer: b, i; role row: j; place e row }\n", sizes, 6,
                       1e-5);
  cpu_case_check_sizes(SOFTMAX "plan f cpu rows { role outer: b, i; role row: j }\n", sizes, 6, 1e-5);
  cpu_case_check_sizes(SOFTMAX
                       "plan f cpu rows { role outer: b, i; role row: j; role lane: i; place e row }\n",
                       sizes, 6, 1e-5);
}
END_TEST

/* Column sums beside each other; a block of columns and its ragged rest. */
START_TEST(columns) {
  CHECK_ODD(
      "compute f { axis p:2 m:21 n:$\n in d[2, 21, $] : f32\n in x[2, 21, $] : bf16\n in mu[2, 21] : f32\n"
      " out g[2, $] : f32\n out h[2, $] : bf16\n"
      " s[p, n] = sum(m) d[p, m, n]\n t[p, n] = sum(m) d[p, m, n] * (cast(f32, x[p, m, n]) - mu[p, m])\n"
      " u[p, n] = cast(bf16, t[p, n] * 2)\n"
      " store s[p, n] -> g[p, n]\n store u[p, n] -> h[p, n] }\n"
      "plan f cpu rows { role outer: p, n; role row: m; role lane: n }\n");
  CHECK_ODD("compute f { axis h:3 d:$ m:19\n in x[19, 3, $] : f32\n out y[3, $] : f32\n s[h, d] = sum(m) "
            "x[m, h, d]\n"
            " store s[h, d] -> y[h, d] }\nplan f cpu rows { role outer: h, d; role row: m }\n");
}
END_TEST

/* A reduction that leaves a row: groups within the resident row. */
START_TEST(groups) {
  CHECK_ODD("compute f { axis m:5 g:4 j:$\n in x[5, 4, $] : f32\n out y[5, 4, $] : f32\n out z[5] : f32\n"
            " s[m, g] = sum(j) x[m, g, j]\n t[m] = max(g) s[m, g]\n v[m, g, j] = (x[m, g, j] * s[m, g] - "
            "t[m]) * 0.02\n"
            " store v[m, g, j] -> y[m, g, j]\n store t[m] -> z[m] }\n"
            "plan f cpu rows { role outer: m; role row: g, j; place s row }\n");
  CHECK_ODD("compute f { axis m:$ g:4 j:6\n in x[$, 4, 6] : f32\n out y[$, 4, 6] : f32\n"
            " s[m, g] = sum(j) x[m, g, j]\n t[m] = max(g) s[m, g]\n v[m, g, j] = (x[m, g, j] * s[m, g] - "
            "t[m]) * 0.02\n"
            " store v[m, g, j] -> y[m, g, j] }\n"
            "plan f cpu rows { role outer: m; role row: g, j; role lane: m; place s row }\n");
}
END_TEST

/* Another element of the row than the current one. */
START_TEST(reversed) {
  CHECK_ODD("compute f { axis m:5 k:$\n in x[5, $] : f32\n out y[5, $] : f32\n"
            " e[m, k] = exp(x[m, k])\n s[m] = sum(k) e[m, k]\n v[m, k] = e[m, $ - 1 - k] / s[m]\n"
            " store v[m, k] -> y[m, k] }\nplan f cpu rows { role outer: m; role row: k; place e row }\n");
}
END_TEST

/* A buffer that a later pass still reads is written last. */
START_TEST(in_place) {
  CHECK_ODD("compute f { axis m:5 k:$\n inout x[5, $] : f32\n in z[5, $] : f32\n out y[5, $] : f32\n"
            " d[m, k] = x[m, k] * 2 + z[m, k]\n s[m] = sum(k) z[m, k]\n v[m, k] = x[m, k] + s[m]\n"
            " store v[m, k] -> y[m, k]\n store d[m, k] -> x[m, k] }\n"
            "plan f cpu rows { role outer: m; role row: k }\n");
}
END_TEST

/* What is stored there first may be read for what takes one reduction more. */
START_TEST(in_place_with_levels) {
  CHECK_ODD("compute f { axis m:5 k:$\n inout x[5, $] : f32\n in z[5, $] : f32\n out y[5, $] : f32\n"
            " s[m] = max(k) z[m, k]\n t[m] = max(k) tanh(z[m, k] * s[m])\n d[m, k] = x[m, k] + s[m]\n"
            " v[m, k] = x[m, k] * t[m]\n store d[m, k] -> x[m, k]\n store v[m, k] -> y[m, k] }\n"
            "plan f cpu rows { role outer: m; role row: k }\n");
}
END_TEST

START_TEST(chosen) {
  CHECK_ODD("compute f { axis m:5 k:$\n in x[5, $] : f32\n in t[5] : i32 below 3\n out y[5] : f32\n\n"
            " hit[m] = sum(k) select(index(i32, k) == t[m], x[m, k], 0)\n"
            " store hit[m] -> y[m] }\nplan f cpu rows { role outer: m; role row: k }\n");
}
END_TEST

/* Every axis of a reduction but the last has bounds of its own, and the innermost is short. */
START_TEST(windows) {
  CHECK_ODD("compute f { axis o:$ i:6 j:5\n in x[6, 300] : f32\n out y[$] : f32\n"
            " s[o] = sum(i : 1 .. 5, j) x[i, o + j]\n store s[o] -> y[o] }\n"
            "plan f cpu rows { role outer: o; role row: i, j }\n");
}
END_TEST

START_TEST(nan_propagates) {
  CpuCase c =
      cpu_case_open("compute f { axis m:3 k:40\n in x[3, 40] : f32\n out y[3] : f32\n s[m] = max(k) x[m, k]\n"
                    " store s[m] -> y[m] }\nplan f cpu rows { role outer: m; role row: k }\n",
                    "native", false);
  for (int at = 0; at < 40; at++) {
    float x[120], y[3];
    for (int i = 0; i < 120; i++) x[i] = cpu_case_float();
    x[40 + at] = 0.0F / 0.0F;
    cpu_case_run(&c, (void *[]){x, y}, 1);
    ck_assert(y[0] == y[0] && y[1] != y[1] && y[2] == y[2]);
  }
  cpu_case_close(&c);
}
END_TEST

SUITE("cpu_rows") {
  tcase_add_test(t, sums);
  tcase_add_test(t, maxima);
  tcase_add_test(t, norm);
  tcase_add_test(t, softmax_with_bounds);
  tcase_add_test(t, columns);
  tcase_add_test(t, groups);
  tcase_add_test(t, reversed);
  tcase_add_test(t, in_place);
  tcase_add_test(t, in_place_with_levels);
  tcase_add_test(t, chosen);
  tcase_add_test(t, windows);
  tcase_add_test(t, nan_propagates);
}
