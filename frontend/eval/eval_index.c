/* x[i, a:b, ..]: of lists and of tensors. An index takes its dimension away, a span keeps it; negative
 * positions count from the end. */
#include "frontend/eval/eval.h"

static const int64_t most = (int64_t)1 << 40;

/* The position that `e` stands for along n elements, or `missing` without one; false after an error. */
static bool position(Eval *ev, Scope *s, const Expr *e, int64_t n, int64_t missing, int64_t *out) {
  *out = missing;
  if (!e) return true;
  Val v = eval_expr(ev, s, e);
  if (v.kind == VAL_ERROR) return false;
  if (!val_whole(v, -most, most, out)) {
    eval_fail(e->loc, "a position is a whole number, found %s", val_show(ev->arena, v));
    return false;
  }
  if (*out < 0) *out += n;
  return true;
}

/* Start and length of one item along n elements; false after an error. */
static bool span(Eval *ev, Scope *s, const IndexItem *it, int64_t n, int64_t *start, int64_t *len) {
  int64_t end;
  if (!position(ev, s, it->lo, n, 0, start)) return false;
  if (it->kind == INDEX_AT) {
    *len = 1;
    if (*start >= 0 && *start < n) return true;
    eval_fail(it->loc, "position %lld of %lld elements", (long long)*start, (long long)n);
    return false;
  }
  if (!position(ev, s, it->hi, n, n, &end)) return false;
  *len = end - *start;
  if (*start >= 0 && *len >= 0 && end <= n) return true;
  eval_fail(it->loc, "found the span %lld:%lld, expected one within 0:%lld", (long long)*start,
            (long long)end, (long long)n);
  return false;
}

static Val index_list(Eval *ev, Scope *s, const Expr *e, Val of) {
  int64_t start, len;
  if (e->u.index.n != 1 || e->u.index.item[0].kind == INDEX_REST)
    return eval_fail(e->loc, "a list takes one position or one span");
  const IndexItem *it = &e->u.index.item[0];
  if (!span(ev, s, it, of.n, &start, &len)) return (Val){0};
  return it->kind == INDEX_AT ? of.u.item[start] : eval_list(ev, e->loc, of.u.item + start, (int)len);
}

typedef struct Cut {
  int64_t start[MAX_RANK];
  Shape sliced, kept;
} Cut;

static bool cut_dim(Eval *ev, Scope *s, const IndexItem *it, int64_t n, Cut *c) {
  int64_t len = n;
  int d = c->sliced.rank++;
  c->start[d] = 0;
  if (it && !span(ev, s, it, n, &c->start[d], &len)) return false;
  c->sliced.dim[d] = len;
  if (!it || it->kind == INDEX_SPAN) c->kept.dim[c->kept.rank++] = len;
  if (len > 0) return true;
  eval_fail(it ? it->loc : ev->graph->loc, "the span is empty: a tensor has at least one element");
  return false;
}

static Val index_tensor(Eval *ev, Scope *s, const Expr *e, Node *x) {
  int items = e->u.index.n, rests = 0;
  for (int i = 0; i < items; i++) rests += e->u.index.item[i].kind == INDEX_REST;
  int given = items - rests, free_dims = x->shape.rank - given;
  if (rests > 1 || free_dims < 0)
    return eval_fail(e->loc, "found %d positions for %s, expected at most %d%s", given,
                     val_show(ev->arena, val_tensor(x)), x->shape.rank, rests > 1 ? " and one \"..\"" : "");
  Cut c = {0};
  for (int i = 0; i < items; i++) {
    const IndexItem *it = &e->u.index.item[i];
    int times = it->kind == INDEX_REST ? free_dims : 1;
    for (int k = 0; k < times; k++)
      if (!cut_dim(ev, s, it->kind == INDEX_REST ? NULL : it, x->shape.dim[c.sliced.rank], &c))
        return (Val){0};
  }
  while (c.sliced.rank < x->shape.rank)
    if (!cut_dim(ev, s, NULL, x->shape.dim[c.sliced.rank], &c)) return (Val){0};
  ev->graph->loc = e->loc;
  return val_tensor(graph_reshape(ev->graph, graph_slice(ev->graph, x, c.start, c.sliced), c.kept));
}

Val eval_index(Eval *ev, Scope *s, const Expr *e) {
  Val of = eval_expr(ev, s, e->u.index.of);
  if (of.kind == VAL_ERROR) return of;
  if (of.kind == VAL_LIST) return index_list(ev, s, e, of);
  Node *x = eval_tensor(ev, of, DT_F32, e->loc);
  return x ? index_tensor(ev, s, e, x) : (Val){0};
}
