/* The table of targets. */
#include "tools/build/target_rows.h"

#include "codegen/cpu/cpu.h"
#include "codegen/cuda/cuda.h"

const TargetRow target_rows[] = {
    {"cpu", "cpu:NAME", "the processor: native (this machine's, the default) or as in \"cpu:znver4\"",
     cpu_target_open, NULL, NULL},
    {"cuda", "cuda:ARCH,..", "NVIDIA GPUs: sm_80,sm_90a", cuda_target, "cuda", "cu"},
    {0}};
