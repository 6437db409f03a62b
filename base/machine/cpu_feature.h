/* What this machine's processor can do, as cpuid tells it: no file need be there to be read. */
#ifndef BASE_CPU_FEATURE_H
#define BASE_CPU_FEATURE_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the processor, and the system that saves its registers, have every feature in `needs`, words of
 * /proc/cpuinfo with spaces between. `lacks` gets those that they have not, or that nobody knows, in the same
 * form, as far as `size` bytes hold them. */
bool cpu_feature_all(const char *needs, char *lacks, size_t size);

/* "AMD EPYC 9B45", or "" where the processor has no name. */
void cpu_feature_model(char name[49]);

#endif
