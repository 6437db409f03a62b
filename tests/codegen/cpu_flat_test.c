/* Flat kernels through LLVM against the interpreter: odd extents, every type, layouts that fuse and that
 * don't, gathers, padding, random streams, and buffers read and written. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/random.h"
#include "tests/codegen/cpu_case.h"
#include "tests/suite.h"

static const int odd[] = {1, 3, 13, 16, 17, 49, 148};
enum { ODD = sizeof odd / sizeof *odd };

#define CHECK_ODD(text, tolerance) cpu_case_check_sizes((text), odd, ODD, (tolerance))

/* One operation rounds as IEEE says, so that results are equal. */
START_TEST(arithmetic) {
  CHECK_ODD("compute f { axis i:7 j:$\n in x[7, $] : f32\n in y[7, $] : f32\n out z[7, $] : f32\n"
            " a[i, j] = (x[i, j] + y[i, j]) * x[i, j] - y[i, j] / (abs(x[i, j]) + 1)\n"
            " b[i, j] = max(a[i, j], min(x[i, j], floor(y[i, j])))\n"
            " store b[i, j] -> z[i, j] }\nplan f cpu flat { }\n",
            0);
}
END_TEST

/* Their stated errors, and a few roundings after them: 2.3e-7 of 1 or the element off at most in 60 runs. */
START_TEST(functions) {
  CHECK_ODD(
      "compute f { axis i:$\n in x[$] : f32\n out y[$] : f32\n"
      " a[i] = 0.5 * x[i] * (1 + erf(x[i] * 0.70710678))\n"
      " b[i] = a[i] + exp(x[i]) * tanh(x[i]) + sin(x[i]) * cos(x[i]) + sqrt(abs(x[i])) + log(abs(x[i]) + 1)\n"
      " c[i] = b[i] + rsqrt(x[i] * x[i] + 0.5)\n store c[i] -> y[i] }\nplan f cpu flat { }\n",
      1e-6);
}
END_TEST

START_TEST(bias_and_broadcast) {
  CHECK_ODD("compute f { axis i:5 j:$ k:3\n in x[5, $, 3] : f32\n in b[3] : f32\n in s[1] : f32\n in c[5, 3] "
            ": f32\n"
            " out y[5, $, 3] : f32\n"
            " v[i, j, k] = x[i, j, k] + b[k] * s[0] - c[i, k]\n store v[i, j, k] -> y[i, j, k] }\n"
            "plan f cpu flat { }\n",
            0);
}
END_TEST

START_TEST(permuted) {
  CHECK_ODD(
      "compute f { axis b:2 h:3 n:$ d:8\n in x[2, 3, $, 8] : f32\n out y[2, $, 3, 8] : f32\n"
      " v[b, h, n, d] = x[b, h, n, d] * 2\n store v[b, h, n, d] -> y[b, n, h, d] }\nplan f cpu flat { }\n",
      0);
  CHECK_ODD("compute f { axis i:$ j:19\n in x[$, 19] : f32\n out y[19, $] : f32\n"
            " v[i, j] = x[i, j]\n store v[i, j] -> y[j, i] }\nplan f cpu flat { }\n",
            0);
  CHECK_ODD("compute f { axis i:$ j:19\n in x[$, 19] : f32\n out y[19, $] : f32\n"
            " v[i, j] = x[i, j]\n store v[i, j] -> y[j, i] }\nplan f cpu flat { role lane: j }\n",
            0);
}
END_TEST

START_TEST(strided) {
  CHECK_ODD(
      "compute f { axis i:6 j:$\n in x[6, $] : f32 strides [300, 2]\n out y[6, $] : f32 strides [160, 1]\n"
      " v[i, j] = x[i, j] + 1\n store v[i, j] -> y[i, j] }\nplan f cpu flat { }\n",
      0);
}
END_TEST

/* Split and merged dimensions, whole vectors and ones that cross a boundary. */
START_TEST(quotients) {
  CHECK_ODD("compute f { axis i:4 j:$\n in x[$, 2, 32] : f32\n out y[4, $, 16] : f32\n axis k:16\n"
            " v[i, j, k] = x[(i * $ + j) / 4, (j + k) / 16 % 2, (i * 16 + k) % 32]\n"
            " store v[i, j, k] -> y[i, j, k] }\nplan f cpu flat { }\n",
            0);
  CHECK_ODD("compute f { axis p:288\n in x[288] : f32\n in s[9] : f32\n in r[7] : f32\n out y[288] : f32\n"
            " v[p] = x[p] * s[p / 32] + s[p % 9] - r[p / $ % 7] + index(f32, p / $)\n"
            " store v[p] -> y[p] }\nplan f cpu flat { }\n",
            0);
}
END_TEST

/* Reads outside the buffer in the branch not taken. */
START_TEST(padded) {
  CHECK_ODD("compute f { axis i:5 j:$\n in x[3, $] : f32\n out y[5, $] : f32\n"
            " v[i, j] = select(i32(1) <= index(i32, i) and index(i32, i) <= i32(3) and i32(2) <= index(i32, "
            "j), x[i - 1, j - 2], 0.5)\n"
            " store v[i, j] -> y[i, j] }\nplan f cpu flat { }\n",
            0);
  CHECK_ODD(
      "compute f { axis i:3 j:2 k:$\n in x[3, $] : f32\n in z[3, 20] : f32\n out y[3, 2, $] : f32\n"
      " v[i, j, k] = select(index(i32, j) == i32(0), x[i, k], select(index(i32, k) < i32(20), z[i, k], -1))\n"
      " store v[i, j, k] -> y[i, j, k] }\nplan f cpu flat { }\n",
      0);
}
END_TEST

START_TEST(gathered) {
  CHECK_ODD("compute f { axis i:5 j:$\n in x[11, $] : f32\n in p[5] : i32 below 11\n in q[$] : i32 below 9\n "
            "in w[9] : f32\n"
            " out y[5, $] : f32\n"
            " v[i, j] = x[p[i], j] * w[q[j]]\n store v[i, j] -> y[i, j] }\nplan f cpu flat { }\n",
            0);
}
END_TEST

START_TEST(types) {
  CHECK_ODD(
      "compute f { axis i:3 j:$\n in h[3, $] : bf16\n in g[3, $] : f16\n in n[3, $] : i32\n in u[3, $] : u8\n"
      " in t[3, $] : bool\n out oh[3, $] : bf16\n out og[3, $] : f16\n out on[3, $] : i32\n out ou[3, $] : "
      "u8\n"
      " out ot[3, $] : bool\n out of[3, $] : f32\n"
      " a[i, j] = h[i, j] * h[i, j] + bf16(0.1)\n b[i, j] = g[i, j] * f16(3) - g[i, j]\n"
      " c[i, j] = (n[i, j] * i32(3) - i32(7)) / (n[i, j] / i32(4))\n"
      " d[i, j] = cast(u8, cast(f32, h[i, j]) * 100)\n"
      " e[i, j] = not(t[i, j]) or n[i, j] < i32(3)\n"
      " z[i, j] = select(t[i, j], cast(f32, a[i, j]), cast(f32, u[i, j])) + cast(f32, t[i, j])\n"
      " w[i, j] = z[i, j] + cast(f32, b[i, j]) + cast(f32, cast(i32, z[i, j] * 10))\n"
      " store a[i, j] -> oh[i, j]\n store b[i, j] -> og[i, j]\n store c[i, j] -> on[i, j]\n"
      " store d[i, j] -> ou[i, j]\n store e[i, j] -> ot[i, j]\n store w[i, j] -> of[i, j] }\n"
      "plan f cpu flat { }\n",
      0);
}
END_TEST

/* AdamW reads and writes its moments: nothing that is read may have been written already. 1.2e-7 off at most
 * in 60 runs, by fused multiplications. */
START_TEST(in_place) {
  static const int sizes[] = {1, 17, 40000};
  cpu_case_check_sizes(
      "compute f { axis i:$\n in g[$] : f32\n inout m[$] : f32\n inout v[$] : f32\n inout p[$] : f32\n"
      " a[i] = 0.9 * m[i] + 0.1 * g[i]\n b[i] = 0.95 * v[i] + 0.05 * g[i] * g[i]\n"
      " d[i] = (0.9 * m[i] + 0.1 * g[i]) * rsqrt(0.95 * abs(v[i]) + 0.05 * g[i] * g[i] + 0.01)\n"
      " c[i] = p[i] - step(lr) * (d[i] + step(decay) * p[i]) * (step(step) / step(total))\n"
      " store a[i] -> m[i]\n store b[i] -> v[i]\n store c[i] -> p[i] }\nplan f cpu flat { }\n",
      sizes, 3, 6e-7);
}
END_TEST

/* A tower of values that each use the one below three times, with a read between. As far off as functions. */
START_TEST(towers) {
  char text[8192], *to = text;
  to += sprintf(to, "compute f { axis i:37\n in x[37] : f32\n out y[37] : f32\n a0[i] = x[i]\n");
  for (int i = 1; i < 40; i++)
    to +=
        sprintf(to, " a%d[i] = a%d[i] * 0.5 + min(x[%d - i], a%d[i]) * a%d[i]\n", i, i - 1, 36, i - 1, i - 1);
  sprintf(to, " store a39[i] -> y[i] }\nplan f cpu flat { }\n");
  cpu_case_check(text, 1e-6);
}
END_TEST

START_TEST(scalars) {
  cpu_case_check("compute f { in x[] : f32\n out y[] : f32\n v[] = x[] * step(lr) + step(constant)\n"
                 " store v[] -> y[] }\nplan f cpu flat { }\n",
                 0);
}
END_TEST

/* Not the interpreter: base/random.h itself. */
START_TEST(random_streams) {
  for (int n = 0; n < ODD; n++) {
    char text[512];
    snprintf(text, sizeof text,
             "compute f { axis i:9 j:%d\n out y[9, %d] : f32\n stream d = 12345678901234567890\n"
             " v[i, j] = random(d, j * 9 + i)\n"
             " store v[i, j] -> y[i, j] }\nplan f cpu flat { }\n",
             odd[n], odd[n]);
    CpuCase c = cpu_case_open(text, "native", false);
    float *y = malloc(sizeof *y * 9 * (size_t)odd[n]);
    cpu_case_run(&c, (void *[]){y}, 1);
    bool same = true;
    uint64_t key = random_key(c.step.seed, 12345678901234567890U, c.step.step, c.step.micro);
    for (int i = 0; i < 9; i++)
      for (int j = 0; j < odd[n]; j++)
        same &= y[i * odd[n] + j] == random_uniform(key, (uint32_t)(j * 9 + i));
    ck_assert(same);
    free(y);
    cpu_case_close(&c);
  }
}
END_TEST

/* Not the interpreter: a number that the launch passes, beside a stream. */
START_TEST(numbers) {
  float n = (float)draw_real(-2, 2), x[77], y[77];
  char text[256];
  snprintf(text, sizeof text,
           "compute f { axis i:77\n in x[77] : f32\n out y[77] : f32\n stream d = 1\n number n = %.9g\n"
           " v[i] = x[i] * n\n store v[i] -> y[i] }\nplan f cpu flat { }\n",
           (double)n);
  for (int i = 0; i < 77; i++) x[i] = cpu_case_float();
  CpuCase c = cpu_case_open(text, "native", false);
  cpu_case_run(&c, (void *[]){x, y}, 1);
  for (int i = 0; i < 77; i++) ck_assert_float_eq(y[i], x[i] * n);
  cpu_case_close(&c);
}
END_TEST

/* Not the interpreter: each is the nearest number that the type holds. */
START_TEST(integers_are_held_to_the_range_they_are_cast_to) {
  static const char text[] =
      "compute f { axis i:6\n in n[6] : i32\n in c[6] : u64\n out a[6] : u8\n out b[6] : u8\n out d[6] : "
      "i32\n"
      " va[i] = cast(u8, n[i])\n vb[i] = cast(u8, c[i])\n vd[i] = cast(i32, c[i])\n"
      " store va[i] -> a[i]\n store vb[i] -> b[i]\n store vd[i] -> d[i] }\nplan f cpu flat { }\n";
  int32_t n[6] = {7, -8, 65536, INT32_MAX, INT32_MIN, 256}, d[6];
  uint64_t c[6] = {7, 255, 256, INT32_MAX, (uint64_t)INT32_MAX + 1, UINT64_MAX};
  uint8_t a[6], b[6];
  CpuCase k = cpu_case_open(text, "native", false);
  cpu_case_run(&k, (void *[]){n, c, a, b, d}, 1);
  ck_assert_mem_eq(a, ((uint8_t[]){7, 0, 255, 255, 0, 255}), sizeof a);
  ck_assert_mem_eq(b, ((uint8_t[]){7, 255, 255, 255, 255, 255}), sizeof b);
  ck_assert_mem_eq(d, ((int32_t[]){7, 255, 256, INT32_MAX, INT32_MAX, INT32_MAX}), sizeof d);
  cpu_case_close(&k);
}
END_TEST

START_TEST(tasks_share_the_work) {
  CpuCase c =
      cpu_case_open("compute f { axis i:300000\n in x[300000] : f32\n out y[300000] : f32\n v[i] = x[i]\n"
                    " store v[i] -> y[i] }\nplan f cpu flat { }\n",
                    "native", false);
  ck_assert_int_ge(c.tasks, 8);
  cpu_case_close(&c);
}
END_TEST

/* Ends by a trap when a read leaves its buffer and red zones are on. */
static void run_wrong(const char *text) {
  CpuCase c = cpu_case_open(text, "native", true);
  void **buf = cpu_case_buffers(c.arena, c.k);
  for (int b = 0; b < c.k->nbuf; b++)
    if (c.k->buf[b].dtype == DT_I32) ((int32_t *)buf[b])[0] = 1000;
  cpu_case_run(&c, buf, 1);
  cpu_case_close(&c);
}

static int status_of(const char *text) {
  int status;
  pid_t child = fork();
  if (!child) {
    run_wrong(text);
    _exit(0);
  }
  waitpid(child, &status, 0);
  return status;
}

START_TEST(red_zones_trap) {
  int bad =
      status_of("compute f { axis i:17\n in x[17] : f32\n out y[17] : f32\n"
                " v[i] = select(x[i] < 100, x[i + 1], 0)\n store v[i] -> y[i] }\nplan f cpu flat { }\n");
  ck_assert(WIFSIGNALED(bad) && WTERMSIG(bad) == SIGILL);
  int good = status_of("compute f { axis i:17\n in x[17] : f32\n out y[17] : f32\n"
                       " v[i] = select(index(i32, i) < i32(16), x[i + 1], 0)\n store v[i] -> y[i] }\n"
                       "plan f cpu flat { }\n");
  ck_assert(WIFEXITED(good) && !WEXITSTATUS(good));
}
END_TEST

SUITE("cpu_flat") {
  tcase_add_test(t, arithmetic);
  tcase_add_test(t, functions);
  tcase_add_test(t, bias_and_broadcast);
  tcase_add_test(t, permuted);
  tcase_add_test(t, strided);
  tcase_add_test(t, quotients);
  tcase_add_test(t, padded);
  tcase_add_test(t, gathered);
  tcase_add_test(t, types);
  tcase_add_test(t, in_place);
  tcase_add_test(t, towers);
  tcase_add_test(t, scalars);
  tcase_add_test(t, random_streams);
  tcase_add_test(t, numbers);
  tcase_add_test(t, integers_are_held_to_the_range_they_are_cast_to);
  tcase_add_test(t, tasks_share_the_work);
  tcase_add_test(t, red_zones_trap);
}
