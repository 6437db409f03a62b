/* The toy target: what passes and driver ask of it, and its kernels in the object. */
#include "tests/codegen/toy/toy.h"

#include <string.h>

#include "codegen/host/host_llvm.h"
#include "codegen/host/host_table.h"

/* Unlike a CPU: a contraction evaluates conversions alone. */
static bool in_operand(const Node *n) {
  return n->op == O_CAST;
}

enum { MOST_TURNS = 3 };

/* By the roles, and a number that follows from the kernel. */
static void plan(const Target *t, Kernel *k, const KRoleAxes role[ROLE_COUNT], bool chain, int contraction) {
  plan_by_roles(t, k, role, chain, contraction);
  kplan_num(&k->plan[k->nplan - 1], TOY_TURNS, 1 + k->nval % MOST_TURNS);
}

static int64_t tasks(const Target *t, const Kernel *k) {
  return kplan_get(kern_plan_for(k, t->plans), TOY_TURNS, 0);
}

static int64_t scratch(const Target *t, const Kernel *k) {
  (void)t, (void)k;
  return 0;
}

static bool write(const Target *t, const Prog *p, TargetText *out) {
  const char **text = ARENA_ARRAY(p->arena, p->nkernel, const char *);
  char *whole = "";
  (void)t;
  for (int i = 0; i < p->nkernel; i++) {
    text[i] = kern_print(p->arena, p->kernel[i]);
    whole = arena_printf(p->arena, "%s%s\n", whole, text[i]);
  }
  out->kernel = text;
  out->whole = diag_source(p->arena, "kernels.toy", whole, strlen(whole));
  return true;
}

/* What tess_launch gets is a pointer to the text. */
static bool emit(const Target *t, const Prog *p, const TargetText *text, HostModule *m) {
  (void)t;
  for (int i = 0; i < p->nkernel; i++) {
    HostTable table = host_table(p->arena, m->mod, 1, sizeof(char *));
    host_text(&table, table.bytes, text->kernel[i]);
    host_table_emit(&table, p->kernel[i]->name);
  }
  return true;
}

static const Target toy = {.name = "toy:",
                           .plans = &toy_plans,
                           .speed = {"an interpreter, guessed", 1e8, 1e8, 1e9, 1e9, 1e-5},
                           .cost = {.flop = 2, .operations = 1, .near = 10, .far = 10, .launch = 100},
                           .chain = {.least_batches = 1, .block_rows = 1, .element_bytes = 4},
                           .in_operand = in_operand,
                           .plan = plan,
                           .tasks = tasks,
                           .scratch = scratch,
                           .write = write,
                           .emit = emit,
                           .host = &processor_any,
                           .archive = "libtoy_rt.a"};

const Target *toy_target(Arena *a, const char *text) {
  (void)a;
  if (!*text) return &toy;
  diag_error((Loc){0}, "there is one toy alone, \"toy:\"; found \"toy:%s\"", text);
  return NULL;
}
