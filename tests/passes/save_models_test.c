/* The saved set of whole models: whatever is made again instead of kept, the gradients are the same; memory
 * falls as it is asked to, for a bounded amount of work, and the least that an error names is the least. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "codegen/cpu/cpu.h"
#include "frontend/frontend.h"
#include "passes/passes.h"
#include "tests/codegen/prog_interp.h"
#include "tests/suite.h"

enum { MOST_DEFINES = 16, SEED = 3 };

static const char *const small_digpt[MOST_DEFINES] = {
    "batch=2", "img=28",          "embed_dim=12",    "heads=3",       "patch=7",        "decoder_dim=8",
    "depth=3", "decoder_depth=1", "decoder_heads=2", "teacher_dim=6", "teacher_grid=6", "taps=1,3"};
static const char *const small_vit[MOST_DEFINES] = {"batch=3", "img=15",  "patch=5",   "embed_dim=20",
                                                    "depth=3", "heads=5", "classes=7", "drop_path=0.3"};
static const char *const as_it_stands[MOST_DEFINES] = {NULL};

static Graph *describe(Arena *a, const char *model, const char *const *define) {
  FrontArgs args = {.define = define};
  while (define[args.ndefine]) args.ndefine++;
  Graph *g = front_build(a, arena_printf(a, "%s/models/%s.tess", SOURCE_DIR, model), &args, NULL);
  ck_assert_ptr_nonnull(g);
  return g;
}

static double setting(void *ctx, const char *name) {
  const Graph *g = ctx;
  for (int i = 0; i < g->nsetting; i++)
    if (strcmp(g->setting[i].name, name) == 0) return g->setting[i].value;
  return 0;
}

/* Data of a pattern: images, labels, a given teacher's tokens. */
static void fill_data(const Prog *p, char *memory) {
  for (int i = 0; i < p->nvalue; i++) {
    const PValue *v = &p->value[i];
    const Node *n = v->value->node;
    if (v->entry != EN_MICRO || !(v->value->flags & V_DATA)) continue;
    char *to = memory + v->buf->offset + v->at;
    for (int64_t k = 0; k < shape_count(&n->shape); k++) {
      int64_t x = (k * 37 + 11) % 101;
      if (n->dtype == DT_F32) ((float *)(void *)to)[k] = (float)x / 50 - 1;
      if (n->dtype == DT_I32) ((int32_t *)(void *)to)[k] = (int32_t)(x % 7);
      if (n->dtype == DT_U8) ((uint8_t *)to)[k] = (uint8_t)(2 * x);
    }
  }
}

/* The gradients after a micro-batch, one after the other; NULL, to be allocated, for the first program. */
typedef struct Runs {
  Arena *arena;
  float *gradient;
  int64_t n;
  int programs;
  int64_t first, least; /* bytes of the arena */
} Runs;

static bool same_gradients(void *ctx, const Prog *p, Lower *const *entry) {
  Runs *r = ctx;
  (void)entry;
  KStepEnv env = {.seed = SEED, .step = 0, .micro = 0, .scalar = setting, .ctx = (void *)p->graph};
  char *memory = aligned_alloc(64, (size_t)(p->arena_bytes + 63) / 64 * 64);
  memset(memory, 0, (size_t)p->arena_bytes);
  prog_interp(p, memory, EN_INIT, &env, 0);
  fill_data(p, memory);
  prog_interp(p, memory, EN_MICRO, &env, 0);
  int64_t n = 0;
  for (int i = 0; i < p->nstate; i++)
    if (p->state[i].state->kind == ST_GRAD) n += shape_count(&p->state[i].shape);
  float *all = ARENA_ARRAY(r->arena, n, float), *to = all;
  double norm = 0;
  for (int i = 0; i < p->nstate; i++) {
    const PState *s = &p->state[i];
    if (s->state->kind != ST_GRAD) continue;
    memcpy(to, memory + s->buf->offset + s->at, sizeof *to * (size_t)shape_count(&s->shape));
    to += shape_count(&s->shape);
  }
  free(memory);
  if (!r->programs++) r->gradient = all, r->n = n, r->first = r->least = p->arena_bytes;
  if (p->arena_bytes < r->least) r->least = p->arena_bytes;
  ck_assert_int_eq(n, r->n);
  for (int64_t i = 0; i < n; i++) norm = fmax(norm, fabs((double)r->gradient[i]));
  ck_assert(norm > 0);
  for (int64_t i = 0; i < n; i++)
    ck_assert_msg(fabs((double)all[i] - (double)r->gradient[i]) <= 1e-5 * norm,
                  "element %lld: %g, expected %g", (long long)i, (double)all[i], (double)r->gradient[i]);
  return true;
}

static void check_model(const char *model, const char *const *define) {
  Arena *a = arena_new();
  Runs r = {.arena = a};
  PassOptions o = {.target = cpu_target("x86-64-v3")};
  ck_assert(passes_try(a, describe(a, model, define), &o, same_gradients, &r));
  printf("%s: %d programs of %lld gradients, %lld to %lld bytes\n", model, r.programs, (long long)r.n,
         (long long)r.first, (long long)r.least);
  ck_assert_int_gt(r.programs, 3);
  ck_assert_int_lt(r.least, r.first);
  arena_free(a);
}

START_TEST(gradients_are_the_same) {
  check_model("digpt", small_digpt);
  check_model("vit_classify", small_vit);
}
END_TEST

/* Memory that is not the states', and what a micro-batch does, of each program. */
typedef struct Curve {
  int64_t usual, least_within; /* bytes: of the first, and the least for the work that is allowed */
  double flop, bytes;          /* of the first */
  int launches;
} Curve;

static bool on_curve(void *ctx, const Prog *p, Lower *const *entry) {
  Curve *c = ctx;
  const PEntry *micro = &p->entry[EN_MICRO];
  int64_t work = p->arena_bytes;
  double flop = 0, bytes = 0;
  (void)entry;
  for (int i = 0; i < p->nbuf; i++) work -= p->buf[i]->persistent ? p->buf[i]->bytes : 0;
  for (int i = 0; i < micro->nlaunch; i++) flop += micro->launch[i].flop, bytes += micro->launch[i].bytes;
  if (!c->usual) *c = (Curve){work, work, flop, bytes, micro->nlaunch};
  if (flop <= 1.25 * c->flop && bytes <= 1.4 * c->bytes && work < c->least_within) c->least_within = work;
  printf("%.1f MiB, %.2f times the operations, %.2f the bytes, %.2f the launches\n", (double)work / (1 << 20),
         flop / c->flop, bytes / c->bytes, (double)micro->nlaunch / c->launches);
  return true;
}

/* Counted in the launches: multiplications and additions of contractions, and bytes moved, of which there are
 * more where what is made again is also stored (1.36 times were counted). */
START_TEST(half_the_memory_for_a_quarter_more_operations) {
  Arena *a = arena_new();
  Curve c = {0};
  PassOptions o = {.target = cpu_target("x86-64-v3")};
  ck_assert(passes_try(a, describe(a, "digpt", as_it_stands), &o, on_curve, &c));
  ck_assert_int_le(2 * c.least_within, c.usual);
  arena_free(a);
}
END_TEST

/* The arena's bytes of the program that keeps to the limit; 0: there is none. */
static int64_t within(int64_t bytes) {
  Arena *a = arena_new();
  PassOptions o = {.target = cpu_target("x86-64-v3"), .most_bytes = bytes};
  const Prog *p = passes_run(a, describe(a, "digpt", small_digpt), &o);
  int64_t takes = p ? p->arena_bytes : 0;
  arena_free(a);
  return takes;
}

START_TEST(the_least_is_exact) {
  char *text = NULL;
  size_t size = 0;
  FILE *f = open_memstream(&text, &size);
  diag_to(f);
  ck_assert_int_eq(within(1), 0);
  diag_to(stderr);
  fclose(f);
  const char *at = strstr(text, "at least ");
  ck_assert_ptr_nonnull(at);
  int64_t least = strtoll(at + strlen("at least "), NULL, 10);
  ck_assert_int_eq(within(least), least);
  diag_to(NULL);
  ck_assert_int_eq(within(least - 1), 0);
  diag_to(stderr);
  free(text);
}
END_TEST

SUITE("save_models") {
  tcase_add_test(t, gradients_are_the_same);
  tcase_add_test(t, half_the_memory_for_a_quarter_more_operations);
  tcase_add_test(t, the_least_is_exact);
}
