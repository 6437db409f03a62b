/* The manifest of a program. */
#ifndef CODEGEN_MANIFEST_FILL_H
#define CODEGEN_MANIFEST_FILL_H

#include "codegen/host/host.h"

/* A parameter of the build: -D name=value. */
typedef struct Define {
  const char *name, *value;
} Define;

/* Serialises the program's manifest into the arena and sets info->manifest; the other members of info and
 * the kernels' scratch on the target (NULL: none) go into it. */
void manifest_fill(const Prog *p, const CpuTarget *t, const Define *define, int ndefine, HostInfo *info);

#endif
