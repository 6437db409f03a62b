/* Running a train block's items: data, models, lets, reports. */
#include <math.h>
#include <string.h>

#include "base/nearest.h"
#include "frontend/eval/module.h"
#include "frontend/train/train.h"

static void keep(Train *t, Items *items, Item one) {
  Item *old = name_table_find(&items->by_name, one.name);
  if (old) {
    *old = one;
    return;
  }
  Item *kept = arena_copy(t->ev->arena, &one, sizeof one);
  ARENA_GROW(t->ev->arena, items->v, items->n, items->cap);
  items->v[items->n++] = kept;
  name_table_set(t->ev->arena, &items->by_name, one.name, kept);
}

static bool run_let(Train *t, const Stmt *st) {
  Val v = eval_expr(t->ev, t->scope, st->u.bind.value);
  const Names *names = &st->u.bind.names;
  int errors = diag_count();
  eval_bind_names(t->ev, t->scope, names, v, st->loc, false);
  for (int i = 0; i < names->n; i++) {
    Val one = scope_lookup(t->scope, names->v[i])->val;
    if (one.kind == VAL_TENSOR)
      keep(t, &t->let, (Item){.name = names->v[i], .node = one.u.node, .loc = st->loc});
  }
  return v.kind != VAL_ERROR && diag_count() == errors;
}

static bool data_shape(Train *t, const Stmt *st, Shape *s) {
  const ExprList *dims = &st->u.data.dims;
  *s = (Shape){.rank = dims->n};
  if (dims->n > MAX_RANK) return eval_refuse(st->loc, "found more than %d dimensions", MAX_RANK);
  for (int i = 0; i < dims->n; i++) {
    Val v = eval_expr(t->ev, t->scope, dims->v[i]);
    if (val_whole(v, 1, (int64_t)1 << 40, &s->dim[i])) continue;
    if (v.kind != VAL_ERROR)
      eval_fail(dims->v[i]->loc, "a dimension is a whole number from 1 on, found %s",
                val_show(t->ev->arena, v));
    return false;
  }
  return true;
}

/* An option of a source: its name and the numbers that it takes. */
typedef struct SourceOption {
  const char *name;
  bool whole;
  double least, most;
} SourceOption;

/* What each source gives, and its options; all of them are named. */
static const struct {
  const char *name;
  int rank; /* -1: any */
  DType type;
  SourceOption option[2];
} sources[] = {{"image", 4, DT_U8, {{"shift", true, 0, 1 << 24}, {"flip", false, 0, 1}}},
               {"label", 1, DT_I32, {{"classes", true, 1, 1 << 24}}},
               {"tensor", -1, DT_COUNT, {{"classes", true, 1, 1 << 24}}},
               {"given", -1, DT_COUNT, {{0}}}};
enum { IMAGE, LABEL, TENSOR, GIVEN, SOURCES };
_Static_assert(SOURCES == sizeof sources / sizeof *sources, "a row a source");

static int find_source(const Expr *e) {
  const char *names[SOURCES], *name = "";
  if (e->kind == EX_CALL && e->u.call.callee->kind == EX_NAME) name = e->u.call.callee->u.text;
  for (int i = 0; i < SOURCES; i++) {
    names[i] = sources[i].name;
    if (!strcmp(name, names[i])) return i;
  }
  const char *near = nearest_name(name, names, SOURCES);
  eval_fail(e->loc, "expected a source: image(shift, flip), label(classes), tensor(classes) or given()%s%s%s",
            near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
  return -1;
}

static bool option_fits(const SourceOption *o, Val v) {
  return v.kind == VAL_NUMBER && v.u.number >= o->least && v.u.number <= o->most &&
         (!o->whole || v.u.number == floor(v.u.number));
}

/* The numbers given for a source's options; the rest stay 0. */
static bool source_options(Train *t, const Expr *e, int at, double *value) {
  Args args = eval_args(t->ev, t->scope, &e->u.call.args, e->loc);
  for (int i = 0; i < args.n; i++) {
    const Arg *a = &args.v[i];
    const SourceOption *o = sources[at].option;
    int k = 0;
    while (k < 2 && (!a->name || !o[k].name || strcmp(a->name, o[k].name) != 0)) k++;
    if (a->val.kind == VAL_ERROR) return false;
    if (k == 2)
      return eval_refuse(a->loc, "source \"%s\" takes %s%s%s by name, found %s", sources[at].name,
                         o[0].name ? o[0].name : "nothing", o[1].name ? " and " : "",
                         o[1].name ? o[1].name : "", a->name ? a->name : val_show(t->ev->arena, a->val));
    if (!option_fits(&o[k], a->val))
      return eval_refuse(a->loc, "%s is a %s from %.9g to %.9g, found %s", a->name,
                         o[k].whole ? "whole number" : "number", o[k].least, o[k].most,
                         val_show(t->ev->arena, a->val));
    value[k] = a->val.u.number;
  }
  return true;
}

static bool source_fits(const Stmt *st, const Shape *s, int at) {
  static const char *const expected_of[SOURCES] = {"u8 [batch, channels, height, width]", "i32 [batch]",
                                                   "f32, i32 or u8 [batch, ..]", "f32 or i32"};
  DType wanted = sources[at].type, found = st->u.data.type;
  if (at == TENSOR && found == DT_U8 && s->rank > 0) return true;
  if (wanted == DT_COUNT && (found == DT_F32 || found == DT_I32)) return true;
  if (wanted == found && s->rank == sources[at].rank) return true;
  const char *expected = expected_of[at];
  return eval_refuse(st->loc, "data from %s(..): found %s with %d dimensions, expected %s", sources[at].name,
                     dtype_name(found), s->rank, expected);
}

/* A label's classes are needed, a tensor's are not. */
static bool classes_fit(const Stmt *st, int at, double classes) {
  if (at == LABEL && !(classes >= 1))
    return eval_refuse(st->loc, "label needs the number of classes: label(classes = ..)");
  if (at == TENSOR && classes > 0 && st->u.data.type == DT_F32)
    return eval_refuse(st->loc, "classes are numbers of i32 or u8, found data of f32");
  return true;
}

static bool run_data(Train *t, const Stmt *st) {
  double option[3] = {0, 0, 0};
  Shape s;
  int at = find_source(st->u.data.source);
  bool ok = at >= 0 && data_shape(t, st, &s) && source_options(t, st->u.data.source, at, option) &&
            source_fits(st, &s, at) && classes_fit(st, at, option[0]);
  t->ev->graph->loc = st->loc;
  Node *n = ok ? graph_input(t->ev->graph, st->u.data.name, st->u.data.type, s) : NULL;
  scope_bind(t->ev->arena, t->scope, st->u.data.name, val_tensor(n));
  if (!n) return false;
  Item one = {.name = st->u.data.name, .node = n, .loc = st->loc, .data = st, .source = sources[at].name};
  if (at == IMAGE) one.shift = option[0], one.flip = option[1];
  if (at == LABEL || at == TENSOR) one.classes = (int64_t)option[0];
  keep(t, &t->data, one);
  return true;
}

/* Models and settings are made in the first pass and found again in the second. */
static bool bind_made(Train *t, const char *name) {
  Bind *made = scope_lookup(t->made, name);
  Val v = made ? made->val : (Val){0};
  scope_bind(t->ev->arena, t->scope, name, v);
  return v.kind != VAL_ERROR;
}

static bool run_model(Train *t, const Stmt *st) {
  if (t->again) return bind_made(t, st->u.named.name);
  Val v = eval_expr(t->ev, t->scope, st->u.named.value);
  bool ok = v.kind == VAL_INST;
  if (!ok && v.kind != VAL_ERROR)
    eval_fail(st->u.named.value->loc, "expected a module with its arguments, found %s%s",
              val_kind_name(v.kind), v.kind == VAL_MODULE ? " without them" : "");
  if (ok && v.u.inst->path) ok = eval_refuse(st->loc, "the module already has a place in another model");
  Place p = {.module = st->u.named.name,
             .kind = st->kind == SM_FROZEN        ? PLACE_FROZEN
                     : st->kind == SM_STATE_MODEL ? PLACE_CARRIED
                                                  : PLACE_TRAINED};
  p.plain = p.kind == PLACE_TRAINED && t->nmodel++ == 0;
  t->ev->graph->loc = st->loc;
  if (ok) {
    CallNote call = eval_enter_call(st->u.named.value->loc, v.u.inst->decl->name);
    ok = inst_place(t->ev, v.u.inst, &p);
    eval_leave_call(t->ev, &call, !ok);
  }
  ok = ok && train_take_from(t, st, v.u.inst);
  if (ok) train_describe(t, st->u.named.name, v.u.inst);
  scope_bind(t->ev->arena, t->made, st->u.named.name, ok ? v : (Val){0});
  return bind_made(t, st->u.named.name);
}

/* A state of the block itself. */
static bool run_state(Train *t, const Stmt *st) {
  const char *name = st->u.param.name;
  if (t->again) return bind_made(t, name);
  Place at = {.module = "", .kind = PLACE_TRAINED, .plain = true};
  Param *p = param_new(t->ev, t->scope, st);
  bool ok = p && param_place(t->ev, t->scope, p, name, &at);
  scope_bind(t->ev->arena, t->made, name, ok ? (Val){.kind = VAL_PARAM, .u.param = p} : (Val){0});
  return bind_made(t, name);
}

/* NAME = .. of a state, in training. */
static bool run_assign(Train *t, const Stmt *st) {
  const Names *names = &st->u.bind.names;
  if (!t->ev->training) return true;
  const Bind *b = scope_lookup(t->made, names->v[0]);
  if (names->n > 1) return eval_refuse(st->loc, "a block assigns one state at a time, found %d", names->n);
  if (!b || (b->val.kind != VAL_PARAM && b->val.kind != VAL_ERROR))
    return eval_refuse(
        st->loc, "\"%s\" is no state of the block: \"state %s [..] = ..\" makes one, \"let\" names a value",
        names->v[0], names->v[0]);
  Val v = eval_expr(t->ev, t->scope, st->u.bind.value);
  if (v.kind == VAL_ERROR || b->val.kind == VAL_ERROR) return false;
  return param_assign(t->ev, b->val.u.param, v, st->loc);
}

static bool run_update(Train *t, const Stmt *st) {
  if (t->again) return true;
  ARENA_GROW(t->ev->arena, t->update, t->nupdate, t->cap_update);
  t->update[t->nupdate++] = st;
  return true;
}

static bool run_setting(Train *t, const Stmt *st) {
  const char *name = st->u.named.name;
  if (t->again) return bind_made(t, name);
  Graph *g = t->ev->graph;
  Val v = eval_expr(t->ev, t->scope, st->u.named.value), made = {0};
  g->loc = st->loc;
  if (v.kind == VAL_NUMBER && eval_holds(DT_F32, v.u.number, st->u.named.value->loc)) {
    graph_setting(g, name, v.u.number, st->u.named.help);
    made = val_tensor(graph_step(g, name));
  } else if (v.kind != VAL_ERROR && v.kind != VAL_NUMBER) {
    eval_fail(st->u.named.value->loc, "a setting's first value is a number, found %s", val_kind_name(v.kind));
  }
  scope_bind(t->ev->arena, t->made, name, made);
  return bind_made(t, name);
}

static bool run_minimise(Train *t, const Stmt *st) {
  if (t->again) return true;
  if (t->minimise) {
    eval_fail(st->loc, "a train block minimises once");
    diag_note(t->minimise->loc, "the first is here; \"minimise a + b\" takes several terms");
    return false;
  }
  t->minimise = st;
  t->loss = eval_tensor(t->ev, eval_expr(t->ev, t->scope, st->u.value), DT_F32, st->loc);
  if (!t->loss || (t->loss->shape.rank == 0 && t->loss->dtype == DT_F32)) return t->loss;
  return eval_refuse(st->u.value->loc, "what is minimised is a scalar, found %s",
                     val_show(t->ev->arena, val_tensor(t->loss)));
}

static bool run_report(Train *t, const Stmt *st) {
  if (t->again && !t->inside) return true;
  bool ok = true;
  for (int i = 0; i < st->u.report.n; i++) {
    const CallArg *a = &st->u.report.v[i];
    Val v = a->value ? eval_expr(t->ev, t->scope, a->value) : eval_name(t->ev, t->scope, a->name, a->loc);
    Node *n = eval_tensor(t->ev, v, DT_F32, a->loc);
    ok = ok && n;
    if (n) keep(t, &t->report, (Item){.name = a->name, .node = n, .loc = a->loc});
  }
  return ok;
}

static bool run_once(const Stmt **kept, const Stmt *st, const char *what) {
  if (*kept && *kept != st) {
    eval_fail(st->loc, "a train block has one %s", what);
    diag_note((*kept)->loc, "the first is here");
    return false;
  }
  *kept = st;
  return true;
}

static bool run_evaluate(Train *t, const Stmt *st) {
  if (!run_once(&t->evaluate, st, "\"evaluate\"") || !t->again) return true;
  t->inside = true;
  bool ok = train_run_items(t, &st->u.body);
  t->inside = false;
  return ok;
}

static bool run_if(Train *t, const Stmt *st) {
  bool ok, yes = eval_truth(eval_expr(t->ev, t->scope, st->u.choice.cond), st->u.choice.cond->loc, &ok);
  return ok && train_run_items(t, yes ? &st->u.choice.yes : &st->u.choice.no);
}

/* What the block makes or does in training has no place among what is evaluated. */
static bool can_evaluate(StmtKind kind) {
  return kind == SM_LET || kind == SM_DATA || kind == SM_REPORT || kind == SM_IF || kind == SM_CHECK;
}

static bool run_item(Train *t, const Stmt *st) {
  if (t->inside && !can_evaluate(st->kind))
    return eval_refuse(st->loc,
                       "\"evaluate\" takes data, names, checks and reports: this belongs outside of it");
  switch (st->kind) {
  case SM_LET: return run_let(t, st);
  case SM_DATA: return run_data(t, st);
  case SM_MODEL:
  case SM_FROZEN:
  case SM_STATE_MODEL: return run_model(t, st);
  case SM_STATE: return run_state(t, st);
  case SM_SET: return run_assign(t, st);
  case SM_UPDATE: return run_update(t, st);
  case SM_SETTING: return run_setting(t, st);
  case SM_MINIMISE: return run_minimise(t, st);
  case SM_REPORT: return run_report(t, st);
  case SM_OPTIMIZER: return run_once(&t->optimizer, st, "\"optimizer\"");
  case SM_CLIP: return run_once(&t->clip, st, "\"clip\"");
  case SM_EVALUATE: return run_evaluate(t, st);
  case SM_IF: return run_if(t, st);
  case SM_CHECK: return eval_check(t->ev, t->scope, st);
  default: ice("statement %d in a train block", (int)st->kind);
  }
}

/* What follows a failed check may fail for the same reason, and stays unsaid. */
bool train_run_items(Train *t, const Block *b) {
  bool ok = true;
  for (int i = 0; i < b->n && !t->ev->spent; i++) {
    bool fine = run_item(t, b->v[i]);
    if (!fine && b->v[i]->kind == SM_CHECK) return false;
    ok = ok && fine;
  }
  return ok;
}
