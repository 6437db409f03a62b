/* The table of targets of the test's driver: a CPU to compare with, and the toy. */
#include "codegen/cpu/cpu.h"
#include "tests/codegen/toy/toy.h"
#include "tools/build/target_rows.h"

const TargetRow target_rows[] = {{"cpu", "cpu:NAME", "a processor", cpu_target_open, NULL, NULL},
                                 {"toy", "toy:", "no machine: an interpreter", toy_target, "toy", "toy"},
                                 {0}};
