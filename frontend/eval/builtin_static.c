/* Builtins over what is known when the program is built: lists, texts, shapes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/eval/builtin.h"

static bool is_list(const Arg *a) {
  if (a->val.kind == VAL_LIST) return true;
  eval_fail(a->loc, "expected a list, found %s", val_kind_name(a->val.kind));
  return false;
}

static bool is_text(const Arg *a) {
  if (a->val.kind == VAL_TEXT) return true;
  eval_fail(a->loc, "expected a text, found %s", val_kind_name(a->val.kind));
  return false;
}

static Val call_len(Eval *ev, const Args *a, const Args *named) {
  (void)ev, (void)named;
  if (a->v[0].val.kind == VAL_TEXT) return val_number((double)strlen(a->v[0].val.u.text));
  return is_list(&a->v[0]) ? val_number(a->v[0].val.n) : (Val){0};
}

static Val call_contains(Eval *ev, const Args *a, const Args *named) {
  (void)ev, (void)named;
  if (!is_list(&a->v[0])) return (Val){0};
  for (int i = 0; i < a->v[0].val.n; i++)
    if (val_same(a->v[0].val.u.item[i], a->v[1].val)) return val_bool(true);
  return val_bool(false);
}

static Val call_product(Eval *ev, const Args *a, const Args *named) {
  (void)named;
  if (!is_list(&a->v[0])) return (Val){0};
  Val p = val_number(1);
  for (int i = 0; i < a->v[0].val.n; i++)
    p = eval_binary(ev, SIGN_MUL, p, a->v[0].val.u.item[i], a->v[0].loc);
  return p;
}

/* zip(a, b, ..): lists of their items side by side, as many as the shortest has */
static Val call_zip(Eval *ev, const Args *a, const Args *named) {
  (void)named;
  int n = 0;
  for (int k = 0; k < a->n; k++) {
    if (!is_list(&a->v[k])) return (Val){0};
    n = k == 0 || a->v[k].val.n < n ? a->v[k].val.n : n;
  }
  Val *row = ARENA_ARRAY(ev->arena, n + 1, Val);
  for (int i = 0; i < n; i++) {
    Val *item = ARENA_ARRAY(ev->arena, a->n, Val);
    for (int k = 0; k < a->n; k++) item[k] = a->v[k].val.u.item[i];
    row[i] = val_list(item, a->n);
  }
  return eval_list(ev, a->loc, row, n);
}

static Val call_enumerate(Eval *ev, const Args *a, const Args *named) {
  if (!is_list(&a->v[0])) return (Val){0};
  Val *at = ARENA_ARRAY(ev->arena, a->v[0].val.n + 1, Val);
  for (int i = 0; i < a->v[0].val.n; i++) at[i] = val_number(i);
  Arg both[2] = {{.val = val_list(at, a->v[0].val.n), .loc = a->loc}, a->v[0]};
  return call_zip(ev, &(Args){2, both, a->loc}, named);
}

static Val call_shape(Eval *ev, const Args *a, const Args *named) {
  (void)named;
  Node *x = builtin_tensor_arg(ev, &a->v[0]);
  if (!x) return (Val){0};
  Val *dim = ARENA_ARRAY(ev->arena, x->shape.rank + 1, Val);
  for (int i = 0; i < x->shape.rank; i++) dim[i] = val_number((double)x->shape.dim[i]);
  return val_list(dim, x->shape.rank);
}

static Val call_starts_with(Eval *ev, const Args *a, const Args *named) {
  (void)ev, (void)named;
  if (!is_text(&a->v[0]) || !is_text(&a->v[1])) return (Val){0};
  const char *start = a->v[1].val.u.text;
  return val_bool(!strncmp(a->v[0].val.u.text, start, strlen(start)));
}

static Val call_ends_with(Eval *ev, const Args *a, const Args *named) {
  (void)ev, (void)named;
  if (!is_text(&a->v[0]) || !is_text(&a->v[1])) return (Val){0};
  size_t n = strlen(a->v[0].val.u.text), m = strlen(a->v[1].val.u.text);
  return val_bool(m <= n && !strcmp(a->v[0].val.u.text + n - m, a->v[1].val.u.text));
}

/* split("blocks.3.attn", ".") is ("blocks", "3", "attn") */
static Val call_split(Eval *ev, const Args *a, const Args *named) {
  (void)named;
  if (!is_text(&a->v[0]) || !is_text(&a->v[1])) return (Val){0};
  const char *s = a->v[0].val.u.text, *sep = a->v[1].val.u.text;
  if (!sep[0]) return eval_fail(a->v[1].loc, "the separator is empty");
  int n = 0, cap = 0;
  Val *item = NULL;
  for (const char *end = s; end; s = end + strlen(sep)) {
    end = strstr(s, sep);
    ARENA_GROW(ev->arena, item, n, cap);
    item[n++] = val_text(arena_strndup(ev->arena, s, end ? (size_t)(end - s) : strlen(s)));
    if (!end) break;
  }
  return eval_list(ev, a->loc, item, n);
}

static Val call_number(Eval *ev, const Args *a, const Args *named) {
  (void)named;
  if (!is_text(&a->v[0])) return (Val){0};
  char *end;
  const char *s = a->v[0].val.u.text;
  double v = strtod(s, &end);
  if (end == s || *end || !isfinite(v))
    return eval_fail(a->v[0].loc, "expected digits of a number, found %s", val_show(ev->arena, a->v[0].val));
  return val_number(v);
}

static Val call_is_number(Eval *ev, const Args *a, const Args *named) {
  (void)ev, (void)named;
  return val_bool(a->v[0].val.kind == VAL_NUMBER);
}

const Builtin builtin_static[] = {{"len", 1, 1, NULL, call_len},
                                  {"contains", 2, 2, NULL, call_contains},
                                  {"product", 1, 1, NULL, call_product},
                                  {"zip", 1, 8, NULL, call_zip},
                                  {"enumerate", 1, 1, NULL, call_enumerate},
                                  {"shape", 1, 1, NULL, call_shape},
                                  {"starts_with", 2, 2, NULL, call_starts_with},
                                  {"ends_with", 2, 2, NULL, call_ends_with},
                                  {"split", 2, 2, NULL, call_split},
                                  {"number", 1, 1, NULL, call_number},
                                  {"is_number", 1, 1, NULL, call_is_number},
                                  {NULL, 0, 0, NULL, NULL}};
