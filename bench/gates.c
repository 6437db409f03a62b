/* Measures contractions of the model's sizes: gates [--repeat N] [WORD...] runs the cases whose names contain
 * every WORD: bare, fused, dw, dx; f32, bf16; M592; N768; K3072; T2. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/measure.h"

typedef enum Form { BARE, FUSED, DW, DX, FORMS } Form;
static const char *const form_name[FORMS] = {"bare", "fused", "dw", "dx"};

typedef struct Case {
  Form form;
  bool bf16;
  int m, n, k, threads; /* tokens, outputs, inputs of the linear layer */
} Case;

static const char *operand(Arena *a, const Case *c, const char *e) {
  return c->bf16 ? arena_printf(a, "cast(f32, cast(bf16, %s))", e) : e;
}

/* Y = X W^T; dX has W the other way; fused: a norm of X before, bias and GELU after. */
static char *text_of_product(Arena *a, const Case *c) {
  bool fused = c->form == FUSED;
  const char *x = fused ? "(x[m, k] - mu[m]) * rs[m] * ga[k] + be[k]" : "x[m, k]";
  const char *w = c->form == DX ? "w[k, n]" : "w[n, k]";
  int wn = c->form == DX ? c->k : c->n, wk = c->form == DX ? c->n : c->k;
  const char *gelu = fused ? arena_printf(a, " out g[%d, %d] : f32\n", c->m, c->n) : "";
  return arena_printf(a,
                      "compute kernel {\n axis m:%d\n axis n:%d\n axis k:%d\n in x[%d, %d] : f32\n"
                      " in w[%d, %d] : f32\n in mu[%d] : f32\n in rs[%d] : f32\n in ga[%d] : f32\n"
                      " in be[%d] : f32\n in bias[%d] : f32\n out t[%d, %d] : f32\n%s"
                      " p[m, k] = %s\n c[m, n] = sum(k) %s * %s\n u[m, n] = c[m, n]%s\n"
                      " v[m, n] = u[m, n] * 0.5 * (1 + erf(u[m, n] * 0.70710678))\n"
                      " store u[m, n] -> t[m, n]\n%s}\n"
                      "plan kernel cpu dot { role m: m; role n: n; role k: k }\n",
                      c->m, c->n, c->k, c->m, c->k, wn, wk, c->m, c->m, c->k, c->k, c->n, c->m, c->n, gelu, x,
                      operand(a, c, "p[m, k]"), operand(a, c, w), fused ? " + bias[n]" : "",
                      fused ? " store v[m, n] -> g[m, n]\n" : "");
}

/* dW[n, k] = sum over tokens of dY[m, n] X[m, k], with db[n] beside it. */
static char *text_of_gradient(Arena *a, const Case *c) {
  return arena_printf(a,
                      "compute kernel {\n axis o:%d\n axis i:%d\n axis t:%d\n in dy[%d, %d] : f32\n"
                      " in x[%d, %d] : f32\n out dw[%d, %d] : f32\n out db[%d] : f32\n"
                      " w[o, i] = sum(t) %s * %s\n b[o] = sum(t) dy[t, o]\n"
                      " store w[o, i] -> dw[o, i]\n store b[o] -> db[o]\n}\n"
                      "plan kernel cpu dot { role m: o; role n: i; role k: t }\n",
                      c->n, c->k, c->m, c->m, c->n, c->m, c->k, c->n, c->k, c->n, operand(a, c, "dy[t, o]"),
                      operand(a, c, "x[t, i]"));
}

static void run(const Case *c, int repeat) {
  Arena *a = arena_new();
  const char *type = c->bf16 ? "bf16" : "f32 ";
  Measure m = {.text = c->form == DW ? text_of_gradient(a, c) : text_of_product(a, c),
               .flops = 2.0 * c->m * c->n * c->k,
               .kind = c->bf16 ? PEAK_BF16 : PEAK_F32,
               .threads = c->threads,
               .repeat = repeat};
  m.label = arena_printf(a, "%-5s %s M %-4d N %-4d K %-4d threads %d", form_name[c->form], type, c->m, c->n,
                         c->k, c->threads);
  measure(a, &m);
  arena_free(a);
}

static bool wanted(const Case *c, int n, char **word) {
  char name[128];
  snprintf(name, sizeof name, "%s %s M%d N%d K%d T%d ", form_name[c->form], c->bf16 ? "bf16" : "f32", c->m,
           c->n, c->k, c->threads);
  for (int i = 0; i < n; i++) {
    char spaced[64];
    snprintf(spaced, sizeof spaced, "%s ", word[i]);
    if (!strstr(name, spaced)) return false;
  }
  return true;
}

int main(int argc, char **argv) {
  static const int pair[][2] = {{768, 768}, {3072, 768}, {768, 3072}, {2304, 768}, {1024, 1024}};
  int repeat = 9, first = 1;
  if (argc > 2 && !strcmp(argv[1], "--repeat")) {
    repeat = (int)strtol(argv[2], NULL, 10);
    if (repeat < 1) return 2;
    first = 3;
  }
  for (int i = 0; i < FORMS * 2 * 2 * 2 * 5; i++) {
    Case c = {.form = (Form)(i / 40),
              .bf16 = i / 20 % 2,
              .threads = i / 10 % 2 + 1,
              .m = i / 5 % 2 ? 1184 : 592,
              .n = pair[i % 5][0],
              .k = pair[i % 5][1]};
    if (wanted(&c, argc - first, argv + first)) run(&c, repeat);
  }
  return 0;
}
