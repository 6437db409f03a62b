#include "base/machine/cpu_feature.h"

#include <cpuid.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { EAX, EBX, ECX, EDX };

/* Which registers a system must save (XCR0) before a feature can be used: those of AVX, and of AVX-512 too.
 */
enum { NONE = 0, YMM = 0x6, ZMM = 0xe6 };

/* Intel's and AMD's manuals, instruction CPUID. */
static const struct {
  const char *name;
  unsigned leaf, subleaf;
  int reg, bit;
  unsigned saved;
} row[] = {{"movbe", 1, 0, ECX, 22, NONE},        {"popcnt", 1, 0, ECX, 23, NONE},
           {"fma", 1, 0, ECX, 12, YMM},           {"avx", 1, 0, ECX, 28, YMM},
           {"f16c", 1, 0, ECX, 29, YMM},          {"bmi1", 7, 0, EBX, 3, NONE},
           {"avx2", 7, 0, EBX, 5, YMM},           {"bmi2", 7, 0, EBX, 8, NONE},
           {"avx512f", 7, 0, EBX, 16, ZMM},       {"avx512dq", 7, 0, EBX, 17, ZMM},
           {"avx512ifma", 7, 0, EBX, 21, ZMM},    {"avx512cd", 7, 0, EBX, 28, ZMM},
           {"avx512bw", 7, 0, EBX, 30, ZMM},      {"avx512vl", 7, 0, EBX, 31, ZMM},
           {"avx512vbmi", 7, 0, ECX, 1, ZMM},     {"avx512_vbmi2", 7, 0, ECX, 6, ZMM},
           {"gfni", 7, 0, ECX, 8, NONE},          {"vaes", 7, 0, ECX, 9, YMM},
           {"vpclmulqdq", 7, 0, ECX, 10, YMM},    {"avx512_vnni", 7, 0, ECX, 11, ZMM},
           {"avx512_bitalg", 7, 0, ECX, 12, ZMM}, {"avx512_vpopcntdq", 7, 0, ECX, 14, ZMM},
           {"movdiri", 7, 0, ECX, 27, NONE},      {"movdir64b", 7, 0, ECX, 28, NONE},
           {"avx512_fp16", 7, 0, EDX, 23, ZMM},   {"avx_vnni", 7, 1, EAX, 4, YMM},
           {"avx512_bf16", 7, 1, EAX, 5, ZMM}};
enum { ROWS = sizeof row / sizeof *row, OSXSAVE = 27 };

static bool ask(unsigned leaf, unsigned subleaf, unsigned reg[4]) {
  return __get_cpuid_count(leaf, subleaf, &reg[EAX], &reg[EBX], &reg[ECX], &reg[EDX]);
}

/* The registers that the system saves: XCR0, which may be read once the system says so. */
static unsigned saved_registers(void) {
  unsigned reg[4], low, high;
  if (!ask(1, 0, reg) || !(reg[ECX] >> OSXSAVE & 1)) return 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

static bool has(const char *name, size_t len, unsigned saved) {
  unsigned reg[4];
  for (int i = 0; i < ROWS; i++)
    if (strlen(row[i].name) == len && !memcmp(row[i].name, name, len))
      return ask(row[i].leaf, row[i].subleaf, reg) && reg[row[i].reg] >> row[i].bit & 1 &&
             (saved & row[i].saved) == row[i].saved;
  return false;
}

bool cpu_feature_all(const char *needs, char *lacks, size_t size) {
  unsigned saved = saved_registers();
  bool all = true;
  size_t at = 0;
  if (size) *lacks = '\0';
  while (*(needs += strspn(needs, " "))) {
    size_t len = strcspn(needs, " ");
    if (!has(needs, len, saved)) {
      if (at < size) at += (size_t)snprintf(lacks + at, size - at, "%s%.*s", at ? " " : "", (int)len, needs);
      all = false;
    }
    needs += len;
  }
  return all;
}

void cpu_feature_model(char name[49]) {
  enum { PARTS = 3 };
  const unsigned first = 0x80000002;
  unsigned reg[PARTS][4];
  name[0] = '\0';
  for (unsigned i = 0; i < PARTS; i++)
    if (!ask(first + i, 0, reg[i])) return;
  memcpy(name, reg, sizeof reg);
  name[48] = '\0';
  memmove(name, name + strspn(name, " "), strlen(name + strspn(name, " ")) + 1);
}
