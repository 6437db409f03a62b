/* Host code: what an object holds besides its kernels. One function an entry, which launches the kernels in
 * order over the planned arena, and the constant `tess_program` with all its tables (abi/program.h). */
#ifndef CODEGEN_HOST_H
#define CODEGEN_HOST_H

#include "abi/program.h"
#include "codegen/host/host_module.h"
#include "ir/target.h"

/* What the tables say that the program itself does not know. */
typedef struct HostInfo {
  const char *description; /* the file that it was built from, relative to its folder */
  const char *source_hash; /* 64 hex digits */
  const char *build;       /* "tessera 0.1.0, cpu:znver4" */
  const char *cpu_needs;   /* features as in /proc/cpuinfo, separated by spaces */
  int64_t scratch_bytes;   /* a thread: host_scratch */
  int max_threads;
  bool poison;          /* fill memory with 0xff, which is NaN, while the plan calls it dead (debug builds) */
  const TessFact *fact; /* what the program is (abi/program.h) */
  int nfact;
  const unsigned char *manifest; /* flatbuffers, or NULL */
  size_t manifest_bytes;
} HostInfo;

/* Bytes of scratch that a thread needs: the most of any kernel, a multiple of 64. */
int64_t host_scratch(const Prog *p, const Target *t);

/* Sets the number of tasks of every launch, which the target alone knows. */
void host_count_tasks(Prog *p, const Target *t);

/* Adds the entries and the tables to the module, which holds every kernel of the program under its name: a
 * function, or a constant that tess_launch understands. Ends
 * the compiler when a kernel is missing; false, with an error reported, when the program has more named
 * values or settings than the runtime's tables can say. */
bool host_emit(HostModule *m, const Prog *p, const HostInfo *info);

/* A parameter of the build: -D name=value. */
typedef struct Define {
  const char *name, *value;
} Define;

/* Serialises the program's manifest into the arena and sets info->manifest; the other members of info and
 * the kernels' scratch go into it. */
void host_manifest(const Prog *p, const Target *t, const Define *define, int ndefine, HostInfo *info);

/* The name of the ELF section that holds the manifest. */
#define HOST_MANIFEST_SECTION ".tessera.manifest"

/* The place as the tables give it, "digpt.tess:41"; "" for nowhere. Arena-owned. */
const char *host_place(Arena *a, Loc loc);

#endif
