#include "runtime/verbs/rt_culprit.h"

#include <inttypes.h>
#include <string.h>

#include "runtime/rt_base.h"
#include "runtime/state/rt_type.h"

typedef struct Search {
  const RtSession *s;
  RtFill *fill;
  void *fill_ctx;
  TessEntryKind entry; /* that runs now */
  uint64_t step;
  bool found;
} Search;

static void look(void *ctx, TessRun *run, uint32_t id, double seconds) {
  (void)seconds;
  Search *c = ctx;
  const TessLaunch *l = &tess_program.entry[c->entry].launch[id];
  for (uint32_t i = 0; i < l->nout && !c->found; i++) {
    const void *p = rt_fetch(c->s, &l->out[i]);
    int64_t at = rt_type_not_finite(l->out[i].dtype, p, l->out[i].count);
    if (at < 0) continue;
    c->found = run->stop = true;
    rt_error("%s: step %" PRIu64 ", %s %" PRIu64
             ": kernel %s makes the first value that is not finite: %s, element %" PRId64 ": found %g",
             l->source, c->step, c->entry == TESS_EVAL ? "batch" : "micro-batch", c->s->step.micro, l->kernel,
             l->origin, at, rt_type_get(l->out[i].dtype, p, (uint64_t)at));
  }
}

/* A bad value may have come from a file. */
static void look_at_states(const RtSession *s) {
  for (uint32_t i = 0; i < tess_program.nstate; i++) {
    const TessState *st = &tess_program.state[i];
    if (st->kind == TESS_GRAD || st->kind == TESS_TEMP) continue;
    int64_t at = rt_type_not_finite(st->t.dtype, rt_fetch(s, &st->t), st->t.count);
    if (at < 0) continue;
    rt_error("\"%s%s%s\" isn't finite itself: element %" PRId64 ": found %g", st->slot, *st->slot ? "." : "",
             st->name, at, rt_type_get(st->t.dtype, rt_at(s, &st->t), (uint64_t)at));
    return;
  }
}

void rt_clear_gradients(const RtSession *s) {
  for (uint32_t i = 0; i < tess_program.nstate; i++) {
    const TessState *st = &tess_program.state[i];
    if (st->kind != TESS_GRAD) continue;
    memset(rt_at(s, &st->t), 0, st->t.count * rt_type_size(st->t.dtype));
    rt_send(s, &st->t);
  }
}

static bool fill_unless_found(void *ctx, uint64_t step, uint64_t micro) {
  Search *c = ctx;
  c->entry = TESS_MICRO;
  return !c->found && (!c->fill || c->fill(c->fill_ctx, step, micro));
}

static void before_update(void *ctx, uint64_t micro) {
  if (micro + 1 == tess_program.accumulate) ((Search *)ctx)->entry = TESS_UPDATE;
}

void rt_culprit_find(RtSession *s, uint64_t step, RtFill *fill, void *ctx) {
  rt_error("step %" PRIu64 ": a value is not finite; the update was refused, the weights are those before it",
           step);
  look_at_states(s);
  rt_clear_gradients(s);
  Search c = {.s = s, .fill = fill, .fill_ctx = ctx, .step = step};
  RtHook hook = {look, &c};
  s->run.hook = &hook;
  rt_session_step(s, step, fill_unless_found, before_update, &c);
  s->run.hook = NULL;
  s->run.stop = false;
  if (!c.found) rt_note("no kernel writes such a value when the step is run again");
}

void rt_culprit_evaluate(RtSession *s) {
  look_at_states(s);
  Search c = {.s = s, .entry = TESS_EVAL, .step = s->step.step};
  RtHook hook = {look, &c};
  s->run.hook = &hook;
  rt_session_entry(s, TESS_EVAL);
  s->run.hook = NULL;
  s->run.stop = false;
}
