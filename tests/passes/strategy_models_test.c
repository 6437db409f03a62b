/* Strategies of whole models: the number of kernels does not grow with depth, and the decisions written as a
 * file build the same program. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/cpu/cpu.h"
#include "frontend/frontend.h"
#include "passes/passes.h"
#include "passes/place/strategy.h"
#include "tests/suite.h"

enum { MOST_DEFINES = 16 };

static const char *const digpt[MOST_DEFINES] = {"batch=2",         "img=28",        "embed_dim=12",
                                                "heads=3",         "patch=7",       "decoder_dim=8",
                                                "decoder_heads=2", "teacher_dim=6", "teacher_grid=6"};

static Graph *describe(Arena *a, const char *model, const char *const *defines, const char *depth,
                       const char *taps) {
  const char *define[MOST_DEFINES + 2];
  FrontArgs args = {.define = define};
  for (; defines[args.ndefine]; args.ndefine++) define[args.ndefine] = defines[args.ndefine];
  define[args.ndefine++] = depth;
  if (taps) define[args.ndefine++] = taps;
  Graph *g = front_build(a, arena_printf(a, "%s/models/%s.tess", SOURCE_DIR, model), &args, NULL);
  ck_assert_ptr_nonnull(g);
  return g;
}

/* Kernels that the entry launches, each counted once. */
static int kernels_of(const Prog *p, EntryKind e) {
  int n = 0;
  for (int k = 0; k < p->nkernel; k++) {
    bool used = false;
    for (int i = 0; i < p->entry[e].nlaunch && !used; i++) used = p->entry[e].launch[i].kernel_id == k;
    n += used;
  }
  return n;
}

static const char *const shipped[] = {"none", "elementwise", "epilogues", "norm_in_pack", "all"};

static const Strategy *strategy_of(Arena *a, int which) {
  return strategy_parse(
      a, diag_read(a, arena_printf(a, "%s/models/fusion/%s.fuse", SOURCE_DIR, shipped[which])));
}

START_TEST(depth_adds_no_kernels) {
  Arena *a = arena_new();
  const Strategy *s = strategy_of(a, _i);
  const Decisions *shallow_of[EN_COUNT] = {0}, *deep_of[EN_COUNT] = {0};
  PassOptions o = {.target = cpu_target("x86-64-v3"), .strategy = s, .decisions = shallow_of};
  const Prog *shallow = passes_run(a, describe(a, "digpt", digpt, "depth=12", "taps=3,6,9,12"), &o);
  o.decisions = deep_of;
  const Prog *deep = passes_run(a, describe(a, "digpt", digpt, "depth=24", "taps=3,6,9,24"), &o);
  ck_assert_int_gt(deep->entry[EN_MICRO].nlaunch, shallow->entry[EN_MICRO].nlaunch);
  ck_assert_int_eq(kernels_of(deep, EN_MICRO), kernels_of(shallow, EN_MICRO));
  ck_assert_int_eq(kernels_of(deep, EN_EVAL), kernels_of(shallow, EN_EVAL));
  ck_assert_int_eq(deep_of[EN_MICRO]->nrow, shallow_of[EN_MICRO]->nrow);
  for (int i = 0; i < deep_of[EN_MICRO]->nrow; i++)
    ck_assert_str_eq(deep_of[EN_MICRO]->row[i].class->name, shallow_of[EN_MICRO]->row[i].class->name);
  arena_free(a);
}
END_TEST

/* The names of an entry's classes below `path`, a line each. */
static const char *names_below(Arena *a, const Decisions *d, const char *path) {
  const char *text = "";
  for (int i = 0; i < d->nrow; i++)
    if (strncmp(d->row[i].class->name, path, strlen(path)) == 0)
      text = arena_printf(a, "%s%s %s\n", text, d->row[i].class->name, node_kinds[d->row[i].class->kind]);
  return text;
}

/* Another decoder does not rename the encoder's classes. */
START_TEST(edits_elsewhere_leave_names) {
  static const char *const other[MOST_DEFINES] = {
      "batch=2",       "img=28",          "embed_dim=12",    "heads=3",        "patch=7",   "decoder_dim=8",
      "teacher_dim=6", "decoder_heads=4", "decoder_depth=1", "teacher_grid=6", "warmup=0.2"};
  Arena *a = arena_new();
  const Decisions *one_of[EN_COUNT] = {0}, *other_of[EN_COUNT] = {0};
  PassOptions o = {.target = cpu_target("x86-64-v3"), .decisions = one_of};
  ck_assert_ptr_nonnull(passes_run(a, describe(a, "digpt", digpt, "depth=4", "taps=2,4"), &o));
  o.decisions = other_of;
  ck_assert_ptr_nonnull(passes_run(a, describe(a, "digpt", other, "depth=4", "taps=2,4"), &o));
  const char *names = names_below(a, one_of[EN_MICRO], "blocks.");
  ck_assert_uint_gt(strlen(names), 1000);
  ck_assert_str_eq(names_below(a, other_of[EN_MICRO], "blocks."), names);
  ck_assert_str_eq(names_below(a, other_of[EN_UPDATE], "optimizer."),
                   names_below(a, one_of[EN_UPDATE], "optimizer."));
  arena_free(a);
}
END_TEST

static const char *const vit[MOST_DEFINES] = {"batch=3",      "img=15",  "patch=5",   "chans=3",
                                              "embed_dim=20", "heads=5", "classes=7", "drop_path=0.3"};

static const struct {
  const char *model;
  const char *const *define;
  const char *depth, *taps;
} models[] = {{"digpt", digpt, "depth=4", "taps=2,4"}, {"vit_classify", vit, "depth=3", NULL}};

static Prog *run(Arena *a, int which, const Strategy *s, const Decisions **of) {
  PassOptions o = {.target = cpu_target("x86-64-v3"), .strategy = s, .decisions = of};
  return passes_run(
      a, describe(a, models[which].model, models[which].define, models[which].depth, models[which].taps), &o);
}

START_TEST(written_decisions_build_the_same_program) {
  Arena *a = arena_new();
  const Decisions *of[EN_COUNT] = {0}, *again[EN_COUNT] = {0};
  const char *want = prog_print(a, run(a, _i, NULL, of));
  const char *text = strategy_print(a, of);
  const Strategy *s = strategy_parse(a, diag_source(a, "written.fuse", text, strlen(text)));
  ck_assert_ptr_nonnull(s);
  ck_assert_int_gt(s->nrow, 100);
  const Prog *p = run(a, _i, s, again);
  ck_assert_ptr_nonnull(p);
  ck_assert(strcmp(prog_print(a, p), want) == 0);
  ck_assert_str_eq(strategy_print(a, again), text);
  if (getenv("STRATEGY_WRITE")) fputs(text, stdout);
  arena_free(a);
}
END_TEST

SUITE("strategy_models") {
  tcase_add_loop_test(t, depth_adds_no_kernels, 0, 5);
  tcase_add_test(t, edits_elsewhere_leave_names);
  tcase_add_loop_test(t, written_decisions_build_the_same_program, 0, sizeof models / sizeof *models);
}
