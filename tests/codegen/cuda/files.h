/* The kernel texts that the CUDA tests go through: tests/ir/kern, tests/ir/kern/hard and tests/codegen/cuda.
 */
#ifndef TESTS_CUDA_FILES_H
#define TESTS_CUDA_FILES_H

/* Looks for them; gives how many there are. */
int cuda_find_files(void);
const char *cuda_file(int i);

#endif
