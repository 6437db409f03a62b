/* Amounts of memory on the command line. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/tessera.h"

static const struct {
  const char *name;
  double bytes;
} units[] = {{"", 1},         {"B", 1},    {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30},
             {"TiB", 0x1p40}, {"kB", 1e3}, {"MB", 1e6},     {"GB", 1e9},     {"TB", 1e12}};

int64_t args_bytes(Args *a, const char *option, const char *text) {
  char *end;
  double n = strtod(text, &end);
  bool digits = *text >= '0' && *text <= '9';
  for (size_t i = 0; digits && i < sizeof units / sizeof *units; i++)
    if (strcmp(end, units[i].name) == 0 && n * units[i].bytes >= 1 && n * units[i].bytes < 0x1p60)
      return (int64_t)floor(n * units[i].bytes);
  args_fail(a, "%s wants an amount of memory as in 24GiB, 800MB or 123456, found \"%s\"", option, text);
  return 0;
}
