/* Values and scopes. */
#include "frontend/eval/builtin.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

Val val_number(double v) {
  return (Val){.kind = VAL_NUMBER, .u.number = v};
}

Val val_bool(bool v) {
  return (Val){.kind = VAL_BOOL, .u.truth = v};
}

Val val_text(const char *s) {
  return (Val){.kind = VAL_TEXT, .u.text = s};
}

Val val_tensor(Node *n) {
  return n ? (Val){.kind = VAL_TENSOR, .u.node = n} : (Val){0};
}

Val val_list(const Val *item, int n) {
  int64_t weight = n;
  int levels = 0;
  for (int i = 0; i < n; i++) {
    weight += item[i].weight;
    if (item[i].levels > levels) levels = item[i].levels;
  }
  if (weight > INT_MAX) weight = INT_MAX;
  return (Val){.kind = VAL_LIST, .n = n, .weight = (int)weight, .levels = levels + 1, .u.item = item};
}

bool val_whole(Val v, int64_t lo, int64_t hi, int64_t *out) {
  if (v.kind != VAL_NUMBER || !(v.u.number >= (double)lo && v.u.number <= (double)hi)) return false;
  *out = (int64_t)v.u.number;
  return (double)*out == v.u.number;
}

bool val_same(Val a, Val b) {
  if (a.kind != b.kind) return false;
  switch (a.kind) {
  case VAL_NUMBER: return a.u.number == b.u.number;
  case VAL_BOOL: return a.u.truth == b.u.truth;
  case VAL_TEXT: return !strcmp(a.u.text, b.u.text);
  case VAL_TYPE: return a.u.type == b.u.type;
  case VAL_TENSOR: return a.u.node == b.u.node;
  case VAL_LIST:
    if (a.n != b.n) return false;
    for (int i = 0; i < a.n; i++)
      if (!val_same(a.u.item[i], b.u.item[i])) return false;
    return true;
  case VAL_PARAM: return a.u.param == b.u.param;
  case VAL_FN: return a.u.fn->decl == b.u.fn->decl && a.u.fn->self == b.u.fn->self;
  case VAL_MODULE:
  case VAL_OPTIMIZER: return a.u.decl == b.u.decl;
  case VAL_INST: return a.u.inst == b.u.inst;
  case VAL_BUILTIN: return a.u.builtin == b.u.builtin;
  case VAL_NONE: return true;
  case VAL_ERROR: return false;
  }
  return false;
}

const char *val_kind_name(ValKind k) {
  static const char *const name[] = {[VAL_ERROR] = "an error",     [VAL_NONE] = "none",
                                     [VAL_NUMBER] = "a number",    [VAL_BOOL] = "a truth value",
                                     [VAL_TEXT] = "a text",        [VAL_TYPE] = "an element type",
                                     [VAL_LIST] = "a list",        [VAL_TENSOR] = "a tensor",
                                     [VAL_PARAM] = "a parameter",  [VAL_FN] = "a function",
                                     [VAL_MODULE] = "a module",    [VAL_INST] = "a module",
                                     [VAL_BUILTIN] = "a function", [VAL_OPTIMIZER] = "an optimizer"};
  return name[k];
}

static const char *show_number(Arena *a, double v) {
  if (v == floor(v) && fabs(v) < 0x1p53) return arena_printf(a, "%lld", (long long)v);
  char *s = NULL;
  for (int digits = 15; digits <= 17; digits++) {
    s = arena_printf(a, "%.*g", digits, v);
    if (strtod(s, NULL) == v) break;
  }
  return s;
}

static const char *show_list(Arena *a, Val v) {
  enum { MOST = 16 };
  const char *s = "(";
  for (int i = 0; i < v.n && i < MOST; i++)
    s = arena_printf(a, "%s%s%s", s, i ? ", " : "", val_show(a, v.u.item[i]));
  return arena_printf(a, "%s%s)", s, v.n > MOST ? ", .." : "");
}

static const char *show_tensor(Arena *a, DType t, const Shape *s) {
  char buf[256];
  return arena_printf(a, "%s %s", dtype_name(t), shape_text(s, buf, sizeof buf));
}

const char *val_show(Arena *a, Val v) {
  switch (v.kind) {
  case VAL_NUMBER: return show_number(a, v.u.number);
  case VAL_BOOL: return v.u.truth ? "true" : "false";
  case VAL_TEXT: return arena_printf(a, "\"%.100s\"", v.u.text);
  case VAL_TYPE: return dtype_name(v.u.type);
  case VAL_LIST: return show_list(a, v);
  case VAL_TENSOR: return show_tensor(a, v.u.node->dtype, &v.u.node->shape);
  case VAL_PARAM: return show_tensor(a, v.u.param->decl->u.param.type, &v.u.param->shape);
  case VAL_INST: return arena_printf(a, "module %s", v.u.inst->decl->name);
  default: return val_kind_name(v.kind);
  }
}

typedef struct Text {
  Arena *arena;
  char *v;
  int n, cap;
} Text;

static void put(Text *t, const char *s) {
  for (; *s; s++) {
    ARENA_GROW(t->arena, t->v, t->n, t->cap);
    t->v[t->n++] = *s;
  }
}

static void put_full(Text *t, Val v) {
  switch (v.kind) {
  case VAL_TEXT: put(t, v.u.text); break;
  case VAL_FN: put(t, v.u.fn->decl->name); break;
  case VAL_BUILTIN: put(t, v.u.builtin->name); break;
  case VAL_MODULE:
  case VAL_OPTIMIZER: put(t, v.u.decl->name); break;
  case VAL_LIST:
    put(t, "(");
    for (int i = 0; i < v.n; i++) {
      if (i) put(t, ", ");
      put_full(t, v.u.item[i]);
    }
    put(t, ")");
    break;
  default: put(t, val_show(t->arena, v));
  }
}

const char *val_full(Arena *a, Val v) {
  Text t = {.arena = a};
  put_full(&t, v);
  return arena_strndup(a, t.n ? t.v : "", (size_t)t.n);
}

Scope *scope_new(Arena *a, Scope *parent) {
  Scope *s = ARENA_NEW(a, Scope);
  s->parent = parent;
  return s;
}

enum { FEW = 16 };

Bind *scope_own(const Scope *s, const char *name) {
  if (s->table.n) return name_table_find(&s->table, name);
  Bind *b = s->first;
  while (b && strcmp(b->name, name) != 0) b = b->next;
  return b;
}

void scope_bind(Arena *a, Scope *s, const char *name, Val v) {
  Bind *b = scope_own(s, name);
  if (b) {
    b->val = v;
    return;
  }
  b = ARENA_NEW(a, Bind);
  *b = (Bind){.name = name, .val = v, .next = s->first};
  s->first = b;
  if (++s->n > FEW)
    for (; s->table.n < s->n; b = b->next) name_table_set(a, &s->table, b->name, b);
}

Bind *scope_lookup(const Scope *s, const char *name) {
  Bind *b = NULL;
  for (; s && !b; s = s->parent) b = scope_own(s, name);
  return b;
}

Scope *scope_snapshot(Arena *a, const Scope *s) {
  Scope *copy = arena_copy(a, s, sizeof *s);
  copy->table = (NameTable){0};
  return copy;
}
