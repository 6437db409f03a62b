/* A unit of kernels as CUDA C: the prelude, then a function a kernel. */
#include <string.h>

#include "abi/program.h"
#include "codegen/cuda/text/cuda_dot.h"
#include "codegen/cuda/text/cuda_emit.h"
#include "codegen/cuda/text/cuda_plain.h"

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

/* A list of words: each on a new line where the last one is full. */
typedef struct Wrap {
  CudaText *t;
  int line; /* where the last line starts */
  const char *between, *indent;
  bool any;
} Wrap;

static void wrap_word(Wrap *w, const char *word) {
  const int most = 110;
  bool full = w->t->n - w->line + (int)strlen(word) + (int)strlen(w->between) + 1 > most;
  if (w->any) ctext_add(w->t, w->between);
  if (full) {
    ctext_add(w->t, "\n");
    w->line = w->t->n;
    ctext_add(w->t, w->indent);
  } else if (w->any) {
    ctext_add(w->t, " ");
  }
  ctext_add(w->t, word);
  w->any = true;
}

/* "digpt.tess:41", the file's name without its folder. */
static const char *place(Arena *a, Loc loc) {
  const char *slash = strrchr(loc.src->path, '/');
  return arena_printf(a, "%s:%d", slash ? slash + 1 : loc.src->path, loc.line);
}

/* "k_norm: digpt.tess:41; mu nn.tess:7, v nn.tess:9": the kernel's place, then of each value the place that
 * the one before does not have. */
static void add_comment(CudaText *t, const Kernel *k) {
  ctext_add(t, "\n");
  Wrap w = {t, t->n, ",", " * ", false};
  ctext_printf(t, "/* %s: ", k->name);
  Loc last = k->loc;
  if (last.src && last.line) wrap_word(&w, place(t->a, last));
  for (int i = 0; i < k->nval; i++) {
    Loc loc = k->val[i].loc;
    if (!loc.src || (loc.src == last.src && loc.line == last.line)) continue;
    wrap_word(&w, arena_printf(t->a, "%s %s", k->val[i].name, place(t->a, loc)));
    last = loc;
  }
  for (const char *const *o = k->origin; o && *o; o++) ctext_printf(t, "\n * %s", *o);
  ctext_add(t, " */\n");
}

static void add_signature(CudaText *t, const CudaFn *f, const CudaLaunch *l) {
  const Kernel *k = f->k;
  Wrap w = {t, t->n, ",", "    ", false};
  ctext_printf(t, "extern \"C\" __global__ void __launch_bounds__(%d) %s(", l->block, l->name);
  for (int i = 0; i < k->nbuf; i++)
    wrap_word(&w, arena_printf(f->a, "%s%s *__restrict__ %s", k->buf[i].kind == KB_IN ? "const " : "",
                               cuda_memory_type(k->buf[i].dtype), f->buf_name[i]));
  wrap_word(&w, "const Step *__restrict__ step");
  for (int i = 0; i < k->nword; i++) wrap_word(&w, arena_printf(f->a, "u64 %s", f->word_name[i]));
  ctext_add(t, ")");
  ctext_add(t, "\n{\n");
}

static void add_keys(CudaText *t, const CudaFn *f) {
  for (int i = 0; i < f->k->nword; i++)
    if (f->k->word[i].type == DT_U64)
      ctext_printf(t, "  const u64 %s = random_key(step, %s);\n", f->key_name[i], f->word_name[i]);
}

void cuda_unit_add(CudaUnit *u, const Kernel *k, bool aligned) {
  CudaFn f = {.k = k, .a = u->a, .setting = u->setting, .nsetting = u->nsetting};
  CudaLaunch l = {.name = arena_printf(u->a, "k_%s", k->name), .grid = 1};
  CudaDot dot;
  bool mma = aligned && cuda_dot_match(k, &dot);
  if (mma) cuda_dot_words(&f);
  cuda_name_all(&f);
  cuda_push(&f, true);
  if (mma)
    cuda_dot(&f, &dot, &l);
  else
    cuda_plain(&f, &l);
  add_comment(&u->text, k);
  add_signature(&u->text, &f, &l);
  add_keys(&u->text, &f);
  ctext_add(&u->text, f.scope->text.s);
  ctext_add(&u->text, "}\n");
  ARENA_GROW(u->a, u->launch, u->nlaunch, u->cap_launch);
  u->launch[u->nlaunch++] = l;
}

const char *cuda_unit_text(CudaUnit *u) {
  return arena_strdup(u->a, u->text.s);
}

int cuda_unit_launches(const CudaUnit *u, const CudaLaunch **launch) {
  *launch = u->launch;
  return u->nlaunch;
}
