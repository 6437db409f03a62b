/* Strategy files: anything may come in; what is obeyed builds a sound program, and its decisions written as a
 * file build the same one. */
#include <stddef.h>
#include <string.h>

#include "codegen/cpu/cpu.h"
#include "passes/passes.h"
#include "passes/place/strategy.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* Some of each kind: a softmax of a product, rows of it picked, and draws. */
static Graph *small(Arena *a) {
  Graph *g = graph_new(a);
  int64_t square[] = {6, 6}, column[] = {6, 1};
  Shape s = shape_of(2, square);
  g->path = "net.0";
  Node *x = graph_random(g, 1, s), *dot = graph_contract(g, "ik,jk->ij", x, graph_random(g, 2, s));
  Node *most = graph_reduce(g, GR_MAX, dot, 2);
  Node *off = graph_elt(g, E_SUB, dot, graph_expand(g, graph_reshape(g, most, shape_of(2, column)), s), NULL);
  Node *e = graph_elt(g, E_EXP, off, NULL, NULL);
  Node *sum = graph_expand(g, graph_reshape(g, graph_reduce(g, GR_SUM, e, 2), shape_of(2, column)), s);
  Node *p = graph_elt(g, E_DIV, e, sum, NULL), *both[] = {p, x};
  Node *index = graph_cast(g, DT_I32, graph_reduce(g, GR_SUM, p, 1));
  g->path = "net.1";
  Node *picked = graph_gather(g, graph_concat(g, 2, both, 0), index);
  graph_value(g, EN_EVAL, "out", graph_elt(g, E_TANH, picked, NULL, NULL), V_REPORT);
  g->entry[EN_EVAL].present = true;
  return g;
}

static Prog *build(Arena *a, const Strategy *s, const Decisions **of) {
  PassOptions o = {.target = cpu_target("x86-64-v3"), .strategy = s, .decisions = of};
  return s ? passes_run(a, small(a), &o) : NULL;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
  Arena *a = arena_new();
  diag_to(NULL);
  diag_reset();
  const char *text = arena_strndup(a, (const char *)data, size);
  const Decisions *of[EN_COUNT] = {0}, *again[EN_COUNT] = {0};
  const Prog *p = build(a, strategy_parse(a, diag_source(a, "fuzz.fuse", text, size)), of);
  if (p) {
    const char *written = strategy_print(a, of);
    const Prog *same =
        build(a, strategy_parse(a, diag_source(a, "written.fuse", written, strlen(written))), again);
    if (!same) ice("what was written is refused:\n%s", written);
    if (strcmp(prog_print(a, p), prog_print(a, same)) != 0) ice("it builds another program:\n%s", written);
  }
  arena_free(a);
  return 0;
}
