/* GPUs as targets: one a list of architectures. */
#include <string.h>

#include "codegen/cuda/cuda_program.h"
#include "codegen/plan_roles.h"

/* By the first architecture; the last row for want of another. */
static const struct {
  const char *arch;
  TargetSpeed speed;
} speeds[] = {{"sm_90", {"H100 SXM, data sheet", 67e12, 33e12, 3.35e12, 3.35e12, 3e-6}},
              {"sm_80", {"A100 SXM, data sheet", 19.5e12, 9.7e12, 2e12, 2e12, 3e-6}},
              {"", {"A100 SXM, data sheet, for want of another", 19.5e12, 9.7e12, 2e12, 2e12, 3e-6}}};

static TargetSpeed speed_of(const char *arch) {
  int i = 0;
  while (strncmp(arch, speeds[i].arch, strlen(speeds[i].arch)) != 0) i++;
  return speeds[i].speed;
}

/* The plain rule evaluates whatever stands in an operand. */
static bool in_operand(const Node *n) {
  (void)n;
  return true;
}

/* Kernels are cut as for a CPU and have its plans, which the plain rule does not read. */
const Target *cuda_target(Arena *a, const char *archs) {
  const char *const *arch;
  int n;
  if (!cuda_archs(a, archs, &arch, &n)) return NULL;
  Target *t = ARENA_NEW(a, Target);
  *t = (Target){.name = arena_printf(a, "cuda:%s", archs),
                .plan_word = "cpu",
                .speed = speed_of(arch[0]),
                .cost = {.operation = 0.4, .launch = 20000},
                .chain = {.least_batches = 8, .most_resident = 1 << 20, .block_rows = 16, .element_bytes = 4},
                .in_operand = in_operand,
                .plan = plan_by_roles};
  return t;
}
