/* The CPUs as targets: one a processor. */
#include <stdio.h>
#include <string.h>

#include "codegen/cpu/cpu.h"
#include "codegen/plan_roles.h"

enum { FLAT = 1 << SK_FLAT, ROWS = 1 << SK_ROWS, DOT = 1 << SK_DOT, CHAIN = 1 << SK_CHAIN };

static const KPlanNumber numbers[CPU_NUMBERS] = {
    [CPU_MR] = {"mr", DOT | CHAIN, 32}, [CPU_NR] = {"nr", DOT, 128},
    [CPU_KC] = {"kc", DOT, 1 << 20},    [CPU_MC] = {"mc", DOT, 1 << 20},
    [CPU_NC] = {"nc", DOT, 1 << 20},    [CPU_TASKS] = {"tasks", FLAT | ROWS, 1 << 16},
};

static const KPlanPlace places[PLAN_PLACES] = {
    [PLAN_ACC] = {"acc", DOT, true},
    [PLAN_ROW] = {"row", ROWS | CHAIN, false},
};

const KPlanRules cpu_plans = {.word = "cpu",
                              .skeletons = FLAT | ROWS | DOT | CHAIN,
                              .nnumber = CPU_NUMBERS,
                              .number = numbers,
                              .nplace = PLAN_PLACES,
                              .place = places};

/* Packs evaluate whatever stands in an operand. */
static bool in_operand(const Node *n) {
  (void)n;
  return true;
}

static int64_t tasks(const Target *t, const Kernel *k) {
  return cpu_tasks(k, kern_plan_for(k, t->plans));
}

static int64_t scratch(const Target *t, const Kernel *k) {
  return cpu_scratch(k, kern_plan_for(k, t->plans), t->host);
}

/* A function a kernel. */
static bool emit(const Target *t, const Prog *p, const TargetText *text, HostModule *m) {
  (void)t, (void)text;
  for (int i = 0; i < p->nkernel; i++) cpu_add_kernel(m, p->kernel[i], p->kernel[i]->name, false);
  return true;
}

/* What is resident stays in about a core's share of the last cache: attention over 1,025 and 2,049 tokens of
 * heads 64 wide (1.5 and 3.1 MB) takes 0.86 and 0.92 of the time of separate kernels on a Zen 4 with 1 MiB of
 * second cache and 4 MiB of the third a core. A block has at most the rows of a register tile. */
static const Target cpu = {
    .plans = &cpu_plans,
    .threaded = true,
    .chain = {.least_batches = 8, .most_resident = 4 << 20, .block_rows = 16, .element_bytes = 4},
    .in_operand = in_operand,
    .plan = plan_by_roles,
    .tasks = tasks,
    .scratch = scratch,
    .emit = emit};

static const struct {
  const char *processor;
  TargetSpeed speed;
} speeds[] = {
    {"znver5", {"Zen 5, as Zen 4 at its clock with 512-bit data paths", 230e9, 115e9, 16e9, 60e9, 1e-6}},
    {"znver4", {"Zen 4: bench/peak, and 16 additions a cycle", 115e9, 57e9, 14e9, 50e9, 1e-6}},
    {"sapphirerapids", {"data sheet at 2.8 GHz", 179e9, 90e9, 12e9, 80e9, 1e-6}},
    {"skylake-avx512", {"data sheet at 2.6 GHz", 166e9, 83e9, 11e9, 60e9, 1e-6}},
    {"x86-64-v3", {"two 256-bit units at 3 GHz", 96e9, 48e9, 10e9, 40e9, 1e-6}},
};
enum { CPUS = sizeof speeds / sizeof *speeds };

const Target *cpu_target(const char *name) {
  static Target of[CPUS];
  static char full[CPUS][32];
  const Processor *p = processor_named(name);
  int i = 0;
  if (!p) return NULL;
  while (strcmp(speeds[i].processor, p->name) != 0)
    if (++i == CPUS) ice("nobody knows how fast %s is", p->name);
  snprintf(full[i], sizeof full[i], "cpu:%s", p->name);
  of[i] = cpu;
  of[i].name = full[i];
  of[i].speed = speeds[i].speed;
  of[i].cost = plan_roles_cost;
  of[i].host = p;
  return &of[i];
}

const Target *cpu_target_open(Arena *a, const char *name) {
  const Target *t = cpu_target(name);
  if (t) return t;
  const char *list = "native";
  for (const char *const *n = processor_list(a); *n; n++) list = arena_printf(a, "%s, %s", list, *n);
  diag_error((Loc){0}, "unknown target \"cpu:%s\"; expected cpu:NAME (%s)", name, list);
  return NULL;
}
