/* A unit of kernels as CUDA C: the prelude, then a function a kernel. */
#include <string.h>

#include "codegen/cuda_dot.h"
#include "codegen/cuda_emit.h"
#include "codegen/cuda_part.h"
#include "runtime/program.h"

struct CudaUnit {
  Arena *a;
  CudaText text;
  const char *const *setting;
  int nsetting;
  int nlaunch, cap_launch;
  CudaLaunch *launch;
};

CudaUnit *cuda_unit_new(Arena *a, const char *const *setting, int nsetting) {
  _Static_assert(TESS_MAX_SETTINGS == 24 && sizeof(TessStep) == 152, "the prelude's Step has this layout");
  CudaUnit *u = ARENA_NEW(a, CudaUnit);
  *u = (CudaUnit){.a = a, .text = {.a = a}, .setting = setting, .nsetting = nsetting};
  for (const char *const *s = cuda_prelude; *s; s++) ctext_add(&u->text, *s);
  return u;
}

static void add_place(CudaText *t, Loc loc) {
  if (!loc.src || !loc.line) return;
  const char *slash = strrchr(loc.src->path, '/');
  ctext_printf(t, " %s:%d", slash ? slash + 1 : loc.src->path, loc.line);
}

/* "norm: digpt.tess:41, mu nn.tess:7": the kernel's place, then those of the values that have others. */
static void add_comment(CudaText *t, const Kernel *k) {
  ctext_printf(t, "\n/* %s:", k->name);
  add_place(t, k->loc);
  Loc last = k->loc;
  for (int i = 0; i < k->nval; i++) {
    Loc loc = k->val[i].loc;
    if (!loc.src || (loc.src == last.src && loc.line == last.line)) continue;
    ctext_printf(t, ", %s", k->val[i].name);
    add_place(t, loc);
    last = loc;
  }
  for (const char *const *o = k->origin; o && *o; o++) ctext_printf(t, "\n * %s", *o);
  ctext_add(t, " */\n");
}

/* One parameter, on a new line where the last one is full. */
static void add_parameter(CudaText *t, int *line, const char *text) {
  const int most = 110;
  int n = (int)strlen(text);
  if (t->n - *line + n > most) {
    *line = t->n;
    ctext_add(t, "\n    ");
  }
  ctext_add(t, text);
}

static void add_signature(CudaText *t, const CudaFn *f, const CudaLaunch *l) {
  const Kernel *k = f->k;
  int line = t->n;
  ctext_printf(t, "extern \"C\" __global__ void __launch_bounds__(%d) %s(", l->block, l->name);
  for (int i = 0; i < k->nbuf; i++)
    add_parameter(t, &line,
                  arena_printf(f->a, "%s%s *__restrict__ %s, ", k->buf[i].kind == KB_IN ? "const " : "",
                               cuda_memory_type(k->buf[i].dtype), f->buf_name[i]));
  add_parameter(t, &line, "const Step *__restrict__ step)\n{\n");
}

static void add_keys(CudaText *t, const CudaFn *f) {
  for (int i = 0; i < f->nstream; i++)
    ctext_printf(t, "  const u64 random_key%d = random_key(step, 0x%llxull);\n", i,
                 (unsigned long long)f->stream[i]);
}

bool cuda_unit_add(CudaUnit *u, const Kernel *k) {
  CudaFn f = {.k = k, .a = u->a, .setting = u->setting, .nsetting = u->nsetting};
  CudaLaunch l = {.name = arena_printf(u->a, "k_%s", k->name), .grid = 1};
  CudaDot dot;
  bool mma = cuda_dot_match(k, &dot);
  if (mma) cuda_dot_words(&f);
  cuda_name_all(&f);
  cuda_push(&f, true);
  if (mma)
    cuda_dot(&f, &dot, &l);
  else if (!cuda_plain(&f, &l))
    return false;
  add_comment(&u->text, k);
  add_signature(&u->text, &f, &l);
  add_keys(&u->text, &f);
  ctext_add(&u->text, f.scope->text.s);
  ctext_add(&u->text, "}\n");
  ARENA_GROW(u->a, u->launch, u->nlaunch, u->cap_launch);
  u->launch[u->nlaunch++] = l;
  return true;
}

const char *cuda_unit_text(CudaUnit *u) {
  return arena_strdup(u->a, u->text.s);
}

int cuda_unit_launches(const CudaUnit *u, const CudaLaunch **launch) {
  *launch = u->launch;
  return u->nlaunch;
}
