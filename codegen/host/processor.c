/* The table of processors, and which of them this machine is. */
#include <string.h>

#include <llvm-c/Core.h>
#include <llvm-c/TargetMachine.h>

#include "base/diag.h"
#include "base/machine/cpu_feature.h"
#include "codegen/host/processor.h"

#define AVX2 "avx avx2 fma f16c bmi1 bmi2 movbe popcnt"
#define SKYLAKE AVX2 " avx512f avx512dq avx512cd avx512bw avx512vl"
#define ICELAKE                                                                                              \
  SKYLAKE                                                                                                    \
  " avx512ifma avx512vbmi avx512_vbmi2 avx512_vnni avx512_bitalg avx512_vpopcntdq gfni vaes vpclmulqdq"
#define BF16 ICELAKE " avx512_bf16"

/* Nearest relatives last: "native" on an unknown machine takes the first row whose needs it has. LLVM's own
 * models of Zen 4 and 5 schedule large tiles with hundreds of spills; Sapphire Rapids' does not. */
static const Processor processors[] = {
    {"znver5", "znver5", "sapphirerapids", "", BF16 " movdiri movdir64b avx_vnni", 16, 32, 49152, 1048576,
     true},
    {"znver4", "znver4", "sapphirerapids", "", BF16, 16, 32, 32768, 1048576, true},
    {"sapphirerapids", "sapphirerapids", "sapphirerapids", "", BF16 " avx_vnni avx512_fp16 movdiri movdir64b",
     16, 32, 49152, 2097152, true},
    {"skylake-avx512", "skylake-avx512", "skylake-avx512", "", SKYLAKE, 16, 32, 32768, 1048576, false},
    {"x86-64-v3", "x86-64-v3", "haswell", "", AVX2, 8, 16, 32768, 262144, false},
};
enum { PROCESSORS = sizeof processors / sizeof *processors };

const Processor processor_any = {"x86-64",   "x86-64",    "generic",   "",          "",
                                 .lanes = 4, .vregs = 16, .l1 = 32768, .l2 = 262144};

static const Processor *row(const char *name) {
  for (int i = 0; i < PROCESSORS; i++)
    if (!strcmp(processors[i].name, name)) return &processors[i];
  return NULL;
}

bool processor_runs_here(const Processor *t) {
  return cpu_feature_all(t->needs, NULL, 0);
}

static const Processor *native(void) {
  char *host = LLVMGetHostCPUName();
  if (!host) diag_no_memory();
  const Processor *t = row(host);
  LLVMDisposeMessage(host);
  if (t && processor_runs_here(t)) return t;
  for (int i = 0; i < PROCESSORS; i++)
    if (processor_runs_here(&processors[i])) return &processors[i];
  return NULL;
}

const Processor *processor_named(const char *name) {
  return strcmp(name, "native") ? row(name) : native();
}

const char *const *processor_list(Arena *a) {
  const char **names = ARENA_ARRAY(a, PROCESSORS + 1, const char *);
  for (int i = 0; i < PROCESSORS; i++) names[i] = processors[i].name;
  return names;
}
