/* Expressions and values as C. An expression is a text; what it needs computed first is written into scopes.
 */
#include <ctype.h>
#include <string.h>

#include "codegen/cuda/text/cuda_emit.h"

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

/* The row's C form; abs is the one whose C name depends on the type. */
static const char *form_of(const KExpr *e) {
  if (e->elt == E_ABS && e->dtype == DT_I32) return "(%1 < 0 ? -%1 : %1)";
  return elt_rows[e->elt].cuda;
}

static const char *elementwise(CudaFn *f, const KExpr *e) {
  const char *arg[3] = {0}, *form = form_of(e);
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
  }
  ice("kernel %s: expression of kind %d", f->k->name, (int)e->kind);
}
