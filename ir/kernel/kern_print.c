/* Kernel IR as text. The grammar is in docs/kernel-ir.md; kern_parse.c reads it back. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/kernel/kern.h"
#include "ir/kernel/kern_impl.h"
#include "ir/kernel/kern_walk.h"

/* A text being written. With `bare`, names are numbered and places, origin and the words' values left out,
 * so that kernels that can share code have equal texts. */
typedef struct Printer {
  FILE *f;
  Arena *arena;
  const Kernel *k;
  bool bare;
  IxNames names;
} Printer;

static const char *numbered(const Printer *p, const char *name, char kind, int i) {
  return p->bare ? arena_printf(p->arena, "%c%d", kind, i) : name;
}

static const char *axis_name(void *ctx, int axis) {
  const Printer *p = ctx;
  return numbered(p, p->k->axis[axis].name, 'a', axis);
}

static const char *buf_name(void *ctx, int buf) {
  const Printer *p = ctx;
  return numbered(p, p->k->buf[buf].name, 'b', buf);
}

static const char *word_name(const Printer *p, int word) {
  return numbered(p, p->k->word[word].name, 's', word);
}

static const char *val_name(const Printer *p, int val) {
  return numbered(p, p->k->val[val].name, 'v', val);
}

static void put_string(FILE *f, const char *s) {
  fputc('"', f);
  for (; *s; s++) {
    if (*s == '"' || *s == '\\') fputc('\\', f);
    if (*s == '\n')
      fputs("\\n", f);
    else
      fputc(*s, f);
  }
  fputc('"', f);
}

static void put_place(const Printer *p, const char *before, Loc loc) {
  if (p->bare || !loc.src || loc.src == p->k->text) return;
  fputs(before, p->f);
  put_string(p->f, loc.src->path);
  fprintf(p->f, ":%d:%d", loc.line, loc.col);
}

/* The shortest decimal that reads back as the same double. */
static void put_number(FILE *f, double v) {
  char text[40];
  if (isnan(v) || isinf(v)) {
    fputs(isnan(v) ? "nan" : v < 0 ? "-inf" : "inf", f);
    return;
  }
  for (int digits = 1; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, v);
    if (strtod(text, NULL) == v) break;
  }
  fputs(text, f);
}

static void put_const(FILE *f, DType t, double v) {
  if (t == DT_BOOL) {
    fputs(v != 0 ? "true" : "false", f);
    return;
  }
  if (t != DT_F32) fprintf(f, "%s(", dtype_name(t));
  put_number(f, v);
  if (t != DT_F32) fputc(')', f);
}

static void put_indices(const Printer *p, int n, const Ix *const *idx) {
  fputc('[', p->f);
  for (int i = 0; i < n; i++) {
    if (i) fputs(", ", p->f);
    ix_write(p->f, idx[i], &p->names);
  }
  fputc(']', p->f);
}

static void put_axes(Printer *p, int n, const int *axis) {
  fputc('[', p->f);
  for (int i = 0; i < n; i++) fprintf(p->f, "%s%s", i ? ", " : "", axis_name(p, axis[i]));
  fputc(']', p->f);
}

static void put_expr(Printer *p, const KExpr *e, int above);

/* Infix where the row has a precedence; parentheses where it binds less than what is `above`. */
static void put_elt(Printer *p, const KExpr *e, int above) {
  const EltRow *row = &elt_rows[e->elt];
  if (row->precedence) {
    if (row->precedence < above) fputc('(', p->f);
    put_expr(p, e->arg[0], row->precedence);
    fprintf(p->f, " %s ", row->text);
    put_expr(p, e->arg[1], row->precedence + 1);
    if (row->precedence < above) fputc(')', p->f);
    return;
  }
  fprintf(p->f, "%s(", row->text);
  for (int i = 0; i < row->arity; i++) {
    if (i) fputs(", ", p->f);
    put_expr(p, e->arg[i], 0);
  }
  fputc(')', p->f);
}

static void put_expr(Printer *p, const KExpr *e, int above) {
  switch (e->kind) {
  case KE_CONST: put_const(p->f, e->dtype, e->value); return;
  case KE_ELT: put_elt(p, e, above); return;
  case KE_READ:
  case KE_VALUE:
    fputs(e->kind == KE_READ ? buf_name(p, e->ref) : val_name(p, e->ref), p->f);
    put_indices(p, e->nidx, e->idx);
    return;
  case KE_INDEX:
    fprintf(p->f, "index(%s, ", dtype_name(e->dtype));
    ix_write(p->f, e->ix, &p->names);
    break;
  case KE_CAST:
    fprintf(p->f, "cast(%s, ", dtype_name(e->dtype));
    put_expr(p, e->arg[0], 0);
    break;
  case KE_STEP: fprintf(p->f, "step(%s", e->name); break;
  case KE_NUMBER: fputs(word_name(p, e->ref), p->f); return;
  case KE_RANDOM:
    fprintf(p->f, "random(%s, ", word_name(p, e->ref));
    ix_write(p->f, e->ix, &p->names);
    break;
  }
  fputc(')', p->f);
}

static void put_bounds(Printer *p, const KRed *r) {
  if (!r->lo && !r->hi) return;
  fputs(": ", p->f);
  if (r->lo) ix_write(p->f, r->lo, &p->names);
  fputs(" .. ", p->f);
  if (r->hi) ix_write(p->f, r->hi, &p->names);
}

static void put_reduce(Printer *p, const KVal *v) {
  if (v->reduce == KR_NONE) return;
  fputs(v->reduce == KR_SUM ? "sum(" : "max(", p->f);
  for (int i = 0; i < v->nred; i++) {
    fprintf(p->f, "%s%s", i ? ", " : "", axis_name(p, v->red[i].axis));
    put_bounds(p, &v->red[i]);
  }
  fputs(") ", p->f);
  if (v->acc != kern_acc(v->reduce, v->dtype)) fprintf(p->f, "acc %s ", dtype_name(v->acc));
}

static void put_value(Printer *p, int i) {
  const KVal *v = &p->k->val[i];
  fprintf(p->f, "  %s", val_name(p, i));
  put_axes(p, v->naxes, v->axis);
  fputs(" = ", p->f);
  put_reduce(p, v);
  put_expr(p, v->expr, 0);
  put_place(p, " @ ", v->loc);
  fputc('\n', p->f);
}

static void put_store(Printer *p, const KStore *s) {
  const KVal *v = &p->k->val[s->val];
  fprintf(p->f, "  store %s", val_name(p, s->val));
  put_axes(p, v->naxes, v->axis);
  fprintf(p->f, " -> %s", buf_name(p, s->buf));
  put_indices(p, p->k->buf[s->buf].rank, s->idx);
  fputc('\n', p->f);
}

static void put_extents(FILE *f, int n, const int64_t *v) {
  fputc('[', f);
  for (int i = 0; i < n; i++) fprintf(f, "%s%lld", i ? ", " : "", (long long)v[i]);
  fputc(']', f);
}

static bool row_major(const KBuf *b) {
  int64_t stride = 1;
  for (int i = b->rank - 1; i >= 0; i--) {
    if (b->stride[i] != stride) return false;
    stride *= b->dim[i];
  }
  return true;
}

static void put_buf(Printer *p, int i, int64_t below) {
  static const char *const kinds[] = {[KB_IN] = "in", [KB_OUT] = "out", [KB_INOUT] = "inout"};
  const KBuf *b = &p->k->buf[i];
  fprintf(p->f, "  %s %s", kinds[b->kind], buf_name(p, i));
  put_extents(p->f, b->rank, b->dim);
  fprintf(p->f, " : %s", dtype_name(b->dtype));
  if (!row_major(b)) {
    fputs(" strides ", p->f);
    put_extents(p->f, b->rank, b->stride);
  }
  if (below) fprintf(p->f, " below %lld", (long long)below);
  fputc('\n', p->f);
}

static void put_word(Printer *p, int i) {
  const KWord *w = &p->k->word[i];
  bool stream = w->type == DT_U64;
  fprintf(p->f, "  %s %s", stream ? "stream" : "number", word_name(p, i));
  if (!p->bare) fputs(" = ", p->f);
  if (!p->bare && stream) fprintf(p->f, "0x%llx", (unsigned long long)w->value);
  if (!p->bare && !stream) put_const(p->f, DT_F32, (double)kword_number(w->value));
  fputc('\n', p->f);
}

static void put_origin(const Printer *p) {
  const char *const *o = p->k->origin;
  if (p->bare || !o || !*o) return;
  fputs("  origin ", p->f);
  for (int i = 0; o[i]; i++) {
    if (i) fputs(", ", p->f);
    put_string(p->f, o[i]);
  }
  fputc('\n', p->f);
}

static void put_axis_list(Printer *p) {
  if (!p->k->naxes) return;
  fputs("  axis", p->f);
  for (int i = 0; i < p->k->naxes; i++)
    fprintf(p->f, " %s:%lld", axis_name(p, i), (long long)p->k->axis[i].extent);
  fputc('\n', p->f);
}

static void put_compute(Printer *p) {
  const Kernel *k = p->k;
  fprintf(p->f, "compute %s", p->bare ? "k" : k->name);
  put_place(p, " ", k->loc);
  fputs(" {\n", p->f);
  put_origin(p);
  put_axis_list(p);
  int64_t *below = kern_read_bounds(p->arena, k);
  for (int i = 0; i < k->nbuf; i++) put_buf(p, i, below[i]);
  for (int i = 0; i < k->nword; i++) put_word(p, i);
  for (int i = 0; i < k->nval; i++) put_value(p, i);
  for (int i = 0; i < k->nstore; i++) put_store(p, &k->store[i]);
  fputs("}\n", p->f);
}

static void put_role(Printer *p, const KPlan *plan, KRole role) {
  const KRoleAxes *r = &plan->role[role];
  if (!r->naxes) return;
  fprintf(p->f, "  role %s:", kern_role_name(role));
  for (int i = 0; i < r->naxes; i++) fprintf(p->f, "%s%s", i ? ", " : " ", axis_name(p, r->axis[i]));
  fputs(";\n", p->f);
}

static void put_plan(Printer *p, const KPlan *plan) {
  fprintf(p->f, "plan %s %s %s {\n", p->bare ? "k" : p->k->name, plan->rules->word,
          kern_skeleton_name(plan->skeleton));
  for (int r = 0; r < ROLE_COUNT; r++) put_role(p, plan, (KRole)r);
  for (int i = 0; i < plan->rules->nnumber; i++)
    if (plan->num[i]) fprintf(p->f, "  num %s %lld;\n", plan->rules->number[i].name, (long long)plan->num[i]);
  for (int i = 0; i < p->k->nval; i++)
    if (plan->place[i] != KPLAN_INLINE)
      fprintf(p->f, "  place %s %s;\n", val_name(p, i), plan->rules->place[plan->place[i]].name);
  fputs("}\n", p->f);
}

static char *print(Arena *a, const Kernel *k, bool bare) {
  TextStream text;
  arena_text_open(&text);
  Printer p = {.f = text.f, .arena = a, .k = k, .bare = bare};
  p.names = (IxNames){axis_name, buf_name, &p};
  put_compute(&p);
  for (int i = 0; i < k->nplan; i++) put_plan(&p, &k->plan[i]);
  return arena_text_close(a, &text);
}

char *kern_print(Arena *a, const Kernel *k) {
  return print(a, k, false);
}

char *kern_canonical(Arena *a, const Kernel *k) {
  return print(a, k, true);
}
