/* Kernels through the CUDA emitter and the host's compiler, against the interpreter. */
#ifndef TESTS_CUDA_COMPARE_H
#define TESTS_CUDA_COMPARE_H

#include <stdbool.h>

/* Every kernel of a file: verified, emitted, compiled into FOLDER, run on random data in three thread orders,
 * and compared with the interpreter, and the orders' bits with each other. Kernels of more work than
 * `most_work` (multiplications and the like) are compiled only. Gives the number of kernels that ran, -1
 * after saying on standard error what is wrong. */
int cuda_compare_file(const char *path, const char *folder, double most_work);

#endif
