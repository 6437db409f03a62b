/* Kernel text: anything may come in; what is read prints, reads back to the same bytes and is judged the same
 * by the verifier. */
#include <stddef.h>
#include <string.h>

#include "codegen/cpu/cpu.h"
#include "codegen/cuda/cuda.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static const KPlanRules *const rules[] = {&cpu_plans, &cuda_plans, NULL};

static void check_text(Arena *a, const Kernel *k) {
  bool sound = kern_verify(k);
  const char *first = kern_print(a, k);
  const KernList *again = kern_parse(a, diag_source(a, "printed", first, strlen(first)), rules);
  if (!again || again->n != 1) ice("what was printed does not read back:\n%s", first);
  if (strcmp(first, kern_print(a, again->k[0])) != 0)
    ice("what was printed reads back as something else:\n%s", first);
  if (strcmp(kern_canonical(a, k), kern_canonical(a, again->k[0])) != 0)
    ice("the canonical text changed on the way:\n%s", first);
  if (kern_verify(again->k[0]) != sound) ice("the verifier changed its mind about:\n%s", first);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
  Arena *a = arena_new();
  diag_to(NULL);
  diag_reset();
  const KernList *list = kern_parse(a, diag_source(a, "fuzz.kern", (const char *)data, size), rules);
  for (int i = 0; list && i < list->n; i++) check_text(a, list->k[i]);
  arena_free(a);
  return 0;
}
