/* Checks the numbered rules of docs/graph-ir.md. Every broken one is reported with its number. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ir/graph/graph_impl.h"
#include "ir/names.h"

/* The rule of an op is G20 plus its place in graph_ops.def. */
enum { FIRST_OP_RULE = 20, MOST_SUPPLIED = 64 };

static void broken(Loc loc, int rule, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void broken(Loc loc, int rule, const char *fmt, ...) {
  char text[512];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  diag_error(loc, "G%d: %s", rule, text);
}

typedef struct TypeText {
  char s[200];
} TypeText;

static TypeText type_text(DType t, const Shape *shape) {
  TypeText text, dims;
  snprintf(text.s, sizeof text.s, "%s%s", t < DT_COUNT ? dtype_name(t) : "?", shape_text(shape, dims.s, 180));
  return text;
}

static bool same_type(DType t, const Shape *s, DType u, const Shape *r) {
  return t == u && shape_same(s, r);
}

/* G1: a node stands at its number, after its operands. */
static bool operands_precede(const Graph *g, int id) {
  const Node *n = g->node[id];
  bool ok = n->id == id && n->op < OP_COUNT;
  for (int i = 0; ok && i < n->nin; i++)
    ok = n->in[i] && n->in[i]->id >= 0 && n->in[i]->id < id && g->node[n->in[i]->id] == n->in[i];
  if (!ok) broken(n->loc, 1, "node %%%d: found an operand that does not precede it, expected all to", id);
  return ok;
}

/* G20..: the op's rule, and the type that follows from it. */
static void shape_agrees(const Node *n) {
  Node again;
  GraphWhy why;
  char name[64];
  memcpy(&again, n, sizeof again);
  graph_op_name(n, name, sizeof name);
  if (!graph_shape(&again, &why))
    broken(n->loc, FIRST_OP_RULE + (int)n->op, "node %%%d, %s: %s", n->id, name, why.text);
  else if (!same_type(n->dtype, &n->shape, again.dtype, &again.shape))
    broken(n->loc, FIRST_OP_RULE + (int)n->op, "node %%%d, %s: found type %s, expected %s", n->id, name,
           type_text(n->dtype, &n->shape).s, type_text(again.dtype, &again.shape).s);
}

/* G2: a step field is one of the step block's or a setting. */
static void field_known(const Graph *g, const Node *n) {
  static const char *const fields[] = {"step", "micro", "total", "epoch_steps", "constant"};
  if (n->op != O_STEP) return;
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    if (!strcmp(n->at.name, fields[i])) return;
  for (int i = 0; i < g->nsetting; i++)
    if (!strcmp(n->at.name, g->setting[i].name)) return;
  broken(n->loc, 2, "step: found field \"%s\", expected one of the step block or a setting", n->at.name);
}

/* G3: an assignment keeps the state's type. */
static void assign_fits(const Assign *a) {
  if (same_type(a->state->dtype, &a->state->shape, a->value->dtype, &a->value->shape)) return;
  broken(a->loc, 3, "assignment to \"%s\": found %s, expected %s", a->state->name,
         type_text(a->value->dtype, &a->value->shape).s, type_text(a->state->dtype, &a->state->shape).s);
}

/* G4: in one entry a state is assigned once, and not beside its group. */
static void assigned_once(const Entry *e, int i) {
  const Assign *a = &e->assign[i];
  for (int k = 0; k < i; k++) {
    const State *other = e->assign[k].state;
    if (other == a->state || other->group == a->state || a->state->group == other)
      broken(a->loc, 4,
             "assignment to \"%s\": found one to \"%s\" in the same entry, expected each memory once",
             a->state->name, other->name);
  }
}

/* G5: a state's number and name are its own. */
static void state_named(Names *seen, const State *s, int i) {
  if (s->id != i) broken(s->loc, 5, "state \"%s\": found number %d, expected %d", s->name, s->id, i);
  if ((*names_at(seen, s->name))++)
    broken(s->loc, 5, "state \"%s\": found twice, expected unique names", s->name);
}

/* G6: a state's first value has its type. */
static void first_value_fits(const State *s) {
  if (!s->init || same_type(s->dtype, &s->shape, s->init->dtype, &s->init->shape)) return;
  broken(s->loc, 6, "state \"%s\": found a first value of type %s, expected %s", s->name,
         type_text(s->init->dtype, &s->init->shape).s, type_text(s->dtype, &s->shape).s);
}

/* G17: what a state's first value is taken from has its type, and its own value by then. */
static void source_fits(const State *s) {
  const State *f = s->from;
  if (!f || (f->id < s->id && same_type(s->dtype, &s->shape, f->dtype, &f->shape))) return;
  broken(s->loc, 17,
         "state \"%s\" of type %s: found it from \"%s\" of type %s, expected an earlier one of its type",
         s->name, type_text(s->dtype, &s->shape).s, f->name, type_text(f->dtype, &f->shape).s);
}

/* G7: a member lies inside its group, which is flat, of the same type, and in no group itself. */
static bool member_inside(const State *s) {
  const State *g = s->group;
  if (!g) return true;
  int64_t count = shape_count(&s->shape), whole = shape_count(&g->shape);
  bool ok = g->kind == ST_GROUP && g->shape.rank == 1 && !g->group && s->kind != ST_GROUP &&
            g->dtype == s->dtype && s->offset >= 0 && s->offset <= whole - count;
  if (!ok)
    broken(s->loc, 7, "state \"%s\": found %s at %lld in \"%s\" of type %s, expected it inside a flat group",
           s->name, type_text(s->dtype, &s->shape).s, (long long)s->offset, g->name,
           type_text(g->dtype, &g->shape).s);
  return ok;
}

/* G8: members of a group do not overlap. */
static void members_disjoint(const Graph *g, int i) {
  const State *s = g->state[i];
  for (int k = 0; s->group && k < i; k++) {
    const State *t = g->state[k];
    if (t->group != s->group || t->offset >= s->offset + shape_count(&s->shape) ||
        s->offset >= t->offset + shape_count(&t->shape))
      continue;
    broken(s->loc, 8, "states \"%s\" and \"%s\": found them at %lld and %lld in \"%s\", expected them apart",
           t->name, s->name, (long long)t->offset, (long long)s->offset, s->group->name);
  }
}

/* G9: gradients and slots belong to parameters or groups, nothing else belongs to anything. */
static void belongs(const State *s) {
  if (!s->of) return;
  bool owner = s->of->kind == ST_PARAM || s->of->kind == ST_GROUP || s->of->kind == ST_FROZEN;
  if ((s->kind == ST_GRAD || s->kind == ST_SLOT) && owner) return;
  if (s->kind == ST_GROUP && s->of->kind == ST_GROUP) return;
  broken(s->loc, 9, "state \"%s\": found it to be of \"%s\", expected a grad or slot of a parameter or group",
         s->name, s->of->name);
}

/* G10: the flag of a refused update is a bool. */
static void finite_is_bool(const Graph *g) {
  if (!g->finite || (g->finite->dtype == DT_BOOL && !g->finite->shape.rank)) return;
  broken(g->finite->loc, 10, "finite: found \"%s\" of type %s, expected bool[]", g->finite->name,
         type_text(g->finite->dtype, &g->finite->shape).s);
}

/* G11: names of values are unique in an entry, and of one type in all. */
static void value_named(const Graph *g, int entry, int i) {
  const Value *v = &g->entry[entry].value[i];
  for (int e = 0; e <= entry; e++)
    for (int k = 0; k < (e == entry ? i : g->entry[e].nvalue); k++) {
      const Value *w = &g->entry[e].value[k];
      if (strcmp(w->name, v->name) != 0) continue;
      if (e == entry)
        broken(v->loc, 11, "value \"%s\": found twice in an entry, expected unique names", v->name);
      else if (!same_type(v->node->dtype, &v->node->shape, w->node->dtype, &w->node->shape))
        broken(v->loc, 11, "value \"%s\": found %s and %s in two entries, expected one type", v->name,
               type_text(w->node->dtype, &w->node->shape).s, type_text(v->node->dtype, &v->node->shape).s);
    }
}

static bool from_outside(const Value *v) {
  return v->flags & (V_SUPPLY | V_DATA);
}

/* G12: what may be supplied in an entry are different nodes. */
static void supplied_apart(const Entry *e, int i) {
  for (int k = 0; k < i; k++)
    if (from_outside(&e->value[i]) && from_outside(&e->value[k]) && e->value[i].node == e->value[k].node)
      broken(e->value[i].loc, 12,
             "values \"%s\" and \"%s\": found one node, expected one for each supplied value",
             e->value[k].name, e->value[i].name);
}

/* G13: data is an input, of a source that exists; a loss is a floating-point scalar, an index i32 below a
 * bound. */
static void value_fits(const Value *v) {
  const char *s = v->source;
  if (v->flags & V_DATA) {
    bool known =
        s && (!strcmp(s, "image") || !strcmp(s, "label") || !strcmp(s, "tensor") || !strcmp(s, "given"));
    if (v->node->op != O_INPUT || !known)
      broken(v->loc, 13,
             "data \"%s\": found %s from \"%s\", expected an input from image, label, tensor or given",
             v->name, op_rows[v->node->op].text, s ? s : "");
  }
  if ((v->flags & V_LOSS) && (v->node->shape.rank || !dtype_is_float(v->node->dtype)))
    broken(v->loc, 13, "loss \"%s\": found %s, expected a floating-point scalar", v->name,
           type_text(v->node->dtype, &v->node->shape).s);
  if ((v->flags & V_INDEX) && (v->node->dtype != DT_I32 || v->classes < 1))
    broken(v->loc, 13, "index \"%s\": found %s below %lld, expected i32 below a positive bound", v->name,
           type_text(v->node->dtype, &v->node->shape).s, (long long)v->classes);
}

/* G16: giving a value from outside must not overwrite a state. */
static void supplied_is_no_state(const Value *v) {
  if (from_outside(v) && v->node->op == O_STATE)
    broken(v->loc, 16, "value \"%s\": found the state \"%s\" itself, expected a supplied value apart from it",
           v->name, v->node->at.state->name);
}

static bool given(const Entry *e, const Node *input) {
  for (int i = 0; i < e->nvalue; i++)
    if (e->value[i].node == input && from_outside(&e->value[i])) return true;
  return false;
}

/* G14: what an entry reads from outside is among its values. */
static void inputs_given(const Graph *g, int entry) {
  const Entry *e = &g->entry[entry];
  Arena *a = arena_new();
  bool *need = ARENA_ARRAY(a, g->nnode, bool);
  for (int i = 0; i < e->nassign; i++) need[e->assign[i].value->id] = true;
  for (int i = 0; i < e->nvalue; i++) need[e->value[i].node->id] = true;
  for (int i = 0; entry == EN_INIT && i < g->nstate; i++)
    if (g->state[i]->init) need[g->state[i]->init->id] = true;
  graph_mark(g, need);
  for (int i = 0; i < g->nnode; i++)
    if (need[i] && g->node[i]->op == O_INPUT && !given(e, g->node[i]))
      broken(g->node[i]->loc, 14,
             "input \"%s\": found no data or supplied value of it in entry %s, expected one",
             g->node[i]->at.name, graph_entry_names[entry]);
  arena_free(a);
}

/* G15: the step block has a bit for each supplied value. */
static void supplied_count(const Graph *g) {
  int n = 0;
  for (int e = 0; e < EN_COUNT; e++)
    for (int i = 0; i < g->entry[e].nvalue; i++) n += (g->entry[e].value[i].flags & V_SUPPLY) != 0;
  if (n > MOST_SUPPLIED)
    broken(g->loc, 15, "found %d values that may be supplied, expected at most %d", n, MOST_SUPPLIED);
}

static void verify_states(const Graph *g) {
  bool inside = true;
  Arena *a = arena_new();
  Names seen = {.arena = a};
  for (int i = 0; i < g->nstate; i++) {
    state_named(&seen, g->state[i], i);
    first_value_fits(g->state[i]);
    source_fits(g->state[i]);
    inside = member_inside(g->state[i]) && inside;
    belongs(g->state[i]);
  }
  arena_free(a);
  for (int i = 0; inside && i < g->nstate; i++) members_disjoint(g, i);
  finite_is_bool(g);
}

static void verify_entry(const Graph *g, int e) {
  const Entry *entry = &g->entry[e];
  for (int i = 0; i < entry->nassign; i++) {
    assign_fits(&entry->assign[i]);
    assigned_once(entry, i);
  }
  for (int i = 0; i < entry->nvalue; i++) {
    value_named(g, e, i);
    supplied_apart(entry, i);
    value_fits(&entry->value[i]);
    supplied_is_no_state(&entry->value[i]);
  }
  inputs_given(g, e);
}

bool graph_verify(const Graph *g) {
  int errors = diag_count();
  bool ordered = true;
  for (int i = 0; i < g->nnode; i++) ordered = operands_precede(g, i) && ordered;
  if (!ordered) return false;
  for (int i = 0; i < g->nnode; i++) {
    shape_agrees(g->node[i]);
    field_known(g, g->node[i]);
  }
  verify_states(g);
  for (int e = 0; e < EN_COUNT; e++) verify_entry(g, e);
  supplied_count(g);
  return diag_count() == errors;
}
