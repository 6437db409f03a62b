/* Strategy files: what they mean, what is refused by which rule, and that whatever placement they ask for the
 * kernels mean what the graph does. */
#include "codegen/cpu/cpu.h"
#include "passes/place/strategy.h"

#include <stdio.h>
#include <string.h>

#include "passes/place/group.h"
#include "tests/passes/program_agrees.h"
#include "tests/passes/random_graph.h"
#include "tests/passes/random_placement.h"
#include "tests/suite.h"

static const char *const shipped[] = {"none", "elementwise", "epilogues", "norm_in_pack", "all"};

/* The interpreters round sums of a few hundred f32 terms in other orders: 5e-7 apart at most in 20,000
 * graphs. */
static const double plain = 1e-5;

static const Strategy *parse(Arena *a, const char *text) {
  return strategy_parse(a, diag_source(a, "test.fuse", text, strlen(text)));
}

static const Strategy *shipped_strategy(Arena *a, int which) {
  const Source *src = diag_read(a, arena_printf(a, "%s/models/fusion/%s.fuse", SOURCE_DIR, shipped[which]));
  ck_assert_ptr_nonnull(src);
  return strategy_parse(a, src);
}

/* The program of the seed's graph; NULL when the strategy is refused. */
static Prog *build(Arena *a, uint64_t seed, const Strategy *s, const Decisions **of) {
  PassOptions o = {.target = cpu_target("x86-64-v3"), .strategy = s, .decisions = of};
  return passes_run(a, random_graph(a, seed), &o);
}

START_TEST(shipped_strategies_mean_what_the_graph_does) {
  uint64_t seed = suite_seed();
  for (int i = 0; i < suite_rounds(60); i++, seed++) {
    Arena *a = arena_new();
    printf("%s seed %llu\n", shipped[_i], (unsigned long long)seed);
    fflush(stdout);
    Prog *p = build(a, seed, shipped_strategy(a, _i), NULL);
    ck_assert_ptr_nonnull(p);
    program_agrees(a, p, random_graph(a, seed), execute_interpreted, plain);
    arena_free(a);
  }
}
END_TEST

static Graph *seeded(Arena *a, const void *seed) {
  return random_graph(a, *(const uint64_t *)seed);
}

START_TEST(random_placements_mean_what_the_graph_does) {
  uint64_t seed = suite_seed();
  int built = 0, many = suite_rounds(150);
  for (int i = 0; i < many; i++, seed++) {
    Arena *a = arena_new();
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    Prog *p = random_placement(a, seeded, &seed, EN_EVAL);
    if (p) program_agrees(a, p, random_graph(a, seed), execute_interpreted, plain);
    built += p != NULL;
    arena_free(a);
  }
  ck_assert_int_ge(built, many * 9 / 10);
}
END_TEST

START_TEST(written_files_build_the_same_program) {
  uint64_t seed = suite_seed();
  for (int i = 0; i < suite_rounds(60); i++, seed++) {
    Arena *a = arena_new();
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    const Decisions *of[EN_COUNT] = {0};
    const Strategy *s = i % 2 ? shipped_strategy(a, (int)draw_below(5)) : NULL;
    char *want = prog_print(a, build(a, seed, s, of));
    const char *text = strategy_print(a, of);
    const Strategy *again = parse(a, text);
    ck_assert_msg(again != NULL, "%s", text);
    const Decisions *of_again[EN_COUNT] = {0};
    Prog *p = build(a, seed, again, of_again);
    ck_assert_msg(p != NULL, "%s", text);
    ck_assert_msg(strcmp(prog_print(a, p), want) == 0, "seed %llu: %s", (unsigned long long)seed, text);
    ck_assert_str_eq(strategy_print(a, of_again), text);
    arena_free(a);
  }
}
END_TEST

/* x [6, 8] and y [6, 8] drawn; their product's rows summed; what follows. */
static Graph *small(Arena *a) {
  Graph *g = graph_new(a);
  int64_t dims[] = {6, 8};
  Shape s = shape_of(2, dims);
  g->path = "net.0";
  Node *x = graph_random(g, 1, s), *y = graph_random(g, 2, s);
  Node *dot = graph_contract(g, "ik,jk->ij", x, y);
  Node *act = graph_elt(g, E_TANH, dot, NULL, NULL);
  Node *sum = graph_reduce(g, GR_SUM, act, 2);
  Node *off =
      graph_elt(g, E_SUB, act,
                graph_expand(g, graph_reshape(g, sum, shape_of(2, (int64_t[]){6, 1})), act->shape), NULL);
  Node *last = graph_reduce(g, GR_SUM, graph_elt(g, E_EXP, off, NULL, NULL), 2);
  graph_value(g, EN_EVAL, "out", graph_elt(g, E_LOG, last, NULL, NULL), V_REPORT);
  g->entry[EN_EVAL].present = true;
  return g;
}

static const struct {
  const char *rows, *says[3];
} illegal[] = {
    {"", {"t.fuse: error", "rule F1"}},
    {"tessera fusion 2\n", {"t.fuse:1:1", "rule F1", "expected \"tessera fusion 1\""}},
    {"# why\n\nnet.*.tanh inline\n", {"t.fuse:3:1", "rule F1"}},
    {"tessera fusion 1\nnet.*.tanh\n", {"t.fuse:2:1", "rule F2"}},
    {"tessera fusion 1\nnet.*.tanh buffer join\n", {"t.fuse:2:19", "rule F2", "after \"buffer\""}},
    {"tessera fusion 1\nnet.*.tanh bufer\n", {"t.fuse:2:12", "rule F3", "did you mean \"buffer\""}},
    {"tessera fusion 1\nnet.*.tanh mpas buffer\n", {"t.fuse:2:12", "rule F3", "some of maps, reductions"}},
    {"tessera fusion 1\n** map buffer\n", {"t.fuse:2:4", "rule F3", "did you mean \"maps\""}},
    {"tessera fusion 1\n** maps,draw buffer\n", {"t.fuse:2:4", "rule F3", "found kind \"draw\" in"}},
    {"tessera fusion 1\nnet.*.tanh join:maps,sums\n", {"t.fuse:2:12", "rule F3", "\"sums\""}},
    {"tessera fusion 1\nnet.*.tanh join:\n", {"t.fuse:2:12", "rule F3"}},
    {"tessera fusion 1\n** auto\nnet.*.tan buffer\n",
     {"t.fuse:3:1", "rule F4", "did you mean \"net.*.tanh\""}},
    {"tessera fusion 1\nnet.*.tanh draws buffer\n", {"t.fuse:2:1", "rule F4", "one of the maps"}},
    {"tessera fusion 1\nother.** buffer\n", {"t.fuse:2:1", "rule F4", "other.**"}},
    {"tessera fusion 1\nnet.*.contract inline\n", {"t.fuse:2:1", "rule F5", "net.*.contract"}},
    {"tessera fusion 1\n** reductions inline\n", {"t.fuse:2:1", "rule F5"}},
    {"tessera fusion 1\nnet.*.log inline\n", {"t.fuse:2:1", "rule F6", "must have memory"}},
    {"tessera fusion 1\nnet.*.tanh join=net.*.dot\n", {"t.fuse:2:1", "rule F8", "explain --write FILE"}},
    {"tessera fusion 1\nnet.*.sub join=net.*.tan\n",
     {"t.fuse:2:1", "rule F8", "did you mean \"net.*.tanh\""}},
    {"tessera fusion 1\nnet.*.log join=net.*.contract\n", {"t.fuse:2:1", "rule F9"}},
    {"tessera fusion 1\nnet.*.contract buffer\nnet.*.tanh join=net.*.contract\n",
     {"t.fuse:3:1", "rule F9", "strategy file"}},
    {"tessera fusion 1\nnet.*.sub join\nnet.*.exp join=net.*.contract\n", {"t.fuse:3:1", "rule F"}},
    {"tessera fusion 1\nnet.*.random join=net.*.tanh\n", {"t.fuse:2:1", "rule F18"}},
    {"tessera fusion 1\nnet.*.log inline\nnet.*.contract inline\n",
     {"t.fuse:2:1: ", "rule F6", "t.fuse:3:1"}},
};

START_TEST(illegal_files_are_refused_by_rule) {
  Arena *a = arena_new();
  char said[1 << 14] = "";
  FILE *f = fmemopen(said, sizeof said, "w");
  diag_to(f);
  const char *text = illegal[_i].rows;
  const Strategy *s = strategy_parse(a, diag_source(a, "t.fuse", text, strlen(text)));
  PassOptions o = {.target = cpu_target("x86-64-v3"), .strategy = s};
  const Prog *p = s ? passes_run(a, small(a), &o) : NULL;
  diag_to(stderr);
  fclose(f);
  ck_assert_msg(p == NULL, "built in spite of:\n%s", text);
  for (int i = 0; i < 3 && illegal[_i].says[i]; i++)
    ck_assert_msg(strstr(said, illegal[_i].says[i]) != NULL, "\"%s\" is not in:\n%s", illegal[_i].says[i],
                  said);
  arena_free(a);
}
END_TEST

static const DecisionRow *row_named(const Decisions *d, const char *name) {
  for (int i = 0; i < d->nrow; i++)
    if (strcmp(d->row[i].class->name, name) == 0) return &d->row[i];
  ck_abort_msg("no class is called %s", name);
}

static const Decisions *decide(Arena *a, const char *text) {
  const Decisions *of[EN_COUNT] = {0};
  PassOptions o = {.target = cpu_target("x86-64-v3"), .strategy = parse(a, text), .decisions = of};
  ck_assert_ptr_nonnull(o.strategy);
  ck_assert_ptr_nonnull(passes_run(a, small(a), &o));
  return of[EN_EVAL];
}

START_TEST(rows_are_obeyed) {
  Arena *a = arena_new();
  const Decisions *d = decide(a, "tessera fusion 1\n** buffer\n");
  for (int i = 0; i < d->nkernel; i++) ck_assert_int_eq(d->kernel[i].nrow, 1);
  ck_assert_int_eq(d->nkernel, d->nrow);
  for (int i = 0; i < d->npair; i++) ck_assert_int_ne(d->pair[i].joining, DR_NONE);
  d = decide(a, "tessera fusion 1\n** buffer\nnet.*.tanh inline # twice\n");
  ck_assert_int_eq(row_named(d, "net.*.tanh")->role, DP_INLINE);
  ck_assert_int_eq(row_named(d, "net.*.exp")->role, DP_LEAD);
  d = decide(a, "tessera fusion 1\n** buffer\nnet.*.contract auto\nnet.*.tanh join=net.*.contract\n");
  ck_assert_int_eq(row_named(d, "net.*.tanh")->role, DP_EPILOGUE);
  ck_assert_int_eq(row_named(d, "net.*.tanh")->kernel, row_named(d, "net.*.contract")->kernel);
  ck_assert(!row_named(d, "net.*.contract")->stored);
  arena_free(a);
}
END_TEST

/* A kernel that stores its result to one part of a concatenation, and for a value that it holds reads another
 * part. */
START_TEST(held_values_read_no_part_of_what_their_kernel_stores_to) {
  Arena *a = arena_new();
  Graph *g = graph_new(a);
  g->name_of_block = "test";
  Node *x = graph_random(g, 1, shape_of(2, (int64_t[]){4, 2})), *y = graph_random(g, 2, x->shape);
  Node *joined[] = {graph_elt(g, E_ERF, graph_elt(g, E_SUB, x, y, NULL), NULL, NULL), x};
  graph_value(g, EN_EVAL, "joined", graph_concat(g, 2, joined, 1), V_REPORT);
  g->entry[EN_EVAL].present = true;
  const Strategy *s = parse(a, "tessera fusion 1\n** buffer\n** maps join:maps\n");
  PassOptions o = {.target = cpu_target("x86-64-v3"), .strategy = s};
  ck_assert_ptr_nonnull(passes_run(a, g, &o));
  arena_free(a);
}
END_TEST

START_TEST(later_rows_win_and_names_mean_themselves) {
  Arena *a = arena_new();
  const Decisions *d = decide(a, "tessera fusion 1\nnet.*.tanh inline\n** maps buffer\n");
  ck_assert_int_eq(row_named(d, "net.*.tanh")->role, DP_LEAD);
  ck_assert_ptr_null(row_named(d, "net.*.contract")->class->row);
  arena_free(a);
}
END_TEST

static const DecisionPair *pair_named(const Decisions *d, const char *consumer, const char *producer) {
  for (int i = 0; i < d->npair; i++)
    if (strcmp(d->row[d->pair[i].consumer].class->name, consumer) == 0 &&
        strcmp(d->row[d->pair[i].producer].class->name, producer) == 0)
      return &d->pair[i];
  ck_abort_msg("%s reads nothing of %s from memory", consumer, producer);
}

START_TEST(reasons_are_recorded) {
  Arena *a = arena_new();
  const Decisions *d = decide(a, "tessera fusion 1\n** auto\n");
  ck_assert_int_eq(pair_named(d, "net.*.reduce", "net.*.tanh")->joining, DR_FULL);
  ck_assert_int_eq(row_named(d, "net.*.contract")->inlining, DR_REDUCED);
  ck_assert_int_eq(row_named(d, "net.*.log")->inlining, DR_MEMORY);
  d = decide(a, "tessera fusion 1\n** buffer\n");
  ck_assert_int_eq(pair_named(d, "net.*.tanh", "net.*.contract")->joining, DR_OVERRIDE);
  ck_assert_int_eq(pair_named(d, "net.*.contract", "net.*.random")->joining, DR_BEGINS);
  ck_assert_int_eq(pair_named(d, "net.*.contract", "net.*.random")->inlining, DR_OVERRIDE);
  d = decide(a, "tessera fusion 1\nnet.*.sub buffer\n");
  ck_assert_int_eq(pair_named(d, "net.*.reduce#2", "net.*.sub")->joining, DR_OVERRIDE);
  arena_free(a);
}
END_TEST

/* Two error functions of a draw, read by a contraction and, turned round, by what follows it. */
static Graph *costly(Arena *a) {
  Graph *g = graph_new(a);
  Shape s = shape_of(2, (int64_t[]){256, 256});
  Node *x = graph_random(g, 1, s);
  Node *f = graph_elt(g, E_ERF, graph_elt(g, E_ERF, x, NULL, NULL), NULL, NULL);
  g->name = "rows";
  Node *rows = graph_contract(g, "ik,jk->ij", f, graph_random(g, 2, s));
  g->name = "turned";
  Node *turned = graph_elt(g, E_SUB, graph_permute(g, f, (int[]){1, 0}), rows, NULL);
  graph_value(g, EN_EVAL, "out", turned, V_REPORT);
  g->entry[EN_EVAL].present = true;
  return g;
}

START_TEST(costs_are_compared) {
  Arena *a = arena_new();
  const Decisions *of[EN_COUNT] = {0};
  PassOptions o = {.target = cpu_target("x86-64-v3"), .decisions = of};
  ck_assert_ptr_nonnull(passes_run(a, costly(a), &o));
  const DecisionRow *f = row_named(of[EN_EVAL], "erf#2");
  ck_assert_int_eq(f->inlining, DR_COST);
  ck_assert(f->stored && f->inlined > f->storing && f->storing > (double)f->bytes);
  ck_assert_int_eq(row_named(of[EN_EVAL], "random")->role, DP_INLINE);
  ck_assert_int_eq(row_named(of[EN_EVAL], "random")->inlining, DR_NONE);
  ck_assert_int_eq(pair_named(of[EN_EVAL], "turned", "erf#2")->joining, DR_TAKEN);
  arena_free(a);
}
END_TEST

static const struct {
  const char *pattern, *text;
  bool matches;
} glob[] = {
    {"**", "a.*.b#2", true},
    {"*", "a.b", false},
    {"*", "add", true},
    {"a.*.b", "a.*.b", true},
    {"a.*.b", "a.x.b", true},
    {"a.*.b", "a.x.y.b", false},
    {"a.**.b", "a.x.y.b", true},
    {"a.**", "a", false},
    {"**.b", "a.c.b", true},
    {"a?c", "abc", true},
    {"a?c", "a.c", false},
    {"*b*", "abc", true},
    {"", "", true},
    {"", "a", false},
    {"a", "", false},
    {"**a**a**a**a**a**b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
};

START_TEST(patterns_match) {
  for (size_t i = 0; i < sizeof glob / sizeof *glob; i++)
    ck_assert_msg(strategy_glob(glob[i].pattern, glob[i].text) == glob[i].matches, "\"%s\" and \"%s\"",
                  glob[i].pattern, glob[i].text);
}
END_TEST

SUITE("strategy") {
  tcase_add_loop_test(t, shipped_strategies_mean_what_the_graph_does, 0, 5);
  tcase_add_test(t, random_placements_mean_what_the_graph_does);
  tcase_add_test(t, written_files_build_the_same_program);
  tcase_add_loop_test(t, illegal_files_are_refused_by_rule, 0, sizeof illegal / sizeof *illegal);
  tcase_add_test(t, rows_are_obeyed);
  tcase_add_test(t, held_values_read_no_part_of_what_their_kernel_stores_to);
  tcase_add_test(t, later_rows_win_and_names_mean_themselves);
  tcase_add_test(t, reasons_are_recorded);
  tcase_add_test(t, costs_are_compared);
  tcase_add_test(t, patterns_match);
}
