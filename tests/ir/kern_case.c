/* A kernel read from a text, with memory for its buffers. */
#include "tests/ir/kern_case.h"

#include <math.h>
#include <string.h>

#include "codegen/cpu/cpu.h"
#include "codegen/cuda/cuda.h"
#include "tests/suite.h"

static Kernel *parse_one(Arena *a, const Source *src, const char *name) {
  KernList *list = kern_parse(a, src, KPLAN_RULES(&cpu_plans, &cuda_plans));
  ck_assert_msg(list != NULL, "%s does not parse", src->path);
  for (int i = 0; i < list->n; i++)
    if (!strcmp(list->k[i]->name, name)) return list->k[i];
  ck_abort_msg("%s has no kernel %s", src->path, name);
}

static void check_round_trip(Arena *a, const Kernel *k) {
  char *text = kern_print(a, k);
  const Kernel *again = parse_one(a, diag_source(a, "printed", text, strlen(text)), k->name);
  ck_assert_str_eq(kern_print(a, again), text);
  ck_assert_str_eq(kern_canonical(a, again), kern_canonical(a, k));
  ck_assert(kern_verify(again));
}

int64_t kcase_count(const KCase *c, int buf) {
  int64_t reach = 0;
  const KBuf *b = &c->k->buf[buf];
  for (int i = 0; i < b->rank; i++) reach += (b->dim[i] - 1) * b->stride[i];
  return reach + 1;
}

static bool is_float(const KCase *c, int buf) {
  return dtype_is_float(c->k->buf[buf].dtype);
}

static KCase *open_case(Arena *a, const Source *src, const char *name) {
  KCase *c = ARENA_NEW(a, KCase);
  c->arena = a;
  c->k = parse_one(a, src, name);
  ck_assert_msg(kern_verify(c->k), "%s does not verify", name);
  check_round_trip(a, c->k);
  c->mem = ARENA_ARRAY(a, c->k->nbuf, void *);
  for (int b = 0; b < c->k->nbuf; b++) {
    int64_t n = kcase_count(c, b);
    c->mem[b] = ARENA_ARRAY(a, n, double);
    for (int64_t i = 0; is_float(c, b) && i < n; i++)
      ((double *)c->mem[b])[i] = dtype_round(c->k->buf[b].dtype, (float)draw_real(-1, 1));
  }
  return c;
}

KCase *kcase_file(const char *path, const char *name) {
  Arena *a = arena_new();
  Source *src = diag_read(a, arena_printf(a, "%s/%s", TESTS_DIR, path));
  ck_assert(src != NULL);
  return open_case(a, src, name);
}

KCase *kcase_text(const char *text, const char *name) {
  Arena *a = arena_new();
  return open_case(a, diag_source(a, "text", text, strlen(text)), name);
}

void kcase_free(KCase *c) {
  arena_free(c->arena);
}

int kcase_buf(const KCase *c, const char *name) {
  for (int i = 0; i < c->k->nbuf; i++)
    if (!strcmp(c->k->buf[i].name, name)) return i;
  ck_abort_msg("no buffer %s", name);
}

double *kcase_floats(KCase *c, const char *buf) {
  return c->mem[kcase_buf(c, buf)];
}

int32_t *kcase_ints(KCase *c, const char *buf) {
  return c->mem[kcase_buf(c, buf)];
}

uint8_t *kcase_bytes(KCase *c, const char *buf) {
  return c->mem[kcase_buf(c, buf)];
}

/* Floats that their type holds exactly, as bits of that type. */
static void *narrow(KCase *c, int buf) {
  int64_t n = kcase_count(c, buf);
  DType t = c->k->buf[buf].dtype;
  if (!is_float(c, buf)) return arena_copy(c->arena, c->mem[buf], (size_t)n * sizeof(double));
  float *f = ARENA_ARRAY(c->arena, n, float);
  uint16_t *h = ARENA_ARRAY(c->arena, n, uint16_t);
  for (int64_t i = 0; i < n; i++) {
    uint32_t bits;
    f[i] = (float)((double *)c->mem[buf])[i];
    memcpy(&bits, &f[i], sizeof bits);
    h[i] = (uint16_t)(bits >> 16);
  }
  ck_assert(t == DT_F32 || t == DT_BF16);
  return t == DT_F32 ? (void *)f : h;
}

static double widened(DType t, const void *mem, int64_t i) {
  float f;
  uint32_t bits;
  if (t == DT_F32) return ((const float *)mem)[i];
  bits = (uint32_t)((const uint16_t *)mem)[i] << 16;
  memcpy(&f, &bits, sizeof f);
  return f;
}

static void compare(const char *name, int64_t n, const double *found, const double *want, double least,
                    double tolerance) {
  double size = least;
  for (int64_t i = 0; i < n; i++) size = fmax(size, fabs(want[i]));
  for (int64_t i = 0; i < n; i++)
    ck_assert_msg(fabs(found[i] - want[i]) <= tolerance * size, "%s[%lld] is %.9g, expected %.9g", name,
                  (long long)i, found[i], want[i]);
}

void kcase_run(KCase *c, double tolerance) {
  int n = c->k->nbuf;
  void **own = ARENA_ARRAY(c->arena, n, void *);
  for (int b = 0; b < n; b++) own[b] = narrow(c, b);
  kern_interp(c->k, own, &c->env, false);
  kern_interp(c->k, c->mem, &c->env, true);
  for (int b = 0; b < n; b++) {
    if (c->k->buf[b].kind == KB_IN || !is_float(c, b)) continue;
    double *f = ARENA_ARRAY(c->arena, kcase_count(c, b), double);
    for (int64_t i = 0; i < kcase_count(c, b); i++) f[i] = widened(c->k->buf[b].dtype, own[b], i);
    bool coarse = c->k->buf[b].dtype == DT_BF16; /* 8 bits: half a unit of a number from 1 to 2 is 2^-8 */
    compare(c->k->buf[b].name, kcase_count(c, b), f, c->mem[b], 1,
            coarse ? fmax(tolerance, 0x1p-8) : tolerance);
  }
}

void kcase_expect(KCase *c, const char *buf, const double *want, double tolerance) {
  int b = kcase_buf(c, buf);
  compare(buf, kcase_count(c, b), c->mem[b], want, 1e-30, tolerance);
}
