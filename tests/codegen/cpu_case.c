/* Kernels given as text, run through LLVM in this process. */
#include "tests/codegen/cpu_case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/kernel/kern_walk.h"
#include "tests/suite.h"

static const char *const settings[] = {"lr", "decay"};

float cpu_case_float(void) {
  float u = (float)draw_below(1U << 24) * 0x1p-23F - 1;
  return u * (draw_below(8) ? 2.0F : 0.01F);
}

CpuCase cpu_case_open(const char *text, const char *target, bool red_zones) {
  CpuCase c = {.arena = arena_new(), .target = processor_named(target)};
  KernList *list =
      kern_parse(c.arena, diag_source(c.arena, "case.kern", text, strlen(text)), KPLAN_RULES(&cpu_plans));
  ck_assert_msg(list && list->n == 1, "the kernel does not parse");
  c.k = list->k[0];
  ck_assert(kern_verify(c.k));
  c.module = host_module_new(c.arena, c.target, "case");
  host_module_settings(c.module, settings, 2);
  cpu_add_kernel(c.module, c.k, "case_kernel", red_zones);
  c.fn = (TessKernel *)(uintptr_t)host_module_jit(c.module, "case_kernel");
  ck_assert(c.fn != NULL);
  const KPlan *p = kern_plan_for(c.k, &cpu_plans);
  c.tasks = cpu_tasks(c.k, p);
  c.scratch = aligned_alloc(64, (size_t)(cpu_scratch(c.k, p, c.target) + 127) / 64 * 64);
  c.step = (TessStep){.seed = 7, .step = 11, .micro = 3, .step_f = 11, .micro_f = 3, .total = 100};
  c.step.epoch_steps = 10;
  c.step.setting[0] = 0.25F;
  c.step.setting[1] = 0.125F;
  return c;
}

void cpu_case_close(CpuCase *c) {
  host_module_free(c->module);
  free(c->scratch);
  arena_free(c->arena);
}

void cpu_case_run(CpuCase *c, void **buf, int64_t by) {
  void **arg = cpu_arguments(c->arena, c->k, buf, NULL);
  for (int64_t end = c->tasks; end > 0; end -= by)
    c->fn(arg, &c->step, c->scratch, end > by ? end - by : 0, end);
}

int64_t cpu_case_span(const KBuf *b) {
  int64_t n = 1;
  for (int d = 0; d < b->rank; d++) n += (b->dim[d] - 1) * b->stride[d];
  return n;
}

static void fill(const KBuf *b, void *mem, int64_t i, int64_t bound) {
  double v = bound ? draw_below((uint32_t)bound) : (double)draw_below(100) - 50;
  if (dtype_is_float(b->dtype)) v = (double)cpu_case_float();
  if (b->dtype == DT_U8 && !bound) v += 50;
  if (b->dtype == DT_BOOL) v = draw_below(2);
  dtype_set(b->dtype, mem, i, v);
}

void **cpu_case_buffers(Arena *a, const Kernel *k) {
  void **buf = ARENA_ARRAY(a, k->nbuf, void *);
  int64_t *bound = kern_read_bounds(a, k);
  for (int b = 0; b < k->nbuf; b++) {
    int64_t n = cpu_case_span(&k->buf[b]);
    buf[b] = arena_array(a, (size_t)n, (size_t)dtype_size(k->buf[b].dtype));
    for (int64_t i = 0; i < n; i++) fill(&k->buf[b], buf[b], i, bound[b]);
  }
  return buf;
}

void **cpu_case_copy(Arena *a, const Kernel *k, void *const *buf) {
  void **copy = ARENA_ARRAY(a, k->nbuf, void *);
  for (int b = 0; b < k->nbuf; b++)
    copy[b] = arena_copy(a, buf[b], (size_t)(cpu_case_span(&k->buf[b]) * dtype_size(k->buf[b].dtype)));
  return copy;
}

static double scalar(void *ctx, const char *name) {
  const TessStep *s = ctx;
  if (!strcmp(name, "step")) return (double)s->step_f;
  if (!strcmp(name, "micro")) return (double)s->micro_f;
  if (!strcmp(name, "total")) return (double)s->total;
  if (!strcmp(name, "epoch_steps")) return (double)s->epoch_steps;
  if (!strcmp(name, "constant")) return (double)s->constant;
  return (double)s->setting[!strcmp(name, "decay")];
}

static bool close_to(const KBuf *b, double x, double y, double tolerance) {
  if (isnan(y)) return isnan(x);
  if (!dtype_is_float(b->dtype) || isinf(y)) return x == y;
  return fabs(x - y) <= tolerance * fmax(1, fabs(y));
}

/* An assertion that holds costs a system call, so only what fails is one. */
static void compare(const CpuCase *c, void *const *got, void *const *want, double tolerance) {
  for (int b = 0; b < c->k->nbuf; b++) {
    const KBuf *kb = &c->k->buf[b];
    for (int64_t i = 0; i < cpu_case_span(kb); i++) {
      double x = dtype_get(kb->dtype, got[b], i), y = dtype_get(kb->dtype, want[b], i);
      if (!close_to(kb, x, y, tolerance))
        ck_abort_msg("%s, %s: %s[%lld] is %.9g, not %.9g", c->k->name, c->target->name, kb->name,
                     (long long)i, x, y);
    }
  }
}

static bool same_bits(const Kernel *k, void *const *x, void *const *y) {
  for (int b = 0; b < k->nbuf; b++) {
    size_t bytes = (size_t)(cpu_case_span(&k->buf[b]) * dtype_size(k->buf[b].dtype));
    if (memcmp(x[b], y[b], bytes) != 0) return false;
  }
  return true;
}

static void check_on(const char *text, const char *target, bool red_zones, double tolerance) {
  CpuCase c = cpu_case_open(text, target, red_zones);
  void **buf = cpu_case_buffers(c.arena, c.k);
  void **one = cpu_case_copy(c.arena, c.k, buf), **many = cpu_case_copy(c.arena, c.k, buf);
  cpu_case_run(&c, one, c.tasks);
  cpu_case_run(&c, many, 1);
  ck_assert_msg(same_bits(c.k, one, many), "%s: tasks reach the bits", c.k->name);
  KStepEnv env = {c.step.seed, c.step.step, c.step.micro, scalar, &c.step, NULL};
  kern_interp(c.k, buf, &env, false);
  compare(&c, one, buf, tolerance);
  cpu_case_close(&c);
}

void cpu_case_check(const char *text, double tolerance) {
  const Processor *native = processor_named("native");
  ck_assert_ptr_nonnull(native);
  check_on(text, native->name, false, tolerance);
  check_on(text, native->name, true, tolerance);
  if (native->lanes > 8) check_on(text, "x86-64-v3", false, tolerance);
}

void cpu_case_check_sizes(const char *text, const int *size, int n, double tolerance) {
  for (int i = 0; i < n; i++) {
    char *out = malloc(strlen(text) * 12 + 1), *to = out;
    for (const char *p = text; *p; p++) {
      if (*p == '$')
        to += sprintf(to, "%d", size[i]);
      else
        *to++ = *p;
    }
    *to = 0;
    cpu_case_check(out, tolerance);
    free(out);
  }
}
