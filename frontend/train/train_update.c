/* Training: gradients into flat groups, the optimizers' texts over whole groups or each parameter, and the
 * flag that refuses an update whose numbers are not finite. */
#include <string.h>

#include "frontend/train/train.h"
#include "passes/grad/autodiff.h"

/* What members that keep it lie at multiples of: a line of the cache, in elements. */
enum { MEMBER_ALIGN = 16 };

/* What an update's text runs over once: a whole group, or one parameter of it. */
typedef struct Unit {
  const State *param, *grad;
  State **slot;
} Unit;

/* Parameters with the same optimizer and arguments of it. */
typedef struct FlatGroup {
  State *flat, *grad;
  const Decl *opt;
  Scope *args; /* the optimizer's arguments */
  int nmember, cap_member;
  State **member;
  int nunit;
  Unit *unit;
} FlatGroup;

typedef struct Update {
  Train *t;
  Graph *g;
  int nparam;
  State **param;
  int ngroup, cap_group;
  FlatGroup *group;
  State *loss, *finite;
} Update;

/* Is `name` at `path` (of n characters) or below it? */
static bool lies_at(const char *name, const char *path, size_t n) {
  return !strncmp(name, path, n) && (name[n] == '\0' || name[n] == '.');
}

static bool trains_at(const Graph *g, const bool *read, const char *path, size_t n) {
  for (int i = 0; i < g->nstate; i++)
    if (g->state[i]->kind == ST_PARAM && read[i] && lies_at(g->state[i]->name, path, n)) return true;
  return false;
}

/* How much of the parameter's name is the uppermost place at which nothing is trained. */
static size_t untrained_place(const Graph *g, const bool *read, const char *name) {
  for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.'))
    if (!trains_at(g, read, name, (size_t)(dot - name))) return (size_t)(dot - name);
  return strlen(name);
}

/* Does an earlier parameter stand for this place already? */
static bool named_before(const Graph *g, const bool *read, int at, size_t n) {
  for (int i = 0; i < at; i++)
    if (g->state[i]->kind == ST_PARAM && !read[i] && lies_at(g->state[i]->name, g->state[at]->name, n))
      return true;
  return false;
}

/* Says which parameters are not trained, by their places: those whose state's id is not in `read`. */
static void note_unused(const Train *t, const bool *read) {
  enum { MOST_PLACES = 8 };
  const Graph *g = t->ev->graph;
  const char *all = "";
  int count = 0, places = 0;
  for (int i = 0; i < g->nstate; i++) {
    const char *name = g->state[i]->name;
    if (g->state[i]->kind != ST_PARAM || read[i]) continue;
    size_t n = untrained_place(g, read, name);
    count++;
    if (named_before(g, read, i, n) || ++places > MOST_PLACES) continue;
    all =
        arena_printf(g->arena, "%s%s%.*s%s", all, places > 1 ? ", " : "", (int)n, name, name[n] ? ".*" : "");
  }
  if (count == 0) return;
  diag_remark(t->minimise->loc, "%s%s: %d parameter%s that the loss does not depend on %s not trained", all,
              places > MOST_PLACES ? ", .." : "", count, count == 1 ? "" : "s", count == 1 ? "is" : "are");
}

/* Parameters that the loss depends on; others are left as they are, as in PyTorch, and named in a note. */
static void collect_params(Update *u) {
  Graph *g = u->g;
  bool *reached = ARENA_ARRAY(g->arena, g->nnode + 1, bool),
       *read = ARENA_ARRAY(g->arena, g->nstate + 1, bool);
  reached[u->t->loss->id] = true;
  for (int i = g->nnode - 1; i >= 0; i--) {
    const Node *n = g->node[i];
    for (int k = 0; reached[i] && k < n->nin; k++) reached[n->in[k]->id] = true;
    if (reached[i] && n->op == O_STATE) read[n->at.state->id] = true;
  }
  u->param = ARENA_ARRAY(g->arena, g->nstate + 1, State *);
  for (int i = 0; i < g->nstate; i++)
    if (g->state[i]->kind == ST_PARAM && read[i]) u->param[u->nparam++] = g->state[i];
  note_unused(u->t, read);
}

/* What `optimizer` says of one parameter: with its `name`, `rank` and `shape` known a call, which may be
 * chosen by "if". NULL after an error. */
static const Expr *chosen_call(Update *u, Scope *s) {
  const Expr *e = u->t->optimizer->u.value;
  while (e->kind == EX_IF) {
    bool ok, yes = eval_truth(eval_expr(u->t->ev, s, e->u.choice.cond), e->u.choice.cond->loc, &ok);
    if (!ok) return NULL;
    e = yes ? e->u.choice.yes : e->u.choice.no;
  }
  return e;
}

static Scope *scope_of_param(Update *u, const State *p) {
  Eval *ev = u->t->ev;
  Scope *s = scope_new(ev->arena, u->t->scope);
  Val *dim = ARENA_ARRAY(ev->arena, p->shape.rank + 1, Val);
  for (int i = 0; i < p->shape.rank; i++) dim[i] = val_number((double)p->shape.dim[i]);
  scope_bind(ev->arena, s, "name", val_text(p->name));
  scope_bind(ev->arena, s, "rank", val_number(p->shape.rank));
  scope_bind(ev->arena, s, "shape", val_list(dim, p->shape.rank));
  return s;
}

/* The optimizer for one parameter and its arguments; NULL after an error. */
static Scope *args_for(Update *u, const State *p, const Decl **opt) {
  Eval *ev = u->t->ev;
  Scope *s = scope_of_param(u, p), *file = scope_new(ev->arena, NULL);
  const Expr *call = chosen_call(u, s);
  Val v = call ? eval_expr(ev, s, call->u.call.callee) : (Val){0};
  if (v.kind != VAL_OPTIMIZER && v.kind != VAL_ERROR)
    eval_fail(call->loc, "expected an optimizer, found %s", val_kind_name(v.kind));
  if (v.kind != VAL_OPTIMIZER) return NULL;
  Args args = eval_args(ev, s, &call->u.call.args, u->t->optimizer->loc);
  *opt = v.u.decl;
  file->file = v.u.decl->file;
  Scope *into = scope_new(ev->arena, file);
  return eval_bind_args(ev, into, &v.u.decl->u.opt.sig, &args, v.u.decl->name) ? into : NULL;
}

static bool same_args(const Signature *sig, Scope *a, Scope *b) {
  for (int i = 0; i < sig->n; i++)
    if (!val_same(scope_lookup(a, sig->v[i].name)->val, scope_lookup(b, sig->v[i].name)->val)) return false;
  return true;
}

static bool join_group(Update *u, State *p) {
  const Decl *opt;
  Scope *args = args_for(u, p, &opt);
  if (!args) return false;
  FlatGroup *g = NULL;
  for (int i = 0; i < u->ngroup && !g; i++)
    if (u->group[i].opt == opt && same_args(&opt->u.opt.sig, u->group[i].args, args)) g = &u->group[i];
  if (!g) {
    ARENA_GROW(u->g->arena, u->group, u->ngroup, u->cap_group);
    g = &u->group[u->ngroup++];
    *g = (FlatGroup){.opt = opt, .args = args};
  }
  ARENA_GROW(u->g->arena, g->member, g->nmember, g->cap_member);
  g->member[g->nmember++] = p;
  return true;
}

static State *new_state(Update *u, StateKind kind, const char *name, DType t, Shape s, Node *init,
                        const State *of) {
  State *st = graph_state(u->g, kind, name, t, s, init);
  if (!st) return NULL;
  st->of = of;
  if (of) st->module = of->module;
  if (init) graph_assign(u->g, EN_INIT, st, init);
  return st;
}

/* Members lie one after the other without gaps, so that what an update reduces is the parameters alone. Those
 * that would leave the next one askew come last. */
static int64_t lay_members(const FlatGroup *g, bool askew, int64_t from) {
  for (int i = 0; i < g->nmember; i++) {
    int64_t count = shape_count(&g->member[i]->shape);
    if ((count % MEMBER_ALIGN != 0) != askew) continue;
    g->member[i]->offset = from;
    from += count;
  }
  return from;
}

static bool lay_out(Update *u, FlatGroup *g, int at) {
  Shape flat = {.rank = 1};
  flat.dim[0] = lay_members(g, true, lay_members(g, false, 0));
  const char *name = arena_printf(u->g->arena, "group%d", at);
  u->g->loc = u->t->optimizer->loc;
  g->flat = new_state(u, ST_GROUP, name, DT_F32, flat, NULL, NULL);
  g->grad = new_state(u, ST_GROUP, arena_printf(u->g->arena, "%s.grad", name), DT_F32, flat, NULL, g->flat);
  if (!g->flat || !g->grad) return false;
  g->flat->module = g->grad->module = g->member[0]->module;
  for (int i = 0; i < g->nmember; i++) g->member[i]->group = g->flat;
  return true;
}

/* What the text runs over; a parameter's own gradient has no state yet. */
static void make_units(Update *u, FlatGroup *g) {
  bool each = g->opt->u.opt.each;
  g->nunit = each ? g->nmember : 1;
  g->unit = ARENA_ARRAY(u->g->arena, g->nunit, Unit);
  for (int i = 0; i < g->nunit; i++)
    g->unit[i] = each ? (Unit){.param = g->member[i]} : (Unit){.param = g->flat, .grad = g->grad};
}

static State *new_slot(Update *u, const FlatGroup *g, const Unit *x, const SlotDecl *d) {
  Val v = eval_expr(u->t->ev, g->args, d->init);
  if (v.kind != VAL_NUMBER && v.kind != VAL_ERROR)
    eval_fail(d->init->loc, "a slot's first value is a number, found %s", val_kind_name(v.kind));
  if (v.kind != VAL_NUMBER || !eval_holds(DT_F32, v.u.number, d->init->loc)) return NULL;
  Shape s = d->scalar ? (Shape){0} : x->param->shape;
  u->g->loc = d->loc;
  const char *name = arena_printf(u->g->arena, "%s.%s", x->param->name, d->name);
  return new_state(u, ST_SLOT, name, DT_F32, s, graph_const(u->g, DT_F32, s, v.u.number), x->param);
}

static bool add_slots(Update *u, const FlatGroup *g, Unit *x) {
  const OptDecl *o = &g->opt->u.opt;
  x->slot = ARENA_ARRAY(u->g->arena, o->nslot + 1, State *);
  for (int i = 0; i < o->nslot; i++)
    if (!(x->slot[i] = new_slot(u, g, x, &o->slot[i]))) return false;
  return true;
}

static bool make_groups(Update *u) {
  for (int i = 0; i < u->nparam; i++)
    if (!join_group(u, u->param[i])) return false;
  for (int i = 0; i < u->ngroup; i++) {
    FlatGroup *g = &u->group[i];
    if (!lay_out(u, g, i)) return false;
    make_units(u, g);
    for (int k = 0; k < g->nunit; k++)
      if (!add_slots(u, g, &g->unit[k])) return false;
  }
  return true;
}

/* v in the first micro-batch of a step, acc + v in the others; v itself when there is only one. */
static Node *accumulate(Update *u, const State *acc, Node *v) {
  Graph *g = u->g;
  if (g->accumulate == 1) return v;
  Node *first = graph_map2(g, E_EQ, graph_step(g, "micro"), graph_scalar(g, 0));
  Node *sum = graph_elt(g, E_ADD, graph_read(g, acc), v, NULL);
  return graph_elt(g, E_SELECT, graph_expand(g, first, v->shape), v, sum);
}

static bool assign_gradient(Update *u, State *p, Node *grad) {
  Graph *g = u->g;
  const FlatGroup *of = &u->group[0];
  for (int i = 0; i < u->ngroup; i++)
    if (u->group[i].flat == p->group) of = &u->group[i];
  const char *name = arena_printf(g->arena, "grad.%s", p->name);
  State *st = new_state(u, ST_GRAD, name, DT_F32, p->shape, NULL, p);
  if (!st) return false;
  st->group = of->grad;
  st->offset = p->offset;
  for (int i = 0; i < of->nunit; i++)
    if (of->unit[i].param == p) of->unit[i].grad = st;
  graph_assign(g, EN_MICRO, st, accumulate(u, st, grad));
  return true;
}

/* Entry micro: the mean of the micro-batches' gradients, and of their losses. */
static bool micro_entry(Update *u) {
  Graph *g = u->g;
  Node **wrt = ARENA_ARRAY(g->arena, u->nparam, Node *), **grad = ARENA_ARRAY(g->arena, u->nparam, Node *);
  g->loc = u->t->minimise->loc;
  for (int i = 0; i < u->nparam; i++) wrt[i] = graph_read(g, u->param[i]);
  Node *loss = graph_map2(g, E_MUL, u->t->loss, graph_scalar(g, 1.0 / (double)g->accumulate));
  if (g->accumulate == 1) loss = u->t->loss;
  if (!autodiff(g, loss, wrt, u->nparam, grad)) return false;
  for (int i = 0; i < u->nparam; i++)
    if (!assign_gradient(u, u->param[i], grad[i])) return false;
  u->loss = new_state(u, ST_TEMP, "loss", DT_F32, (Shape){0}, NULL, NULL);
  if (u->loss) graph_assign(g, EN_MICRO, u->loss, accumulate(u, u->loss, loss));
  return u->loss;
}

/* The norm of the whole gradient. */
static Node *gradient_norm(Update *u) {
  Node *total = NULL;
  for (int i = 0; i < u->ngroup; i++) {
    Node *x = graph_read(u->g, u->group[i].grad);
    Node *sum = graph_reduce(u->g, GR_SUM, graph_elt(u->g, E_MUL, x, x, NULL), 1);
    total = total ? graph_elt(u->g, E_ADD, total, sum, NULL) : sum;
  }
  return graph_elt(u->g, E_SQRT, total, NULL, NULL);
}

/* min(1, limit / (norm + 1e-6)), or NULL without `clip`. */
static bool clip_factor(Update *u, Node *norm, Node **factor) {
  const Stmt *st = u->t->clip;
  Graph *g = u->g;
  *factor = NULL;
  if (!st) return true;
  Val v = eval_expr(u->t->ev, u->t->scope, st->u.value);
  if (v.kind == VAL_NUMBER && !(v.u.number > 0))
    return eval_refuse(st->u.value->loc, "the norm to clip at is positive, found %s", val_show(g->arena, v));
  Node *limit = eval_tensor(u->t->ev, v, DT_F32, st->loc);
  if (!limit) return false;
  if (limit->shape.rank || limit->dtype != DT_F32)
    return eval_refuse(st->loc, "the norm to clip at is a number, found %s",
                       val_show(g->arena, val_tensor(limit)));
  g->loc = st->loc;
  Node *share = graph_elt(g, E_DIV, limit, graph_map2(g, E_ADD, norm, graph_scalar(g, 1e-6)), NULL);
  *factor = graph_map2(g, E_MIN, share, graph_scalar(g, 1));
  return true;
}

/* What `name` stands for after the update, of the state's shape. */
static bool assign_new(Update *u, Scope *s, const char *name, const State *st, Node *ok) {
  Graph *g = u->g;
  Node *old = graph_read(g, st), *v = eval_tensor(u->t->ev, scope_lookup(s, name)->val, DT_F32, st->loc);
  if (!v) return false;
  g->loc = v->loc;
  if (v->dtype != DT_F32)
    return eval_refuse(v->loc, "\"%s\" becomes %s, expected f32", name, dtype_name(v->dtype));
  v = graph_expand(g, v, st->shape);
  if (v == old) return true;
  graph_assign(g, EN_UPDATE, st, v ? graph_elt(g, E_SELECT, graph_expand(g, ok, st->shape), v, old) : NULL);
  return v;
}

static bool update_unit(Update *u, const FlatGroup *gr, const Unit *x, Node *ok, Node *factor) {
  const OptDecl *o = &gr->opt->u.opt;
  Graph *g = u->g;
  Arena *a = g->arena;
  Scope *s = scope_new(a, gr->args);
  s->function = true;
  g->loc = gr->opt->loc;
  Node *grad = graph_read(g, x->grad);
  if (factor) grad = graph_map2(g, E_MUL, grad, factor);
  scope_bind(a, s, o->param, val_tensor(graph_read(g, x->param)));
  scope_bind(a, s, o->grad, val_tensor(grad));
  for (int i = 0; i < o->nslot; i++) scope_bind(a, s, o->slot[i].name, val_tensor(graph_read(g, x->slot[i])));
  CallNote call = eval_enter_call(u->t->optimizer->loc, gr->opt->name);
  bool ran = eval_statements(u->t->ev, s, &o->body);
  eval_leave_call(u->t->ev, &call, !ran);
  if (!ran) return false;
  bool fine = assign_new(u, s, o->param, x->param, ok);
  for (int i = 0; i < o->nslot; i++) fine = assign_new(u, s, o->slot[i].name, x->slot[i], ok) && fine;
  return fine;
}

/* A parameter's own update has its path, so that those of repeated blocks are one class. */
static bool update_group(Update *u, const FlatGroup *gr, Node *ok, Node *factor) {
  Eval *ev = u->t->ev;
  const char *path = ev->path;
  for (int i = 0; i < gr->nunit; i++) {
    const Unit *x = &gr->unit[i];
    if (gr->opt->u.opt.each)
      ev->path = u->g->path = graph_intern(u->g, arena_printf(u->g->arena, "%s.%s", path, x->param->name));
    if (!update_unit(u, gr, x, ok, factor)) return false;
  }
  ev->path = u->g->path = path;
  return true;
}

static bool update_entry(Update *u) {
  Graph *g = u->g;
  Node *norm = gradient_norm(u), *factor;
  Node *ok = graph_elt(g, E_ISFINITE, graph_elt(g, E_ADD, norm, graph_read(g, u->loss), NULL), NULL, NULL);
  u->finite =
      new_state(u, ST_TEMP, "finite", DT_BOOL, (Shape){0}, graph_const(g, DT_BOOL, (Shape){0}, 1), NULL);
  if (!u->finite || !clip_factor(u, norm, &factor)) return false;
  g->finite = u->finite;
  graph_value(g, EN_UPDATE, "grad_norm", norm, V_REPORT);
  graph_assign(g, EN_UPDATE, u->finite, ok);
  for (int i = 0; i < u->ngroup; i++)
    if (!update_group(u, &u->group[i], ok, factor)) return false;
  return train_update_states(u->t, ok);
}

bool train_update(Train *t) {
  Update u = {.t = t, .g = t->ev->graph};
  const char *path = t->ev->path;
  collect_params(&u);
  if (u.nparam == 0)
    return eval_refuse(t->minimise->loc,
                       "what is minimised depends on no parameter: \"model NAME = ..\" binds some");
  if (!t->optimizer)
    return eval_refuse(t->minimise->loc, "\"minimise\" needs an \"optimizer\" in the same train block");
  bool ok = make_groups(&u) && micro_entry(&u);
  t->ev->path = u.g->path = "optimizer";
  ok = ok && update_entry(&u);
  t->ev->path = u.g->path = path;
  return ok;
}
