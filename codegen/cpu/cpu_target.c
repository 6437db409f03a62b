/* The CPUs as targets: one a processor. */
#include <string.h>

#include "codegen/cpu/cpu.h"
#include "codegen/plan_roles.h"

/* Packs evaluate whatever stands in an operand. */
static bool in_operand(const Node *n) {
  (void)n;
  return true;
}

/* An operation on an element costs as much as moving 0.4 bytes: measured on the flat kernels here, a vector
 * operation takes about a cycle for 16 elements and a core moves about 6 bytes a cycle from L2. What is
 * resident stays in about the second cache of a core; a block has at most the rows of a register tile. */
#define CPU(processor, ...)                                                                                  \
  {.name = "cpu:" processor,                                                                                 \
   .plan_word = "cpu",                                                                                       \
   .threaded = true,                                                                                         \
   .speed = {__VA_ARGS__},                                                                                   \
   .cost = {.operation = 0.4, .launch = 20000},                                                              \
   .chain = {.least_batches = 8, .most_resident = 1 << 20, .block_rows = 16, .element_bytes = 4},            \
   .in_operand = in_operand,                                                                                 \
   .plan = plan_by_roles}

static const Target targets[] = {
    CPU("znver5", "Zen 5, as Zen 4 at its clock with 512-bit data paths", 230e9, 115e9, 16e9, 60e9, 1e-6),
    CPU("znver4", "Zen 4: bench/peak, and 16 additions a cycle", 115e9, 57e9, 14e9, 50e9, 1e-6),
    CPU("sapphirerapids", "data sheet at 2.8 GHz", 179e9, 90e9, 12e9, 80e9, 1e-6),
    CPU("skylake-avx512", "data sheet at 2.6 GHz", 166e9, 83e9, 11e9, 60e9, 1e-6),
    CPU("x86-64-v3", "two 256-bit units at 3 GHz", 96e9, 48e9, 10e9, 40e9, 1e-6),
};

const Target *cpu_target(const char *name) {
  const Processor *p = processor_named(name);
  for (size_t i = 0; p && i < sizeof targets / sizeof *targets; i++)
    if (!strcmp(targets[i].name + strlen("cpu:"), p->name)) return &targets[i];
  return NULL;
}
