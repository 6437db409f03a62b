/* The emitted text: it grows at its end, in nested scopes that know which values have names in them.
 * Identifiers are like the names in the kernel's text, and never one twice. */
#include <ctype.h>
#include <string.h>

#include "codegen/cuda/text/cuda_emit.h"

void ctext_add(CudaText *t, const char *s) {
  size_t len = strlen(s);
  while (t->cap <= t->n + (int)len) ARENA_GROW(t->a, t->s, t->cap, t->cap);
  memcpy(t->s + t->n, s, len + 1);
  t->n += (int)len;
}

void ctext_vprintf(CudaText *t, const char *fmt, va_list ap) {
  ctext_add(t, arena_vprintf(t->a, fmt, ap));
}

void ctext_printf(CudaText *t, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  ctext_vprintf(t, fmt, ap);
  va_end(ap);
}

static void indent(CudaText *t, int depth) {
  for (int i = 0; i < depth; i++) ctext_add(t, "  ");
}

void cuda_push(CudaFn *f, bool closed) {
  CudaScope *s = ARENA_NEW(f->a, CudaScope);
  s->up = f->scope;
  s->text.a = f->a;
  s->closed = closed;
  s->depth = f->scope ? f->scope->depth + 1 : 1;
  f->scope = s;
}

void cuda_open(CudaFn *f, bool closed, const char *fmt, ...) {
  va_list ap;
  cuda_push(f, closed);
  CudaText *t = &f->scope->text;
  indent(t, f->scope->depth - 1);
  va_start(ap, fmt);
  ctext_vprintf(t, fmt, ap);
  va_end(ap);
  ctext_add(t, " {\n");
}

void cuda_pop(CudaFn *f) {
  cuda_release_names(f);
  f->scope = f->scope->up;
}

void cuda_close(CudaFn *f) {
  CudaScope *s = f->scope;
  indent(&s->text, s->depth - 1);
  ctext_add(&s->text, "}\n");
  cuda_pop(f);
  ctext_add(&f->scope->text, s->text.s);
}

void cuda_line(CudaFn *f, const char *fmt, ...) {
  va_list ap;
  indent(&f->scope->text, f->scope->depth);
  va_start(ap, fmt);
  ctext_vprintf(&f->scope->text, fmt, ap);
  va_end(ap);
  ctext_add(&f->scope->text, "\n");
}

void cuda_bind_axis(CudaFn *f, int axis) {
  CudaScope *s = f->scope;
  ARENA_GROW(f->a, s->axis, s->naxis, s->cap_axis);
  s->axis[s->naxis++] = axis;
}

static bool binds(const CudaScope *s, int axis) {
  for (int i = 0; i < s->naxis; i++)
    if (s->axis[i] == axis) return true;
  return false;
}

static bool bound_from(const CudaScope *s, int axis) {
  for (; s; s = s->up)
    if (binds(s, axis)) return true;
  return false;
}

bool cuda_axis_bound(const CudaFn *f, int axis) {
  return bound_from(f->scope, axis);
}

void cuda_bind(CudaScope *s, Arena *a, int val, const Ix *const *idx, const char *text) {
  ARENA_GROW(a, s->bound, s->nbound, s->cap_bound);
  s->bound[s->nbound++] = (CudaBound){val, idx, text};
}

static bool same_indices(int n, const Ix *const *x, const Ix *const *y) {
  for (int i = 0; i < n; i++)
    if (!ix_same(x[i], y[i])) return false;
  return true;
}

const char *cuda_lookup(const CudaFn *f, int val, const Ix *const *idx) {
  int n = f->k->val[val].naxes;
  for (const CudaScope *s = f->scope; s; s = s->up)
    for (int i = 0; i < s->nbound; i++)
      if (s->bound[i].val == val && same_indices(n, s->bound[i].idx, idx)) return s->bound[i].text;
  return NULL;
}

static bool all_bound(const CudaFn *f, const CudaScope *s, int nidx, const Ix *const *idx) {
  for (int axis = 0; axis < f->naxis; axis++)
    for (int i = 0; i < nidx; i++)
      if (ix_uses_axis(idx[i], axis) && !bound_from(s, axis)) return false;
  return true;
}

CudaScope *cuda_home(const CudaFn *f, int nidx, const Ix *const *idx) {
  CudaScope *s = f->scope;
  while (!s->closed && s->up && all_bound(f, s->up, nidx, idx)) s = s->up;
  return s;
}

/* Words of the language and of the prelude that a kernel's own names could hit. */
static const char *const reserved[] = {
    "alignas", "auto",       "bool",   "break",   "case",     "catch",        "char",    "class",
    "const",   "default",    "delete", "do",      "double",   "else",         "enum",    "explicit",
    "export",  "extern",     "false",  "float",   "for",      "friend",       "goto",    "if",
    "inline",  "int",        "long",   "mutable", "new",      "operator",     "private", "protected",
    "public",  "register",   "return", "short",   "signed",   "sizeof",       "static",  "struct",
    "switch",  "template",   "this",   "throw",   "true",     "try",          "typedef", "typename",
    "union",   "unsigned",   "using",  "virtual", "void",     "volatile",     "while",   "and",
    "or",      "not",        "xor",    "asm",     "main",     "linux",        "unix",    "Step",
    "step",    "u32",        "u64",    "DEVICE",  "INFINITE", "NOT_A_NUMBER", "larger",  "y0",
    "y1",      "held_below", "yn",     "j0",      "j1",       "jn",           "exp",     "log",
    "max",     "min"};

static bool taken(const CudaFn *f, const char *name) {
  for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
    if (!strcmp(reserved[i], name)) return true;
  for (int i = 0; i < f->nused; i++)
    if (!strcmp(f->used[i].name, name)) return true;
  return false;
}

static char *identifier(Arena *a, const char *want) {
  char *s = arena_printf(a, "%s%s", isalpha((unsigned char)*want) ? "" : "v", want);
  for (char *p = s; *p; p++)
    if (!isalnum((unsigned char)*p)) *p = '_';
  return s;
}

const char *cuda_name(CudaFn *f, const char *want) {
  const char *base = identifier(f->a, want), *name = base;
  for (int i = 2; taken(f, name); i++) name = arena_printf(f->a, "%s_%d", base, i);
  ARENA_GROW(f->a, f->used, f->nused, f->cap_used);
  f->used[f->nused++] = (CudaUsed){name, f->scope};
  return name;
}

void cuda_move_name(CudaFn *f) {
  f->used[f->nused - 1].scope = f->scope;
}

void cuda_release_names(CudaFn *f) {
  int n = 0;
  for (int i = 0; i < f->nused; i++)
    if (f->used[i].scope != f->scope) f->used[n++] = f->used[i];
  f->nused = n;
}

static void add_axis(CudaFn *f, const char *name, int64_t extent) {
  ARENA_GROW(f->a, f->axis_name, f->naxis, f->cap_axis);
  ARENA_GROW(f->a, f->axis_extent, f->naxis, f->cap_extent);
  f->axis_extent[f->naxis] = extent;
  f->axis_name[f->naxis++] = cuda_name(f, name);
}

int cuda_fresh_axis(CudaFn *f, int axis) {
  const char *name = axis < f->k->naxes ? f->k->axis[axis].name : f->axis_name[axis];
  add_axis(f, name, f->axis_extent[axis]);
  return f->naxis - 1;
}

const Ix *cuda_axis_ix(CudaFn *f, int axis) {
  return ix_axis(f->a, axis, f->axis_extent[axis]);
}

int64_t cuda_product(const CudaFn *f, int n, const int *axis) {
  int64_t p = 1;
  for (int i = 0; i < n; i++) p *= f->axis_extent[axis[i]];
  return p;
}

/* Elements from the first to the last one that a buffer can be asked for. */
static int64_t span(const KBuf *b) {
  int64_t s = 1;
  for (int i = 0; i < b->rank; i++) s += (b->dim[i] - 1) * (b->stride[i] < 0 ? -b->stride[i] : b->stride[i]);
  return s;
}

/* Room for one grid's stride beyond the last index. */
static bool needs_long(const CudaFn *f) {
  const int64_t most = (int64_t)1 << 30;
  for (int i = 0; i < f->k->nbuf; i++)
    if (span(&f->k->buf[i]) > most) return true;
  for (int i = 0; i < f->k->nval; i++) {
    const KVal *v = &f->k->val[i];
    if (cuda_product(f, v->naxes, v->axis) > most) return true;
  }
  return false;
}

void cuda_name_all(CudaFn *f) {
  f->buf_name = ARENA_ARRAY(f->a, f->k->nbuf, const char *);
  for (int i = 0; i < f->k->nbuf; i++) f->buf_name[i] = cuda_name(f, f->k->buf[i].name);
  f->word_name = ARENA_ARRAY(f->a, f->k->nword, const char *);
  f->key_name = ARENA_ARRAY(f->a, f->k->nword, const char *);
  for (int i = 0; i < f->k->nword; i++) {
    f->word_name[i] = cuda_name(f, f->k->word[i].name);
    f->key_name[i] = cuda_name(f, arena_printf(f->a, "%s_key", f->word_name[i]));
  }
  for (int i = 0; i < f->k->naxes; i++) add_axis(f, f->k->axis[i].name, f->k->axis[i].extent);
  f->index = needs_long(f) ? "long long" : "int";
}
