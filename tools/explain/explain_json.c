/* The facts as JSON; docs/explain.md has the schema. */
#include <string.h>

#include "tools/explain/explain.h"
#include "tools/report/json_tree.h"

enum { SCHEMA = 1 };

static void place(JsonTree *j, Loc at) {
  tree_text(j, "file", at.src ? at.src->path : NULL);
  tree_int(j, "line", at.line);
}

static void put_program(JsonTree *j, const Explain *x) {
  const Build *b = x->build;
  tree_open(j, "program", '{');
  tree_text(j, "block", b->graph->name_of_block);
  tree_text(j, "description", b->front.source[0].relative);
  tree_text(j, "target", b->target->name);
  tree_text(j, "source_hash", build_hash(b));
  tree_text(j, "fusion", b->o->fusion);
  tree_int(j, "batch", b->graph->batch);
  tree_int(j, "accumulate", b->graph->accumulate);
  tree_open(j, "defines", '[');
  for (int i = 0; i < b->front.nparam; i++) {
    tree_open(j, NULL, '{');
    tree_text(j, "name", b->front.param[i].name);
    tree_text(j, "value", b->front.param[i].value);
    tree_close(j, '}');
  }
  tree_close(j, ']');
  tree_close(j, '}');
}

static void put_roofline(JsonTree *j, const Roofline *r) {
  tree_open(j, "roofline", '{');
  tree_text(j, "machine", r->machine);
  tree_int(j, "threads", r->threads);
  tree_number(j, "flop_per_s", r->flop);
  tree_number(j, "operations_per_s", r->operations);
  tree_number(j, "bytes_per_s", r->bytes);
  tree_number(j, "launch_s", r->launch);
  tree_close(j, '}');
}

static void put_totals(JsonTree *j, const Facts *f) {
  const Prog *p = f->prog;
  int launches = 0;
  for (int e = 0; e < EN_COUNT; e++) launches += p->entry[e].nlaunch;
  tree_open(j, "totals", '{');
  tree_int(j, "arena_bytes", p->arena_bytes);
  tree_int(j, "live_bytes", p->live_bytes);
  tree_int(j, "kernels", p->nkernel);
  tree_int(j, "launches", launches);
  tree_number(j, "step_s", f->step);
  tree_known(j, "step_measured_s", f->measured);
  tree_open(j, "always", '{');
  for (int k = 0; k < FM_ENTRY; k++) tree_int(j, fact_memory[k], f->always[k]);
  tree_close(j, '}');
  tree_close(j, '}');
}

static void put_sources(JsonTree *j, const FrontInfo *front) {
  tree_open(j, "sources", '[');
  for (int i = 0; i < front->nsource; i++) {
    tree_open(j, NULL, '{');
    tree_text(j, "file", front->source[i].relative);
    tree_text(j, "text", front->source[i].src->text);
    tree_close(j, '}');
  }
  tree_close(j, ']');
}

static const char *skeleton(const Kernel *k) {
#define X(e, text) text,
  static const char *const names[] = {KERN_SKELETONS(X)};
#undef X
  return k->nplan ? names[k->plan[0].skeleton] : NULL;
}

static int launches_of(const Prog *p, int kernel) {
  int n = 0;
  for (int e = 0; e < EN_COUNT; e++)
    for (int i = 0; i < p->entry[e].nlaunch; i++) n += p->entry[e].launch[i].kernel_id == kernel;
  return n;
}

static void put_kernels(JsonTree *j, const Explain *x) {
  const Prog *p = x->facts->prog;
  const TargetText *text = &x->build->text;
  tree_open(j, "kernels", '[');
  for (int i = 0; i < p->nkernel; i++) {
    const Kernel *k = p->kernel[i];
    tree_open(j, NULL, '{');
    tree_text(j, "name", k->name);
    tree_text(j, "skeleton", skeleton(k));
    tree_text(j, "origin", k->origin ? k->origin[0] : NULL);
    place(j, k->loc);
    tree_int(j, "launches", launches_of(p, i));
    tree_text(j, "text", kern_print(x->arena, k));
    tree_text(j, "emitted", text->whole ? text->kernel[i] : NULL);
    tree_close(j, '}');
  }
  tree_close(j, ']');
}

static void put_buffers(JsonTree *j, const Facts *f) {
  tree_open(j, "buffers", '[');
  for (int i = 0; i < f->prog->nbuf; i++) {
    const FactBuf *b = &f->buf[i];
    const PBuf *p = b->buf;
    tree_open(j, NULL, '{');
    tree_text(j, "name", p->name);
    tree_text(j, "value", b->value);
    tree_text(j, "kind", fact_memory[b->kind]);
    tree_text(j, "dtype", dtype_name(p->dtype));
    tree_int(j, "bytes", p->bytes);
    tree_int(j, "offset", p->offset);
    tree_text(j, "lifetime", p->persistent ? "always" : p->pinned ? "entry" : "launches");
    tree_text(j, "entry", p->persistent ? NULL : explain_entries[p->entry]);
    tree_int(j, "first", p->persistent ? -1 : p->first);
    tree_int(j, "last", p->persistent ? -1 : p->last);
    tree_int(j, "made", b->made);
    place(j, b->loc);
    tree_close(j, '}');
  }
  tree_close(j, ']');
}

static void put_operands(JsonTree *j, const PLaunch *l) {
  static const char *const uses[] = {[KB_IN] = "in", [KB_OUT] = "out", [KB_INOUT] = "inout"};
  tree_open(j, "buffers", '[');
  for (int i = 0; i < l->kernel->nbuf; i++) {
    tree_open(j, NULL, '{');
    tree_int(j, "buffer", l->buf[i]->id);
    tree_int(j, "at", l->at[i]);
    tree_text(j, "use", uses[l->kernel->buf[i].kind]);
    tree_close(j, '}');
  }
  tree_close(j, ']');
}

static void put_launches(JsonTree *j, const FactEntry *e) {
  tree_open(j, "launches", '[');
  for (int i = 0; i < e->nlaunch; i++) {
    const FactLaunch *l = &e->launch[i];
    tree_open(j, NULL, '{');
    tree_int(j, "kernel", l->launch->kernel_id);
    tree_int(j, "row", l->row);
    tree_text(j, "origin", l->launch->origin);
    place(j, l->launch->loc);
    tree_bool(j, "backward", l->group && l->group->backward);
    tree_int(j, "tasks", l->launch->tasks);
    tree_number(j, "flop", l->launch->flop);
    tree_number(j, "operations", l->operations);
    tree_number(j, "bytes", l->launch->bytes);
    tree_number(j, "seconds", l->seconds);
    tree_text(j, "bound", roofline_bounds[l->bound]);
    tree_known(j, "measured_s", l->measured);
    put_operands(j, l->launch);
    tree_close(j, '}');
  }
  tree_close(j, ']');
}

static void put_classes(JsonTree *j, const FactRow *r) {
  tree_open(j, "classes", '[');
  for (int i = 0; i < r->nclass; i++) {
    const FactClass *c = &r->class[i];
    tree_open(j, NULL, '{');
    tree_text(j, "origin", c->origin);
    tree_int(j, "kernel", c->kernel);
    tree_int(j, "launches", c->launches);
    tree_number(j, "seconds", c->seconds);
    tree_known(j, "measured_s", c->measured);
    tree_close(j, '}');
  }
  tree_close(j, ']');
}

static void put_uses(JsonTree *j, const FactRow *r) {
  tree_open(j, "values", '[');
  for (int i = 0; i < r->nuse; i++) {
    tree_open(j, NULL, '{');
    tree_int(j, "value", r->use[i].value);
    tree_text(j, "place", fact_places[r->use[i].place]);
    tree_close(j, '}');
  }
  tree_close(j, ']');
}

static double share(double part, double whole) {
  return part < 0 || whole <= 0 ? -1 : part / whole;
}

static void put_rows(JsonTree *j, const Facts *f, const FactEntry *e) {
  tree_open(j, "rows", '[');
  for (int i = 0; i < e->nrow; i++) {
    const FactRow *r = &e->row[i];
    tree_open(j, NULL, '{');
    tree_text(j, "kind", r->kind);
    tree_text(j, "name", r->name);
    place(j, r->loc);
    tree_bool(j, "backward", r->backward);
    tree_int(j, "launches", r->nlaunch);
    tree_number(j, "flop", r->flop);
    tree_number(j, "operations", r->operations);
    tree_number(j, "bytes", r->bytes);
    tree_number(j, "seconds", r->seconds);
    tree_text(j, "bound", roofline_bounds[r->bound]);
    tree_known(j, "share", e->times > 0 ? share(e->times * r->seconds, f->step) : -1);
    tree_known(j, "measured_s", r->measured);
    tree_known(j, "measured_share", e->times > 0 ? share(e->times * r->measured, f->measured) : -1);
    put_classes(j, r);
    put_uses(j, r);
    tree_close(j, '}');
  }
  tree_close(j, ']');
}

static void put_shape(JsonTree *j, const Shape *s) {
  tree_open(j, "shape", '[');
  for (int i = 0; i < s->rank; i++) tree_int(j, NULL, s->dim[i]);
  tree_close(j, ']');
}

static void put_values(JsonTree *j, const FactEntry *e) {
  tree_open(j, "values", '[');
  for (int i = 0; i < e->nvalue; i++) {
    const FactValue *v = &e->value[i];
    tree_open(j, NULL, '{');
    tree_text(j, "name", v->name);
    place(j, v->first->loc);
    tree_text(j, "dtype", dtype_name(v->first->dtype));
    put_shape(j, &v->first->shape);
    tree_int(j, "count", v->count);
    tree_bool(j, "backward", v->backward);
    tree_bool(j, "kept", v->kept);
    tree_bool(j, "recomputed", v->recomputed);
    tree_close(j, '}');
  }
  tree_close(j, ']');
}

static void put_reason(JsonTree *j, const char *key, Reason name, ExplainWhy why) {
  tree_open(j, key, '{');
  tree_text(j, "name", reason_rows[name].name);
  tree_text(j, "rule", why.rule);
  tree_text(j, "text", why.text);
}

/* The costs are those of the producer's class; null where they were not compared. */
static void put_why(JsonTree *j, Arena *a, const FactEntry *e, const DecisionPair *p) {
  if (!p) {
    tree_text(j, "not_joined", NULL);
    tree_text(j, "not_inlined", NULL);
    return;
  }
  const DecisionRow *row = &e->decisions->row[p->producer];
  bool compared = row->inlined > 0 || row->storing > 0;
  put_reason(j, "not_joined", p->joining, explain_joining(a, e, p));
  tree_close(j, '}');
  put_reason(j, "not_inlined", p->inlining, explain_inlining(a, e, row));
  tree_known(j, "inline_bytes", compared ? row->inlined : -1);
  tree_known(j, "stored_bytes", compared ? row->storing : -1);
  tree_close(j, '}');
}

static void put_neighbours(JsonTree *j, Arena *a, const FactEntry *e) {
  tree_open(j, "neighbours", '[');
  for (int i = 0; i < e->nneighbour; i++) {
    const FactNeighbour *n = &e->neighbour[i];
    tree_open(j, NULL, '{');
    tree_int(j, "from", n->from);
    tree_int(j, "to", n->to);
    tree_int(j, "value", n->value);
    tree_int(j, "count", n->count);
    tree_int(j, "bytes", n->bytes);
    put_why(j, a, e, n->why);
    tree_close(j, '}');
  }
  tree_close(j, ']');
}

static void put_memory(JsonTree *j, const Facts *f, const FactEntry *e) {
  tree_open(j, "memory", '{');
  tree_int(j, "peak", e->peak);
  tree_int(j, "peak_bytes", fact_live(f, e, e->peak));
  for (int k = FM_ENTRY; k < FM_COUNT; k++) {
    tree_open(j, fact_memory[k], '[');
    for (int i = 0; i <= e->nlaunch; i++) tree_int(j, NULL, e->live[k][i]);
    tree_close(j, ']');
  }
  tree_close(j, '}');
}

static void put_entry(JsonTree *j, const Facts *f, const FactEntry *e) {
  tree_open(j, NULL, '{');
  tree_text(j, "name", explain_entries[e->kind]);
  tree_number(j, "times", e->times);
  tree_number(j, "seconds", e->seconds);
  tree_known(j, "measured_s", e->measured);
  put_launches(j, e);
  put_rows(j, f, e);
  put_values(j, e);
  put_neighbours(j, f->arena, e);
  put_memory(j, f, e);
  tree_close(j, '}');
}

void explain_json(const Explain *x, FILE *out) {
  const Facts *f = x->facts;
  JsonTree j = {.out = out};
  tree_open(&j, NULL, '{');
  tree_int(&j, "tessera_explain", SCHEMA);
  put_program(&j, x);
  put_roofline(&j, &f->roof);
  put_totals(&j, f);
  put_sources(&j, &x->build->front);
  put_kernels(&j, x);
  put_buffers(&j, f);
  tree_open(&j, "entries", '[');
  for (int e = 0; e < EN_COUNT; e++)
    if (f->entry[e].lower) put_entry(&j, f, &f->entry[e]);
  tree_close(&j, ']');
  tree_close(&j, '}');
}
