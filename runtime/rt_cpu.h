/* Whether this processor has what the program was built for. */
#ifndef RUNTIME_RT_CPU_H
#define RUNTIME_RT_CPU_H

#include <stdbool.h>

/* `needs` and the file's flags line hold features separated by spaces. False with an error that says which
 * are missing and what was found instead. `cpuinfo` is "/proc/cpuinfo" but in tests. */
bool rt_cpu_check(const char *needs, const char *cpuinfo);
/* Processors this process may run on. */
int rt_cpu_count(void);

#endif
