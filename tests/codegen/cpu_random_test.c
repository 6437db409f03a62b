/* Flat and row kernels drawn at random, through LLVM against the interpreter: any shape, layout, index
 * expression, role and place that the verifier allows. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/codegen/cpu_case.h"
#include "tests/suite.h"

enum { MOST_AXES = 4, TEXT = 1 << 14 };

typedef struct Gen {
  char text[TEXT];
  size_t at;
  int naxes, extent[MOST_AXES], nin;
  char reads[TEXT]; /* the expression so far */
} Gen;

static int draw(int n) {
  return (int)draw_below((uint32_t)n);
}

__attribute__((format(printf, 2, 3))) static void add(Gen *g, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  g->at += (size_t)vsnprintf(g->text + g->at, TEXT - g->at, fmt, ap);
  va_end(ap);
  ck_assert_uint_lt(g->at, TEXT);
}

static void open_kernel(Gen *g, int naxes) {
  static const int extents[] = {1, 2, 3, 4, 5, 8, 13, 16, 17, 33, 64, 70};
  *g = (Gen){.naxes = naxes};
  add(g, "compute f { axis");
  for (int i = 0, points = 1; i < naxes; i++) {
    do g->extent[i] = extents[draw((int)(sizeof extents / sizeof *extents))];
    while (points * g->extent[i] > 20000);
    points *= g->extent[i];
    add(g, " a%d:%d", i, g->extent[i]);
  }
  add(g, "\n");
}

static void shuffle(int *v, int n) {
  for (int i = n - 1; i > 0; i--) {
    int j = draw(i + 1), t = v[i];
    v[i] = v[j];
    v[j] = t;
  }
}

/* One index over axis a (or a and another), below *dim. */
static void draw_index(Gen *g, int a, char *out, size_t size, int *dim) {
  int e = g->extent[a], b = draw(g->naxes), eb = g->extent[b];
  *dim = e;
  switch (draw(7)) {
  case 0: snprintf(out, size, "%d - a%d", e - 1, a); return;
  case 1: snprintf(out, size, "(a%d * %d + a%d) / 2", a, eb, b), *dim = (e - 1) * eb + eb; return;
  case 2: snprintf(out, size, "(a%d + a%d) %% %d", a, b, e); return;
  case 3: snprintf(out, size, "a%d * %d + a%d", a, eb, b), *dim = (e - 1) * eb + eb; return;
  default: snprintf(out, size, "a%d", a); return;
  }
}

static const char *draw_type(void) {
  static const char *const types[] = {"f32", "f32", "f32", "bf16", "f16", "u8", "i32", "bool"};
  return types[draw(8)];
}

static void add_strides(Gen *g, const int *dim, int n) {
  if (n <= 0 || draw(3)) return;
  char part[MOST_AXES][32];
  int step = 1 + draw(2);
  for (int i = n - 1; i >= 0; i--) {
    snprintf(part[i], sizeof part[i], "%d", step);
    step = step * dim[i] + draw(4);
  }
  add(g, " strides [");
  for (int i = 0; i < n; i++) add(g, "%s%s", i ? ", " : "", part[i]);
  add(g, "]");
}

/* Declares an input over some of the axes and returns the text of a read of it as f32. */
static void add_input(Gen *g, char *read, size_t size) {
  int axis[MOST_AXES], n = 0, dim[MOST_AXES];
  char idx[MOST_AXES][64];
  for (int i = 0; i < g->naxes; i++)
    if (draw(4)) axis[n++] = i;
  if (!n) axis[n++] = draw(g->naxes);
  if (draw(2)) shuffle(axis, n);
  const char *type = draw_type();
  int id = g->nin++;
  for (int i = 0; i < n; i++) draw_index(g, axis[i], idx[i], sizeof idx[i], &dim[i]);
  add(g, " in x%d[", id);
  for (int i = 0; i < n; i++) add(g, "%s%d", i ? ", " : "", dim[i]);
  add(g, "] : %s", type);
  add_strides(g, dim, n);
  add(g, "\n");
  size_t at = (size_t)snprintf(read, size, "%sx%d[", strcmp(type, "f32") ? "(0.02 * cast(f32, " : "", id);
  for (int i = 0; i < n; i++) at += (size_t)snprintf(read + at, size - at, "%s%s", i ? ", " : "", idx[i]);
  snprintf(read + at, size - at, "]%s", strcmp(type, "f32") ? "))" : "");
}

/* A read that may lie outside, taken only inside. */
static void add_guarded(Gen *g, char *read, size_t size) {
  int a = draw(g->naxes), dim = 1 + draw(g->extent[a]), by = draw(3), id = g->nin++;
  add(g, " in x%d[%d] : f32\n", id, dim);
  snprintf(read, size, "select(i32(%d) <= index(i32, a%d) and index(i32, a%d) < i32(%d), x%d[a%d - %d], 0.5)",
           by, a, a, dim + by, id, a, by);
}

static void add_gathered(Gen *g, char *read, size_t size) {
  int a = draw(g->naxes), b = draw(g->naxes), id = g->nin;
  g->nin += 2;
  add(g, " in x%d[%d] : i32 below 9\n in x%d[9, %d] : f32\n", id, g->extent[a], id + 1, g->extent[b]);
  snprintf(read, size, "x%d[x%d[a%d], a%d]", id + 1, id, a, b);
}

static void draw_expr(Gen *g) {
  int n = 1 + draw(4);
  for (int i = 0; i < n; i++) {
    static const char *const ops[] = {" + ", " * 0.25 + ", " - 0.5 * "};
    char read[512];
    int kind = draw(6);
    if (kind == 0)
      add_guarded(g, read, sizeof read);
    else if (kind == 1)
      add_gathered(g, read, sizeof read);
    else
      add_input(g, read, sizeof read);
    size_t at = strlen(g->reads);
    snprintf(g->reads + at, TEXT - at, "%s%s", i ? ops[draw(3)] : "", read);
  }
}

static void list_axes(Gen *g, const int *axis, int n, const char *sep) {
  for (int i = 0; i < n; i++) add(g, "%sa%d", i ? sep : "", axis[i]);
}

/* Declares an output over these axes in a drawn order and says later how it is stored. */
static void add_output(Gen *g, const char *name, int *axis, int n) {
  int dim[MOST_AXES];
  if (draw(2)) shuffle(axis, n);
  add(g, " out %s[", name);
  for (int i = 0; i < n; i++) add(g, "%s%d", i ? ", " : "", dim[i] = g->extent[axis[i]]);
  add(g, "] : f32");
  add_strides(g, dim, n);
  add(g, "\n");
}

static void add_store(Gen *g, const char *val, const int *own, const char *name, const int *axis, int n) {
  add(g, " store %s[", val);
  list_axes(g, own, n, ", ");
  add(g, "] -> %s[", name);
  list_axes(g, axis, n, ", ");
  add(g, "]\n");
}

START_TEST(flat) {
  Gen g;
  draw_from(suite_seed() + (uint64_t)_i);
  open_kernel(&g, 1 + draw(MOST_AXES));
  int own[MOST_AXES] = {0, 1, 2, 3}, axis[MOST_AXES] = {0, 1, 2, 3};
  if (draw(2)) shuffle(own, g.naxes);
  draw_expr(&g);
  add_output(&g, "y", axis, g.naxes);
  add(&g, " v[");
  list_axes(&g, own, g.naxes, ", ");
  add(&g, "] = %s\n", g.reads);
  add_store(&g, "v", own, "y", axis, g.naxes);
  add(&g, "}\nplan f cpu flat {");
  if (draw(2)) add(&g, " role lane: a%d;", draw(g.naxes));
  if (draw(2)) add(&g, " num tasks %d;", 1 + draw(20));
  add(&g, " }\n");
  cpu_case_check(g.text, 1e-6);
}
END_TEST

static int count(const Gen *g, const int *axis, int n) {
  int points = 1;
  for (int i = 0; i < n; i++) points *= g->extent[axis[i]];
  return points;
}

/* A reduction, a centred map of it, a second reduction, and stores of all. The interpreter adds up to 20,000
 * terms one after another, hence the tolerance. */
START_TEST(rows) {
  Gen g;
  draw_from(suite_seed() + (uint64_t)_i);
  open_kernel(&g, 1 + draw(MOST_AXES));
  int all[MOST_AXES] = {0, 1, 2, 3}, n = draw(g.naxes), y[MOST_AXES], z[MOST_AXES];
  shuffle(all, g.naxes);
  const int *row = all + n;
  int nrow = g.naxes - n;
  memcpy(y, all, sizeof y);
  memcpy(z, all, sizeof z);
  draw_expr(&g);
  add_output(&g, "y", y, g.naxes);
  add_output(&g, "z", z, n);
  add(&g, " e[");
  list_axes(&g, all, g.naxes, ", ");
  add(&g, "] = %s\n s[", g.reads);
  list_axes(&g, all, n, ", ");
  add(&g, "] = %s(", draw(3) ? "sum" : "max");
  list_axes(&g, row, nrow, ", ");
  add(&g, ") e[");
  list_axes(&g, all, g.naxes, ", ");
  add(&g, "]\n c[");
  list_axes(&g, all, g.naxes, ", ");
  add(&g, "] = e[");
  list_axes(&g, all, g.naxes, ", ");
  add(&g, "] - s[");
  list_axes(&g, all, n, ", ");
  add(&g, "] / %d\n q[", count(&g, row, nrow));
  list_axes(&g, all, n, ", ");
  add(&g, "] = max(");
  list_axes(&g, row, nrow, ", ");
  add(&g, ") c[");
  list_axes(&g, all, g.naxes, ", ");
  add(&g, "]\n v[");
  list_axes(&g, all, g.naxes, ", ");
  add(&g, "] = c[");
  list_axes(&g, all, g.naxes, ", ");
  add(&g, "] + q[");
  list_axes(&g, all, n, ", ");
  add(&g, "]\n");
  add_store(&g, "v", all, "y", y, g.naxes);
  add_store(&g, "q", all, "z", z, n);
  add(&g, "}\nplan f cpu rows { role row: ");
  list_axes(&g, row, nrow, ", ");
  if (n) add(&g, "; role outer: ");
  list_axes(&g, all, n, ", ");
  if (draw(2)) add(&g, "; role lane: a%d", draw(g.naxes));
  if (draw(2)) add(&g, "; place e row");
  if (draw(2)) add(&g, "; place c row");
  if (draw(2)) add(&g, "; num tasks %d", 1 + draw(20));
  add(&g, " }\n");
  /* The interpreter adds up to 20,000 f32 terms one by one, which may be off by 20,000 times 2^-24 of their
   * absolute sum: 1.03e-4 of max(1, |y|) was seen once in some thousand kernels, 1.7e-5 at most otherwise. */
  cpu_case_check(g.text, 1e-3);
}
END_TEST

SUITE("cpu_random") {
  tcase_add_loop_test(t, flat, 0, 60);
  tcase_add_loop_test(t, rows, 0, 60);
}
