/* Processors by name. */
#ifndef TOOLS_TESSERA_TARGET_H
#define TOOLS_TESSERA_TARGET_H

#include "codegen/cpu/cpu.h"

/* The processor of "cpu:NAME"; NULL after reporting the names that there are, and what else the caller takes:
 * " or cuda:sm_80". */
const CpuTarget *target_cpu(Arena *a, const char *text, const char *others);

#endif
