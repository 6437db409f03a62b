/* Contractions through LLVM against the interpreter: random roles, layouts, prologues and epilogues; equal
 * bits however the tasks are shared out; no spills in the micro-kernels. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "abi/program.h"
#include "codegen/cpu/cpu.h"
#include "tests/suite.h"

enum { MAX_BUFS = 16 };

static int draw(int n) {
  return (int)draw_below((uint32_t)n);
}

/* A list of axes; a buffer's shape is one. */
typedef struct Axes {
  int n, id[KERN_MAX_DOMAIN];
} Axes;

static Axes join(Axes a, Axes b) {
  for (int i = 0; i < b.n; i++) a.id[a.n++] = b.id[i];
  return a;
}

static Axes shuffled(Axes a) {
  for (int i = a.n - 1; i > 0; i--) {
    int j = draw(i + 1), t = a.id[i];
    a.id[i] = a.id[j];
    a.id[j] = t;
  }
  return a;
}

/* A kernel being drawn. */
typedef struct Gen {
  Kernel *k;
  Axes batch, m, n, kk;
  bool bf16;
  int inout; /* a buffer that the result is added to, over these axes; or -1 */
  Axes inout_shape;
} Gen;

static Axes some_axes(Gen *g, const char *name, int least, int most, int largest) {
  Axes a = {.n = least + draw(most - least + 1)};
  for (int i = 0; i < a.n; i++) {
    int extent = a.n == 1      ? 1 + draw(largest)
                 : i + 1 < a.n ? 1 + draw(4)
                 : draw(3)     ? 1 + draw(largest / 3)
                               : 16;
    a.id[i] = kern_axis(g->k, arena_printf(g->k->arena, "%s%d", name, i), extent);
  }
  return a;
}

static const Ix *const *indices(Gen *g, Axes a) {
  const Ix **idx = ARENA_ARRAY(g->k->arena, a.n + 1, const Ix *);
  for (int i = 0; i < a.n; i++) idx[i] = ix_axis(g->k->arena, a.id[i], g->k->axis[a.id[i]].extent);
  return idx;
}

/* A buffer over the axes, with gaps between its rows now and then. */
static int buffer(Gen *g, const char *name, KBufKind kind, DType t, Axes a) {
  int64_t dim[MAX_RANK], stride[MAX_RANK], step = 1;
  for (int i = a.n - 1; i >= 0; i--) {
    dim[i] = g->k->axis[a.id[i]].extent;
    stride[i] = step;
    step *= dim[i] + (draw(4) ? 0 : draw(5));
  }
  return kern_buf(g->k, name, kind, t, a.n, dim, stride);
}

static const KExpr *read(Gen *g, int buf, Axes a) {
  return kexpr_read(g->k, buf, indices(g, a));
}

static const KExpr *value(Gen *g, int val, Axes a) {
  return kexpr_value(g->k, val, indices(g, a));
}

static int define(Gen *g, const char *name, Axes a, const KExpr *e) {
  return kern_val(g->k, name, e->dtype, a.n, a.id, KR_NONE, 0, NULL, e);
}

/* A factor over batch, rows and k: a read in any layout, often with arithmetic on top. */
static const KExpr *factor(Gen *g, const char *name, Axes rows) {
  Arena *a = g->k->arena;
  Axes all = join(join(g->batch, rows), g->kk), shape = shuffled(all);
  bool stored = g->bf16 && draw(2);
  const KExpr *e = read(g, buffer(g, name, KB_IN, stored ? DT_BF16 : DT_F32, shape), shape);
  if (stored) e = kexpr_cast(a, DT_F32, e);
  if (draw(2) && !g->bf16) {
    const char *vector = arena_printf(a, "%s_scale", name), *row = arena_printf(a, "%s_shift", name);
    e = kexpr_elt(a, E_MUL, e, read(g, buffer(g, vector, KB_IN, DT_F32, g->kk), g->kk), NULL);
    e = kexpr_elt(a, E_SUB, e, read(g, buffer(g, row, KB_IN, DT_F32, rows), rows), NULL);
    if (draw(2)) e = kexpr_elt(a, E_EXP, kexpr_elt(a, E_MIN, e, kexpr_const(a, DT_F32, 0), NULL), NULL, NULL);
  }
  if (draw(2)) e = value(g, define(g, arena_printf(a, "%s_value", name), all, e), all);
  return g->bf16 ? kexpr_cast(a, DT_F32, kexpr_cast(a, DT_BF16, e)) : e;
}

/* The reduction over k, now and then bounded by a constant or by the row. */
static int reductions(Gen *g, KRed *red) {
  Arena *a = g->k->arena;
  for (int i = 0; i < g->kk.n; i++) red[i] = (KRed){g->kk.id[i], NULL, NULL};
  int64_t extent = g->k->axis[red[0].axis].extent, rows = g->k->axis[g->m.id[0]].extent;
  switch (draw(6)) {
  case 0: red[0].lo = ix_const(a, extent / 3); break;
  case 1:
    if (rows <= extent) red[0].hi = ix_add(a, ix_axis(a, g->m.id[0], rows), ix_const(a, 1));
    break;
  default: break;
  }
  return g->kk.n;
}

static void store(Gen *g, int val, Axes domain, const char *name, KBufKind kind) {
  Axes shape = draw(3) ? domain : shuffled(domain);
  DType t = kind == KB_INOUT || draw(5) ? DT_F32 : DT_BF16;
  int buf = buffer(g, name, kind, t, shape);
  if (t == DT_BF16) {
    const KExpr *cast = kexpr_cast(g->k->arena, t, value(g, val, domain));
    val = define(g, arena_printf(g->k->arena, "%s_cast", name), domain, cast);
  }
  if (kind == KB_INOUT) {
    const KExpr *sum = kexpr_elt(g->k->arena, E_ADD, read(g, buf, shape), value(g, val, domain), NULL);
    if (domain.n > g->batch.n + g->m.n) g->inout = buf, g->inout_shape = shape;
    val = define(g, arena_printf(g->k->arena, "%s_new", name), domain, sum);
  }
  kern_store(g->k, val, buf, indices(g, shape));
}

/* Bias, a nonlinear function, a residual in another layout. */
static int epilogue(Gen *g, int val, Axes domain) {
  Arena *a = g->k->arena;
  const KExpr *e = value(g, val, domain);
  if (draw(2)) e = kexpr_elt(a, E_ADD, e, read(g, buffer(g, "bias", KB_IN, DT_F32, g->n), g->n), NULL);
  int u = define(g, "u", domain, e);
  if (draw(2)) store(g, u, domain, "u_out", KB_OUT);
  e = kexpr_elt(a, E_TANH, value(g, u, domain), NULL, NULL);
  Axes shape = shuffled(domain);
  if (draw(2)) e = kexpr_elt(a, E_ADD, e, read(g, buffer(g, "residual", KB_IN, DT_F32, shape), shape), NULL);
  if (g->inout >= 0 && draw(2)) e = kexpr_elt(a, E_MUL, e, read(g, g->inout, g->inout_shape), NULL);
  return define(g, "v", domain, e);
}

static void side_sum(Gen *g, const KExpr *a) {
  KRed red[KERN_MAX_DOMAIN];
  Axes domain = join(g->batch, g->m);
  for (int i = 0; i < g->kk.n; i++) red[i] = (KRed){g->kk.id[i], NULL, NULL};
  int r = kern_val(g->k, "r", DT_F32, domain.n, domain.id, KR_SUM, g->kk.n, red, a);
  store(g, r, domain, "r_out", draw(2) ? KB_OUT : KB_INOUT);
}

static void plan(Gen *g) {
  KPlan *p = kern_plan(g->k, &cpu_plans, SK_DOT);
  kplan_role(p, ROLE_BATCH, g->batch.n, g->batch.id);
  kplan_role(p, ROLE_M, g->m.n, g->m.id);
  kplan_role(p, ROLE_N, g->n.n, g->n.id);
  kplan_role(p, ROLE_K, g->kk.n, g->kk.id);
  if (!draw(3)) kplan_num(p, CPU_KC, 16 + draw(40));
  if (!draw(4)) kplan_num(p, CPU_MR, 1 + draw(14));
  if (!draw(4)) kplan_num(p, CPU_NR, 16 * (1 + draw(3)));
}

static Kernel *draw_kernel(Arena *a, bool bf16) {
  Gen g = {.k = kern_new(a, "kernel", (Loc){0}), .bf16 = bf16, .inout = -1};
  g.batch = some_axes(&g, "b", 0, 2, 4);
  g.m = some_axes(&g, "m", draw(8) ? 1 : 0, 2, draw(8) ? 40 : 300);
  if (g.m.n == 0) g.m = (Axes){1, {kern_axis(g.k, "one", 1)}};
  g.n = some_axes(&g, "n", 1, 2, 90);
  g.kk = some_axes(&g, "k", 1, 2, draw(8) ? 60 : 400);
  const KExpr *x = factor(&g, "x", g.m), *y = factor(&g, "y", g.n);
  KRed red[KERN_MAX_DOMAIN] = {0};
  int nred = reductions(&g, red);
  Axes domain = join(join(g.batch, g.m), g.n);
  bool turned = draw(2);
  const KExpr *product = kexpr_elt(a, E_MUL, turned ? y : x, turned ? x : y, NULL);
  int t = kern_val(g.k, "t", DT_F32, domain.n, domain.id, KR_SUM, nred, red, product);
  if (draw(3)) store(&g, t, domain, "t_out", draw(3) ? KB_OUT : KB_INOUT);
  if (draw(2) || g.k->nstore == 0) store(&g, epilogue(&g, t, domain), domain, "v_out", KB_OUT);
  if (draw(2)) side_sum(&g, x);
  plan(&g);
  return g.k;
}

/* Memory of the buffers, in their types and as doubles. */
typedef struct Memory {
  int64_t count[MAX_BUFS];
  void *raw[MAX_BUFS];
  void *wide[MAX_BUFS];
} Memory;

/* Random values that bf16 holds exactly, so that casts to it change nothing. */
static Memory fill(const Kernel *k) {
  Memory mem;
  for (int b = 0; b < k->nbuf; b++) {
    const KBuf *kb = &k->buf[b];
    int64_t n = 1;
    for (int i = 0; i < kb->rank; i++) n += kb->stride[i] * (kb->dim[i] - 1);
    mem.count[b] = n;
    mem.raw[b] = calloc((size_t)n, 4);
    double *wide = calloc((size_t)n, 8);
    mem.wide[b] = wide;
    for (int64_t i = 0; i < n; i++) {
      dtype_set(kb->dtype, mem.raw[b], i, dtype_round(DT_BF16, (float)(draw(2001) - 1000) / 1000));
      wide[i] = dtype_get(kb->dtype, mem.raw[b], i);
    }
  }
  return mem;
}

static Memory copy(const Kernel *k, const Memory *from) {
  Memory to = *from;
  for (int b = 0; b < k->nbuf; b++) {
    size_t bytes = (size_t)from->count[b] * 4;
    to.raw[b] = malloc(bytes);
    memcpy(to.raw[b], from->raw[b], bytes);
    to.wide[b] = NULL;
  }
  return to;
}

static void discard(const Kernel *k, Memory *mem) {
  for (int b = 0; b < k->nbuf; b++) {
    free(mem->raw[b]);
    free(mem->wide[b]);
  }
}

/* Runs the kernel with its tasks shared out between `threads`, each with scratch full of NaNs. */
static void run(TessKernel *fn, const Kernel *k, const Processor *target, Memory *mem, int threads) {
  const KPlan *p = kern_plan_for(k, &cpu_plans);
  int64_t tasks = cpu_tasks(k, p), bytes = (cpu_scratch(k, p, target) + 63) / 64 * 64 + 64;
  TessStep step = {0};
  for (int t = 0; t < threads; t++) {
    char *scratch = aligned_alloc(64, (size_t)bytes);
    ck_assert_ptr_nonnull(scratch);
    memset(scratch, 0xff, (size_t)bytes);
    fn(mem->raw, &step, scratch, tasks * t / threads, tasks * (t + 1) / threads);
    free(scratch);
  }
}

static void compare(const Kernel *k, const Memory *got, const Memory *want, uint64_t seed) {
  for (int b = 0; b < k->nbuf; b++) {
    if (k->buf[b].kind == KB_IN) continue;
    /* Of sums of up to 400 f32 terms, 6e-6 off at most in some hundred kernels; of bf16, two of its 8 bits'
     * units.
     */
    double tolerance = k->buf[b].dtype == DT_F32 ? 5e-5 : 1e-2;
    for (int64_t i = 0; i < want->count[b]; i++) {
      double w = ((double *)want->wide[b])[i], v = dtype_get(k->buf[b].dtype, got->raw[b], i);
      if (fabs(v - w) <= tolerance * fmax(1, fabs(w))) continue;
      Arena *a = arena_new();
      ck_abort_msg("seed %" PRIu64 ": %s[%lld] is %g, expected %g in\n%s", seed, k->buf[b].name, (long long)i,
                   v, w, kern_print(a, k));
    }
  }
}

static void check_kernel(int number, const char *target_name, bool bf16) {
  const Processor *target = processor_named(target_name);
  if (!target) return;
  uint64_t seed = suite_seed() + (uint64_t)number;
  draw_from(seed);
  Arena *a = arena_new();
  Kernel *k = draw_kernel(a, bf16);
  if (!kern_verify(k)) ck_abort_msg("seed %" PRIu64 " does not verify:\n%s", seed, kern_print(a, k));
  HostModule *m = host_module_new(a, target, "test");
  cpu_add_kernel(m, k, "kernel", number % 2);
  TessKernel *fn = (TessKernel *)(uintptr_t)host_module_jit(m, "kernel");
  ck_assert(fn != NULL);
  Memory want = fill(k), one = copy(k, &want);
  run(fn, k, target, &one, 1);
  for (int threads = 2; threads <= 3; threads++) {
    Memory split = copy(k, &want);
    run(fn, k, target, &split, threads);
    for (int b = 0; b < k->nbuf; b++) ck_assert_mem_eq(one.raw[b], split.raw[b], (size_t)one.count[b] * 4);
    discard(k, &split);
  }
  kern_interp(k, want.wide, &(KStepEnv){0}, true);
  compare(k, &one, &want, seed);
  discard(k, &one);
  discard(k, &want);
  host_module_free(m);
  arena_free(a);
}

START_TEST(contracts_f32) {
  check_kernel(_i, "native", false);
}
END_TEST

START_TEST(contracts_bf16) {
  check_kernel(_i, "native", true);
}
END_TEST

START_TEST(contracts_avx2) {
  check_kernel(_i, "x86-64-v3", _i % 4 == 0);
}
END_TEST

/* Lines of function `name` in the assembly that move a vector register to or from the stack; -1: no such. */
static int spills(const char *text, const char *name) {
  const char *at = strstr(text, name), *end = at ? strstr(at, ".Lfunc_end") : NULL;
  int n = 0, loops = 0;
  if (!end) return -1;
  for (const char *line = at; line && line < end; line = strchr(line, '\n')) {
    char one[256];
    line++;
    snprintf(one, sizeof one, "%.*s", (int)strcspn(line, "\n"), line);
    bool vector = strstr(one, "%zmm") || strstr(one, "%ymm");
    n += vector && (strstr(one, "(%rsp)") || strstr(one, "(%rbp)"));
    loops += vector;
  }
  ck_assert_int_gt(loops, 0);
  return n;
}

START_TEST(does_not_spill) {
  static const char *const targets[] = {"znver4", "znver5", "sapphirerapids", "skylake-avx512", "x86-64-v3"};
  static const char *const tiles[] = {"\nkernel.tile14x32.", "\nkernel.tile14x32.", "\nkernel.tile14x32.",
                                      "\nkernel.tile14x32.", "\nkernel.tile6x16."};
  bool bf16 = _i % 2;
  Arena *a = arena_new();
  char *text = arena_printf(a,
                            "compute kernel {\n axis m:593 n:768 k:768\n in x[593, 768] : f32\n"
                            " in w[768, 768] : f32\n out t[593, 768] : f32\n"
                            " c[m, n] = sum(k) cast(f32, cast(%s, x[m, k])) * cast(f32, cast(%s, w[n, k]))\n"
                            " store c[m, n] -> t[m, n]\n}\n"
                            "plan kernel cpu dot { role m: m; role n: n; role k: k }\n",
                            bf16 ? "bf16" : "f32", bf16 ? "bf16" : "f32");
  KernList *list = kern_parse(a, diag_source(a, "spills", text, strlen(text)), KPLAN_RULES(&cpu_plans));
  ck_assert_ptr_nonnull(list);
  HostModule *m = host_module_new(a, processor_named(targets[_i / 2]), "test");
  cpu_add_kernel(m, list->k[0], "kernel", false);
  ck_assert_int_eq(spills(host_module_asm(m), tiles[_i / 2]), 0);
  host_module_free(m);
  arena_free(a);
}
END_TEST

/* Tasks of a contraction of that shape. */
static int tasks_of(int m, int n, int k) {
  Arena *a = arena_new();
  char *text =
      arena_printf(a,
                   "compute kernel {\n axis m:%d n:%d k:%d\n in x[%d, %d] : f32\n in w[%d, %d] : f32\n"
                   " out t[%d, %d] : f32\n c[m, n] = sum(k) x[m, k] * w[n, k]\n"
                   " store c[m, n] -> t[m, n]\n}\nplan kernel cpu dot { role m: m; role n: n; role k: k }",
                   m, n, k, m, k, n, k, m, n);
  KernList *list = kern_parse(a, diag_source(a, "tasks", text, strlen(text)), KPLAN_RULES(&cpu_plans));
  ck_assert_ptr_nonnull(list);
  int tasks = (int)cpu_tasks(list->k[0], kern_plan_for(list->k[0], &cpu_plans));
  arena_free(a);
  return tasks;
}

START_TEST(shares_evenly) {
  static const int shape[][3] = {
      {592, 768, 768}, {1184, 3072, 768}, {768, 768, 592}, {3072, 768, 592}, {13 * 128, 128, 128}};
  for (size_t i = 0; i < sizeof shape / sizeof *shape; i++) {
    int tasks = tasks_of(shape[i][0], shape[i][1], shape[i][2]);
    ck_assert_int_ge(tasks, 8);
    ck_assert_int_eq(tasks % 2, 0);
  }
  ck_assert_int_eq(tasks_of(13, 10, 13), 1);
}
END_TEST

SUITE("cpu_dot") {
  tcase_add_loop_test(t, contracts_f32, 0, 60);
  tcase_add_loop_test(t, contracts_bf16, 0, 40);
  tcase_add_loop_test(t, contracts_avx2, 0, 20);
  tcase_add_loop_test(t, does_not_spill, 0, 10);
  tcase_add_test(t, shares_evenly);
}
