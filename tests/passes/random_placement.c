/* Placements drawn at random; see random_placement.h. */
#include "tests/passes/random_placement.h"

#include <stdio.h>
#include <string.h>

#include "codegen/cpu/cpu.h"
#include "passes/place/strategy.h"
#include "tests/suite.h"

enum { MOST_REFUSALS = 40 };

/* A placement for a class; what is illegal among them is refused by name and left to the compiler then. */
static const char *draw_place(Arena *a, const ValueClasses *classes, int i) {
  static const char *const places[] = {"auto",        "join",
                                       "buffer",      "join:maps",
                                       "inline:maps", "inline:reductions join",
                                       "inline",      "join:reductions,contractions"};
  int other = (int)draw_below((uint32_t)classes->n);
  if (draw_below(8) == 0 && other != i) return arena_printf(a, "join=%s", classes->class[other].name);
  return places[draw_below(sizeof places / sizeof *places)];
}

static char *draw_rows(Arena *a, const Decisions *d, const bool *refused) {
  char *text = "tessera fusion 1\n";
  for (int i = 0; i < d->classes->n; i++) {
    const char *place = draw_place(a, d->classes, i);
    text = arena_printf(a, "%s%s %s\n", text, d->classes->class[i].name, refused[i] ? "auto" : place);
  }
  return text;
}

/* Errors name lines of the file, line i + 2 is class i, and rules of placement. */
static int read_refusals(const char *said, bool *refused, int n) {
  int found = 0;
  for (const char *p = strstr(said, "test.fuse:"); p; p = strstr(p + 1, "test.fuse:")) {
    int line = 0, col = 0, rule = 0;
    ck_assert_msg(sscanf(p, "test.fuse:%d:%d: error: rule F%d:", &line, &col, &rule) == 3, "%s", said);
    ck_assert_msg(rule >= 5 && rule <= 19 && line >= 2 && line < n + 2, "%s", said);
    refused[line - 2] = true;
    found++;
  }
  return found;
}

static const Strategy *parse(Arena *a, const char *text) {
  return strategy_parse(a, diag_source(a, "test.fuse", text, strlen(text)));
}

Prog *random_placement(Arena *a, MakeGraph *make, const void *ctx, EntryKind e) {
  const Decisions *of[EN_COUNT] = {0};
  PassOptions free = {.target = cpu_target("x86-64-v3"), .decisions = of};
  ck_assert_ptr_nonnull(passes_run(a, make(a, ctx), &free));
  bool *refused = ARENA_ARRAY(a, of[e]->classes->n + 1, bool);
  for (int again = 0; again < MOST_REFUSALS; again++) {
    char said[1 << 14] = "";
    const char *text = draw_rows(a, of[e], refused);
    FILE *f = fmemopen(said, sizeof said, "w");
    diag_to(f);
    diag_reset();
    PassOptions o = {.target = cpu_target("x86-64-v3"), .strategy = parse(a, text)};
    Prog *p = passes_run(a, make(a, ctx), &o);
    diag_to(stderr);
    fclose(f);
    if (p) return p;
    ck_assert_int_gt(read_refusals(said, refused, of[e]->classes->n), 0);
  }
  return NULL;
}
