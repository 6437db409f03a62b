/* The table of processors, and which of them this machine is. */
#include <stdio.h>
#include <string.h>

#include <llvm-c/Core.h>
#include <llvm-c/TargetMachine.h>

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

static bool has_word(const char *list, const char *word, size_t len) {
  for (const char *p = list; (p = strstr(p, word)); p += len) {
    char before = p == list ? ' ' : p[-1];
    if (strchr(" \t:", before) && strchr(" \n", p[len])) return true;
  }
  return false;
}

static bool has_all(const char *flags, const char *needs) {
  char word[64];
  for (const char *p = needs; *p; p += strspn(p, " ")) {
    size_t len = strcspn(p, " ");
    snprintf(word, sizeof word, "%.*s", (int)len, p);
    if (!has_word(flags, word, len)) return false;
    p += len;
  }
  return true;
}

/* The first line of flags in /proc/cpuinfo. */
static bool read_flags(char *line, int size) {
  FILE *f = fopen("/proc/cpuinfo", "r");
  if (!f) return false;
  bool found = false;
  while (!found && fgets(line, size, f)) found = !strncmp(line, "flags", 5);
  fclose(f);
  return found;
}

static const Processor *row(const char *name) {
  for (int i = 0; i < PROCESSORS; i++)
    if (!strcmp(processors[i].name, name)) return &processors[i];
  return NULL;
}

static const Processor *native(void) {
  char flags[8192];
  if (!read_flags(flags, sizeof flags)) return NULL;
  char *host = LLVMGetHostCPUName();
  const Processor *t = row(host);
  LLVMDisposeMessage(host);
  if (t && has_all(flags, t->needs)) return t;
  for (int i = 0; i < PROCESSORS; i++)
    if (has_all(flags, processors[i].needs)) return &processors[i];
  return NULL;
}

bool processor_runs_here(const Processor *t) {
  char flags[8192];
  return read_flags(flags, sizeof flags) && has_all(flags, t->needs);
}

const Processor *processor_named(const char *name) {
  return strcmp(name, "native") ? row(name) : native();
}

const char *const *processor_list(Arena *a) {
  const char **names = ARENA_ARRAY(a, PROCESSORS + 1, const char *);
  for (int i = 0; i < PROCESSORS; i++) names[i] = processors[i].name;
  return names;
}
