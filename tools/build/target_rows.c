/* The table of targets. */
#include "tools/build/target_rows.h"

#include "codegen/cpu/cpu.h"
#include "codegen/cuda/cuda.h"

const TargetRow target_rows[] = {{"cpu", "cpu:NAME", cpu_target_open, NULL, NULL},
                                 {"cuda", "cuda:ARCH,..", cuda_target, "cuda", "cu"},
                                 {0}};
