/* The whole story of one value: where its line is, which kernel makes it, where it lives, who reads it and
 * why they are not one kernel. */
#include <inttypes.h>
#include <string.h>

#include "base/nearest.h"
#include "passes/place/strategy.h"
#include "passes/save/save.h"
#include "tools/explain/explain.h"

static bool ends(const char *class, const char *name) {
  size_t n = strlen(class), m = strlen(name);
  return m <= n && strcmp(class + n - m, name) == 0 && (m == n || class[n - m - 1] == '.');
}

/* A class answers to its name, to the end of it from a dot on, and to both without what tells equal names
 * apart and without the mark of being made again. */
static bool answers(Arena *a, const char *class, const char *name) {
  char *plain = arena_strndup(a, class, strcspn(class, "#")), *again = strstr(plain, ".again");
  if (ends(class, name) || ends(plain, name)) return true;
  if (again && !again[strlen(".again")]) *again = 0;
  return ends(plain, name);
}

static void show_place(const Explain *x, Loc at, FILE *out) {
  if (at.src) fprintf(out, "  %s:%d  %s", at.src->path, at.line, explain_line(x->arena, at));
}

static void show_row(const Explain *x, const FactEntry *e, const char *what, int row, FILE *out) {
  const FactRow *r = &e->row[row];
  fprintf(out, "    %s row %d, %s x%d", what, row, r->kind, r->nlaunch);
  show_place(x, r->loc, out);
  fprintf(out, "\n");
}

static void show_makers(const Explain *x, const FactEntry *e, int value, FILE *out) {
  static const char *const verbs[] = {[FP_STORED] = "made and stored by",
                                      [FP_HELD] = "made, for itself alone, by",
                                      [FP_INLINE] = "written into",
                                      [FP_RECOMPUTED] = "made again by"};
  for (int i = 0; i < e->nrow; i++)
    for (int k = 0; k < e->row[i].nuse; k++)
      if (e->row[i].use[k].value == value) show_row(x, e, verbs[e->row[i].use[k].place], i, out);
}

static void show_readers(const Explain *x, const FactEntry *e, int value, FILE *out) {
  for (int i = 0; i < e->nneighbour; i++) {
    const FactNeighbour *n = &e->neighbour[i];
    if (n->value != value) continue;
    show_row(x, e, "read from memory by", n->to, out);
    fprintf(out, "      not one kernel: %s\n", explain_reason(x, e, n));
  }
}

/* The memory of the class' members, the first and the last of which stand for all. */
static void show_buffers(const Explain *x, const FactEntry *e, int value, FILE *out) {
  const Facts *f = x->facts;
  const FactBuf *first = NULL, *last = NULL;
  int count = 0;
  for (int i = 0; i < f->prog->nbuf; i++) {
    const FactBuf *b = &f->buf[i];
    if (!b->node || b->buf->entry != (int)e->kind || e->value_of[b->node->id] != value) continue;
    if (!first) first = b;
    last = b;
    count++;
  }
  if (!count) return;
  fprintf(out, "    in memory, %s: %d x %s; ", fact_memory[first->kind], count,
          explain_size(x->arena, (double)first->buf->bytes));
  fprintf(out, "launches %d to %d of %d at byte %lld", first->buf->first, first->buf->last, e->nlaunch,
          (long long)first->buf->offset);
  if (count > 1)
    fprintf(out, " (the last of them: %d to %d at byte %lld)", last->buf->first, last->buf->last,
            (long long)last->buf->offset);
  fprintf(out, "\n");
}

static void show_state(const FactEntry *e, const FactValue *v, FILE *out) {
  const Site *s = site_of(e->lower, v->first);
  const Assign *a = s->assign;
  if (s->within) fprintf(out, "    stored straight into its part of %s\n", fact_class(e, s->within));
  if (a) fprintf(out, "    stored straight into the state %s, assigned there\n", a->state->name);
}

/* Why the class is inline. */
static const char *why_inline(Arena *a, const DecisionRow *r) {
  const struct StrategyRow *row = r->class->row;
  if (row && row->must_inline)
    return arena_printf(a, "the strategy file says so (%s)", explain_strategy_row(a, row));
  if (r->first->at.again) return "the backward pass makes it again where it is read";
  if (r->class->kind == NK_GATHER) return "the rows picked are read where they lie";
  return r->class->kind == NK_DRAW ? "it is read once" : "it costs less";
}

static void show_decision(const FactEntry *e, const Node *first, FILE *out) {
  int at = e->decisions->row_of[first->id];
  if (at < 0) return;
  Arena *a = e->lower->arena;
  const DecisionRow *r = &e->decisions->row[at];
  fprintf(out, "    placement: %s%s%s", decision_roles[r->role], r->role == DP_INLINE ? "" : " of its kernel",
          r->mixed ? ", others of the class differ" : "");
  if (r->role == DP_INLINE)
    fprintf(out, "; written into its readers: %s", why_inline(a, r));
  else if (r->inlining != DR_NONE)
    fprintf(out, "; not written into its readers: %s", explain_inlining(a, e, r).text);
  if (r->inlined > 0 || r->storing > 0)
    fprintf(out, "; %s of traffic for writing it in, %s for storing it", explain_size(a, r->inlined),
            explain_size(a, r->storing));
  fprintf(out, "\n");
}

/* The choice weighs whole chains of values; these are the two costs of this one alone. */
static void show_saved(const Explain *x, const FactEntry *e, const FactValue *v, FILE *out) {
  if (!v->kept && !v->recomputed) return;
  double keep = (double)save_keep_cost(e->lower, v->first) / SAVE_UNIT;
  double again = (double)save_again_cost(e->lower, v->first) / SAVE_UNIT;
  fprintf(
      out,
      "    %s: keeping each costs %s of traffic, making it again from its operands %s and what they need\n",
      v->kept ? "kept for the backward pass" : "made again by the backward pass instead of kept",
      explain_size(x->arena, keep), explain_size(x->arena, again));
}

static void show_head(const Explain *x, const FactEntry *e, const char *name, const Node *first, int count,
                      FILE *out) {
  char shape[128];
  fprintf(out, "%s  %s%s x%d in %s%s", name, dtype_name(first->dtype),
          shape_text(&first->shape, shape, sizeof shape), count, explain_entries[e->kind],
          site_of(e->lower, first)->backward ? ", backward" : "");
  show_place(x, first->loc, out);
  fprintf(out, "\n");
}

static void show_class(const Explain *x, const FactEntry *e, int value, FILE *out) {
  const FactValue *v = &e->value[value];
  show_head(x, e, v->name, v->first, v->count, out);
  show_decision(e, v->first, out);
  show_makers(x, e, value, out);
  show_state(e, v, out);
  show_buffers(x, e, value, out);
  show_saved(x, e, v, out);
  show_readers(x, e, value, out);
}

/* A class that no row lists: written into kernels, and without a name in the description. */
static void show_unnamed(const Explain *x, const FactEntry *e, int row, FILE *out) {
  const DecisionRow *r = &e->decisions->row[row];
  const FactInlined *in = &e->inlined[row];
  show_head(x, e, r->class->name, r->first, r->members, out);
  show_decision(e, r->first, out);
  for (int i = 0; i < in->n; i++) show_row(x, e, "written into", in->row[i], out);
}

static int show_entry(const Explain *x, const FactEntry *e, const char *name, FILE *out) {
  const char *starred = graph_starred(x->arena, name);
  int n = 0;
  for (int i = 0; i < e->nvalue; i++)
    if (answers(x->arena, e->value[i].name, starred)) {
      show_class(x, e, i, out);
      n++;
    }
  for (int i = 0; i < e->decisions->nrow; i++) {
    const DecisionRow *r = &e->decisions->row[i];
    if (e->value_of[r->first->id] >= 0 || !answers(x->arena, r->class->name, starred)) continue;
    show_unnamed(x, e, i, out);
    n++;
  }
  return n;
}

static int show_state_memory(const Explain *x, const char *name, FILE *out) {
  const Prog *p = x->facts->prog;
  int n = 0;
  for (int i = 0; i < p->nstate; i++) {
    const PState *s = &p->state[i];
    char shape[128];
    if (strcmp(s->name, name) != 0) continue;
    fprintf(out, "%s%s%s  %s, %s%s, in %s at byte %" PRId64, s->name, s->slot[0] ? " " : "", s->slot,
            fact_memory[x->facts->buf[s->buf->id].kind], dtype_name(s->state->dtype),
            shape_text(&s->shape, shape, sizeof shape), s->buf->name, s->buf->offset + s->at);
    show_place(x, s->state->loc, out);
    fprintf(out, "\n");
    n++;
  }
  return n;
}

/* The name that people may have meant: a class' or the end of one. */
static const char *nearest(const Explain *x, const char *name) {
  const Facts *f = x->facts;
  int n = 0, most = f->prog->nstate + 1;
  for (int e = 0; e < EN_COUNT; e++)
    most += 2 * f->entry[e].nvalue + (f->entry[e].lower ? f->entry[e].decisions->nrow : 0);
  const char **names = ARENA_ARRAY(x->arena, most, const char *);
  for (int e = 0; e < EN_COUNT; e++)
    for (int i = 0; i < f->entry[e].nvalue; i++) {
      names[n++] = f->entry[e].value[i].name;
      names[n++] = explain_short(x->arena, f->entry[e].value[i].name);
    }
  for (int e = 0; e < EN_COUNT; e++)
    for (int i = 0; f->entry[e].lower && i < f->entry[e].decisions->nrow; i++)
      names[n++] = f->entry[e].decisions->row[i].class->name;
  for (int i = 0; i < f->prog->nstate; i++) names[n++] = f->prog->state[i].name;
  return nearest_name(name, names, n);
}

/* Of the entries that are shown, or of the others, which are not part of a step. */
static int show_entries(const Explain *x, bool shown, const char *name, FILE *out) {
  int n = 0;
  for (int i = 0; i < EN_COUNT; i++) {
    const FactEntry *e = &x->facts->entry[i];
    if (e->lower && explain_shows(x, e) == shown) n += show_entry(x, e, name, out);
  }
  return n;
}

bool explain_value(const Explain *x, const char *name, FILE *out) {
  int n = show_state_memory(x, name, out) + show_entries(x, true, name, out);
  if (!n && !x->entry) n = show_entries(x, false, name, out);
  if (n) return true;
  diag_error((Loc){.src = x->build->front.source[0].src},
             "no kernel of %s computes a value named \"%s\"; expected the name of a let, or a path with one: "
             "\"blocks.*.attn.score\", or a class that --write lists",
             x->entry ? x->entry : "the program", name);
  const char *near = nearest(x, name);
  if (near) diag_note((Loc){0}, "did you mean \"%s\"?", near);
  return false;
}
