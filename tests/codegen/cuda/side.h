/* Emitted CUDA C through the host's compiler, under tests/codegen/cuda/shim.h. */
#ifndef TESTS_CUDA_SIDE_H
#define TESTS_CUDA_SIDE_H

#include "tests/codegen/cuda/launch.h"

/* Compiles the unit's text, to be found in FOLDER/NAME.cu, into FOLDER/NAME.so, which offers each of its
 * kernels, and loads it. NULL with a message on standard error when that fails. */
void *side_build(const char *folder, const char *name, const char *text);
/* The kernel named so, or NULL. */
ShimRun *side_find(void *side, const char *kernel);

#endif
