/* Expressions as C. An expression is a text; what it needs computed first is written into scopes. First how
 * element types look: in memory, in registers, and on the way between; then indices: sums of the axes'
 * variables, quotients and remainders that round down, elements read from index buffers, and the elements of
 * strided buffers. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/cuda/text/cuda_emit.h"

const char *cuda_memory_type(DType t) {
  static const char *const c[DT_COUNT] = {[DT_F32] = "float",
                                          [DT_BF16] = "unsigned short",
                                          [DT_F16] = "unsigned short",
                                          [DT_I32] = "int",
                                          [DT_U8] = "unsigned char",
                                          [DT_BOOL] = "unsigned char",
                                          [DT_U64] = "unsigned long long"};
  return c[t];
}

const char *cuda_register_type(DType t) {
  if (dtype_is_float(t)) return "float";
  if (t == DT_BOOL) return "bool";
  return t == DT_U64 ? "unsigned long long" : "int";
}

const char *cuda_load(CudaFn *f, DType t, const char *memory) {
  if (t == DT_BF16 || t == DT_F16) return arena_printf(f->a, "%s_to_f32(%s)", dtype_name(t), memory);
  if (t == DT_BOOL) return arena_printf(f->a, "(%s != 0)", memory);
  return memory;
}

const char *cuda_to_memory(CudaFn *f, DType t, const char *value) {
  if (t == DT_BF16 || t == DT_F16) return arena_printf(f->a, "f32_to_%s(%s)", dtype_name(t), value);
  if (t == DT_U8) return arena_printf(f->a, "(unsigned char)%s", value);
  return value;
}

const char *cuda_round(CudaFn *f, DType t, const char *value) {
  if (t == DT_BF16 || t == DT_F16) return arena_printf(f->a, "%s_round(%s)", dtype_name(t), value);
  return value;
}

/* Floats become integers by dropping the fraction; what does not fit becomes the nearest that does. */
static const char *to_whole(CudaFn *f, DType to, DType from, const char *value) {
  bool fits = from == DT_BOOL || from == DT_U8 || to == DT_U64;
  if (fits) return arena_printf(f->a, "(%s)%s", cuda_register_type(to), value);
  const char *source = dtype_is_float(from) ? "f32" : dtype_name(from);
  return arena_printf(f->a, "%s_to_%s(%s)", source, dtype_name(to), value);
}

const char *cuda_cast(CudaFn *f, DType to, DType from, const char *value) {
  if (to == from) return value;
  if (to == DT_BOOL) return arena_printf(f->a, "(%s != 0)", value);
  if (dtype_is_float(to)) {
    if (dtype_is_float(from)) return cuda_round(f, to, value);
    return cuda_round(f, to, arena_printf(f->a, "(float)%s", value));
  }
  return to_whole(f, to, from, value);
}

static const char *float_constant(CudaFn *f, float v) {
  if (isnan(v)) return "NOT_A_NUMBER";
  if (isinf(v)) return v > 0 ? "INFINITE" : "(-INFINITE)";
  const char *s = arena_printf(f->a, "%.9g", (double)v);
  const char *form = strpbrk(s, ".e") ? "%sf" : "%s.0f";
  return arena_printf(f->a, v < 0 ? "(%s)" : "%s", arena_printf(f->a, form, s));
}

const char *cuda_constant(CudaFn *f, DType t, double v) {
  if (dtype_is_float(t)) return float_constant(f, dtype_round(t, (float)v));
  if (t == DT_BOOL) return v != 0 ? "true" : "false";
  if (t == DT_U64) return arena_printf(f->a, "%lluull", (unsigned long long)v);
  return arena_printf(f->a, v < 0 ? "(%lld)" : "%lld", (long long)v);
}

static const Ix *offset(CudaFn *f, const KBuf *b, int n, const Ix *const *idx) {
  const Ix *at = ix_const(f->a, 0);
  for (int i = 0; i < n; i++) at = ix_add(f->a, at, ix_scale(f->a, idx[i], b->stride[i]));
  return at;
}

const char *cuda_element(CudaFn *f, int buf, const Ix *const *idx) {
  const KBuf *b = &f->k->buf[buf];
  return arena_printf(f->a, "%s[%s]", f->buf_name[buf], cuda_index(f, offset(f, b, b->rank, idx)));
}

static const char *sum(CudaFn *f, const Ix *ix);

static const char *quotient(CudaFn *f, const IxAtom *x) {
  int64_t lo, hi;
  ix_range(x->arg, &lo, &hi);
  bool mod = x->kind == IX_MOD, name = x->arg->nterm == 1 && !x->arg->base && x->arg->term[0].coef == 1;
  const char *arg = sum(f, x->arg);
  long long by = x->extent;
  if (lo < 0) return arena_printf(f->a, "floor_%s(%s, %lld)", mod ? "mod" : "div", arg, by);
  return arena_printf(f->a, name ? "%s %s %lld" : "(%s) %s %lld", arg, mod ? "%" : "/", by);
}

/* i32 reaches no further than 2^31. */
static const char *held(CudaFn *f, const IxAtom *x) {
  long long end = x->extent <= INT32_MAX ? x->extent : (long long)INT32_MAX + 1;
  return arena_printf(f->a, "held_below(%s, %lldu)", cuda_element(f, x->id, x->idx), end);
}

static const char *atom(CudaFn *f, const IxAtom *x, bool factor) {
  if (x->kind == IX_AXIS) return f->axis_name[x->id];
  if (x->kind == IX_READ) return held(f, x);
  const char *q = quotient(f, x);
  return factor ? arena_printf(f->a, "(%s)", q) : q;
}

static void term(CudaFn *f, CudaText *t, const IxTerm *x) {
  int64_t coef = x->coef;
  if (t->n) ctext_add(t, coef < 0 ? " - " : " + ");
  if (t->n && coef < 0) coef = -coef;
  bool whole = coef == 1;
  ctext_add(t, atom(f, x->atom, !whole || t->n));
  if (!whole) ctext_printf(t, " * %lld", (long long)coef);
}

static const char *sum(CudaFn *f, const Ix *ix) {
  CudaText t = {.a = f->a};
  for (int i = 0; i < ix->nterm; i++) term(f, &t, &ix->term[i]);
  if (!t.n) return arena_printf(f->a, "%lld", (long long)ix->base);
  if (ix->base) ctext_printf(&t, " %c %lld", ix->base < 0 ? '-' : '+', llabs((long long)ix->base));
  return t.s;
}

const char *cuda_index(CudaFn *f, const Ix *ix) {
  return sum(f, ix);
}

bool cuda_simple(const char *s) {
  for (; *s; s++)
    if (!isalnum((unsigned char)*s) && *s != '_' && *s != '.') return false;
  return true;
}

const char *cuda_bare(CudaFn *f, const char *text) {
  int depth = 0;
  const char *s = text;
  do {
    depth += (*s == '(') - (*s == ')');
  } while (depth && *++s);
  return *text == '(' && !s[1] ? arena_strndup(f->a, text + 1, (size_t)(s - text) - 1) : text;
}

static const char *named(CudaFn *f, const char *want, DType t, const char *text) {
  if (cuda_simple(text)) return text;
  const char *name = cuda_name(f, want);
  cuda_line(f, "const %s %s = %s;", cuda_register_type(t), name, cuda_bare(f, text));
  return name;
}

static int uses(const char *form, char operand) {
  int n = 0;
  for (const char *p = form; (p = strchr(p, '%')); p += 2) n += p[1] == operand;
  return n;
}

static const char *fill(CudaFn *f, const char *form, const char *const *arg) {
  CudaText t = {.a = f->a};
  for (const char *p = form; *p; p++) {
    if (*p != '%') {
      ctext_printf(&t, "%c", *p);
      continue;
    }
    bool alone = p > form && p[-1] == '(' && p[2] == ')';
    const char *text = arg[*++p - '1'];
    ctext_add(&t, alone ? cuda_bare(f, text) : text);
  }
  return t.s;
}

static const char *elementwise(CudaFn *f, const KExpr *e) {
  const char *arg[3] = {0}, *form = cuda_elt_form(e->elt, e->dtype);
  for (int i = 0; i < elt_rows[e->elt].arity; i++) {
    arg[i] = cuda_expr(f, e->arg[i]);
    if (uses(form, (char)('1' + i)) > 1) arg[i] = named(f, "t", e->arg[i]->dtype, arg[i]);
  }
  return cuda_round(f, e->dtype, fill(f, form, arg));
}

/* One branch in a scope of its own, which is left open in *scope. */
static const char *branch(CudaFn *f, const KExpr *e, CudaScope **scope) {
  cuda_push(f, true);
  const char *text = cuda_expr(f, e);
  *scope = f->scope;
  cuda_pop(f);
  return text;
}

static void write_branch(CudaFn *f, const char *header, const CudaScope *s, const char *result,
                         const char *text) {
  cuda_open(f, true, "%s", header);
  if (s->text.n) ctext_add(&f->scope->text, s->text.s);
  cuda_line(f, "%s = %s;", result, cuda_bare(f, text));
  cuda_close(f);
}

/* `?:` evaluates one branch only; where a branch needs statements it becomes `if` and `else`. The result's
 * name is taken first, so that none inside hides it. */
static const char *selected(CudaFn *f, const KExpr *e) {
  CudaScope *yes, *no;
  const char *test = cuda_expr(f, e->arg[0]), *result = cuda_name(f, "chosen");
  const char *y = branch(f, e->arg[1], &yes), *n = branch(f, e->arg[2], &no);
  if (!yes->text.n && !no->text.n) {
    f->nused--;
    return arena_printf(f->a, "(%s ? %s : %s)", test, y, n);
  }
  cuda_line(f, "%s %s;", cuda_register_type(e->dtype), result);
  write_branch(f, arena_printf(f->a, "if (%s)", cuda_bare(f, test)), yes, result, y);
  write_branch(f, "else", no, result, n);
  return result;
}

static const char *step_field(CudaFn *f, const char *name) {
  static const char *const fixed[][2] = {{"step", "step_f"},
                                         {"micro", "micro_f"},
                                         {"total", "total"},
                                         {"epoch_steps", "epoch_steps"},
                                         {"constant", "constant"}};
  for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
    if (!strcmp(fixed[i][0], name)) return arena_printf(f->a, "step->%s", fixed[i][1]);
  for (int i = 0; i < f->nsetting; i++)
    if (!strcmp(f->setting[i], name)) return arena_printf(f->a, "step->setting[%d]", i);
  ice("kernel %s: the step block has no %s", f->k->name, name);
}

static const char *random_draw(CudaFn *f, const KExpr *e) {
  const char *element = cuda_index(f, e->ix);
  return arena_printf(f->a, "random_uniform(%s, (unsigned int)(%s))", f->key_name[e->ref], element);
}

static const char *index_value(CudaFn *f, const KExpr *e) {
  const char *ix = cuda_index(f, e->ix);
  if (!cuda_simple(ix)) ix = arena_printf(f->a, "(%s)", ix);
  return cuda_cast(f, e->dtype, DT_I32, ix);
}

const char *cuda_expr(CudaFn *f, const KExpr *e) {
  switch (e->kind) {
  case KE_CONST: return cuda_constant(f, e->dtype, e->value);
  case KE_INDEX: return index_value(f, e);
  case KE_READ: return cuda_load(f, e->dtype, cuda_element(f, e->ref, e->idx));
  case KE_VALUE: return cuda_value(f, e->ref, e->idx);
  case KE_ELT: return e->elt == E_SELECT ? selected(f, e) : elementwise(f, e);
  case KE_CAST: return cuda_cast(f, e->dtype, e->arg[0]->dtype, cuda_expr(f, e->arg[0]));
  case KE_STEP: return step_field(f, e->name);
  case KE_RANDOM: return random_draw(f, e);
  case KE_NUMBER: return arena_printf(f->a, "__uint_as_float((u32)%s)", f->word_name[e->ref]);
  }
  ice("kernel %s: expression of kind %d", f->k->name, (int)e->kind);
}
