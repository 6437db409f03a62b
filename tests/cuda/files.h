/* The kernel texts that the CUDA tests go through: tests/kern, tests/kern/hard and tests/cuda. */
#ifndef TESTS_CUDA_FILES_H
#define TESTS_CUDA_FILES_H

/* Looks for them; gives how many there are. */
int cuda_find_files(void);
const char *cuda_file(int i);

#endif
