/* The attn skeleton: dot, rows, dot. */
#include "codegen/cpu_emit.h"

void cpu_attn(CpuFn *f) {
  ice("kernel %s: the attn skeleton has no CPU emitter", f->k->name);
}

int64_t cpu_attn_tasks(const Kernel *k, const KPlan *p) {
  (void)p;
  ice("kernel %s: the attn skeleton has no CPU emitter", k->name);
}

int64_t cpu_attn_scratch(const Kernel *k, const KPlan *p, const CpuTarget *t) {
  (void)p, (void)t;
  ice("kernel %s: the attn skeleton has no CPU emitter", k->name);
}
