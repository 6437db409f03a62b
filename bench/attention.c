/* Measures attention as one kernel, forward and backward (five products, scores recomputed), whole and under
 * D-iGPT's mask: attention [--repeat N]. Operations are counted in full, so that a mask can pass the peak. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/measure.h"

enum { SEGMENT = 49, SEGMENTS = 3 };

/* The first key that a query of the segment of token i does not see; the first query that sees key i. */
static int seen(const char *name, long i) {
  int segment = (int)(i / SEGMENT);
  if (segment > SEGMENTS - 1) segment = SEGMENTS - 1;
  if (!strcmp(name, "lo")) return segment * SEGMENT;
  return segment == SEGMENTS - 1 ? SEGMENT * SEGMENTS + 1 : (segment + 1) * SEGMENT;
}

typedef struct Case {
  bool backward, masked;
  int batch, heads, tokens, dim, threads;
} Case;

static char *axes(Arena *a, const Case *c) {
  const char *mask = c->masked ? arena_printf(a, " in hi[%d] : i32 below %d\n in lo[%d] : i32 below %d\n",
                                              c->tokens, c->tokens + 1, c->tokens, c->tokens + 1)
                               : "";
  return arena_printf(a,
                      "compute kernel {\n axis b:%d h:%d i:%d j:%d d:%d e:%d\n"
                      " in a[%d, %d, 3, %d, %d] : f32\n%s",
                      c->batch, c->heads, c->tokens, c->tokens, c->dim, c->dim, c->batch, c->tokens, c->heads,
                      c->dim, mask);
}

static const char plan[] =
    "plan kernel cpu chain { role batch: b, h; role m: i; role n: j; role k: d; role d: e;"
    " place s row; place p row;";

static char *forward(Arena *a, const Case *c) {
  const char *j = c->masked ? "j: 0 .. hi[i]" : "j";
  return arena_printf(
      a,
      "%s out o[%d, %d, %d, %d] : f32\n out most[%d, %d, %d] : f32\n"
      " s[b, h, i, j] = sum(d) a[b, i, 0, h, d] * a[b, j, 1, h, d]\n"
      " z[b, h, i, j] = s[b, h, i, j] * 0.125\n mx[b, h, i] = max(%s) z[b, h, i, j]\n"
      " p[b, h, i, j] = exp(z[b, h, i, j] - mx[b, h, i])\n"
      " l[b, h, i] = sum(%s) p[b, h, i, j]\n"
      " u[b, h, i, e] = sum(%s) p[b, h, i, j] * a[b, j, 2, h, e]\n"
      " r[b, h, i, e] = u[b, h, i, e] / l[b, h, i]\n t[b, h, i] = mx[b, h, i] + log(l[b, h, i])\n"
      " store r[b, h, i, e] -> o[b, i, h, e]\n store t[b, h, i] -> most[b, h, i]\n}\n"
      "%s place mx row; place l row }\n",
      axes(a, c), c->batch, c->tokens, c->heads, c->dim, c->batch, c->heads, c->tokens, j, j, j, plan);
}

static char *backward(Arena *a, const Case *c) {
  const char *j = c->masked ? "j: 0 .. hi[i]" : "j";
  const char *i = c->masked ? arena_printf(a, "i: lo[j] .. %d", c->tokens) : "i";
  return arena_printf(
      a,
      "%s in do[%d, %d, %d, %d] : f32\n in delta[%d, %d, %d] : f32\n in most[%d, %d, %d] : f32\n"
      " out da[%d, %d, 3, %d, %d] : f32\n"
      " s[b, h, i, j] = sum(d) a[b, i, 0, h, d] * a[b, j, 1, h, d]\n"
      " p[b, h, i, j] = exp(s[b, h, i, j] * 0.125 - most[b, h, i])\n"
      " dp[b, h, i, j] = sum(e) do[b, i, h, e] * a[b, j, 2, h, e]\n"
      " ds[b, h, i, j] = p[b, h, i, j] * (dp[b, h, i, j] - delta[b, h, i]) * 0.125\n"
      " dq[b, h, i, d] = sum(%s) ds[b, h, i, j] * a[b, j, 1, h, d]\n"
      " dk[b, h, j, d] = sum(%s) ds[b, h, i, j] * a[b, i, 0, h, d]\n"
      " dv[b, h, j, e] = sum(%s) p[b, h, i, j] * do[b, i, h, e]\n"
      " store dq[b, h, i, d] -> da[b, i, 0, h, d]\n store dk[b, h, j, d] -> da[b, j, 1, h, d]\n"
      " store dv[b, h, j, e] -> da[b, j, 2, h, e]\n}\n"
      "%s place dp row; place ds row }\n",
      axes(a, c), c->batch, c->tokens, c->heads, c->dim, c->batch, c->heads, c->tokens, c->batch, c->heads,
      c->tokens, c->batch, c->tokens, c->heads, c->dim, j, i, i, plan);
}

static void run(const Case *c, int repeat) {
  Arena *a = arena_new();
  double product = 2.0 * c->batch * c->heads * c->tokens * c->tokens * c->dim;
  Measure m = {.text = c->backward ? backward(a, c) : forward(a, c),
               .flops = product * (c->backward ? 5 : 2),
               .kind = PEAK_F32,
               .threads = c->threads,
               .repeat = repeat,
               .integer = seen};
  m.label = arena_printf(a, "%s %d tokens, %d x %d heads of %d%s, threads %d",
                         c->backward ? "backward" : "forward ", c->tokens, c->batch, c->heads, c->dim,
                         c->masked ? ", masked" : "", c->threads);
  measure(a, &m);
  arena_free(a);
}

int main(int argc, char **argv) {
  int repeat = argc > 2 && !strcmp(argv[1], "--repeat") ? (int)strtol(argv[2], NULL, 10) : 9;
  if (repeat < 1) return 2;
  for (int i = 0; i < 8; i++) {
    Case c = {.backward = i / 2 % 2, .masked = i % 2, .batch = 8, .heads = 12, .tokens = 148, .dim = 64};
    c.threads = i / 4 + 1;
    run(&c, repeat);
  }
  for (int i = 0; i < 2; i++)
    run(&(Case){.backward = i, .batch = 8, .heads = 16, .tokens = 257, .dim = 80, .threads = 2}, repeat);
  for (int i = 0; i < 2; i++)
    run(&(Case){.backward = i, .batch = 2, .heads = 8, .tokens = 1025, .dim = 64, .threads = 2}, repeat);
  return 0;
}
