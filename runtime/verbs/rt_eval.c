/* eval: the reported numbers over the samples. Each is taken to be a mean over the samples of its batch
 * of something that depends on the sample alone. The samples behind the last whole batch are run in pieces
 * whose length divides the batch, each repeated until the batch is full: the mean of a piece is then exact,
 * and is weighted by its length. */
#include <inttypes.h>

#include "runtime/rt_base.h"
#include "runtime/rt_signal.h"
#include "runtime/state/rt_type.h"
#include "runtime/state/rt_weights.h"
#include "runtime/verbs/rt_culprit.h"
#include "runtime/verbs/rt_eval.h"
#include "runtime/verbs/rt_verb.h"

/* The longest piece of at most `left` samples that divides the batch. */
static uint64_t piece(uint64_t left) {
  uint64_t n = left < tess_program.batch ? left : tess_program.batch;
  while (tess_program.batch % n) n--;
  return n;
}

static bool fill(RtSession *s, RtData *d, const RtPick *pick) {
  if (!rt_data_fill(d, pick, s->arena)) return false;
  rt_session_send_data(s, TESS_EVAL);
  return true;
}

/* The first reported number that is not finite, or NULL. */
static const TessValue *not_finite(const RtSession *s) {
  for (uint32_t i = 0; i < tess_program.nvalue; i++) {
    const TessValue *v = &tess_program.value[i];
    if (v->entry != TESS_EVAL || !rt_value_is_scalar(v)) continue;
    if (rt_type_not_finite(v->t.dtype, rt_fetch(s, &v->t), 1) == 0) return v;
  }
  return NULL;
}

/* Runs a batch, whose data lie in place. */
static bool run_batch(RtSession *s, RtData *d, const RtPick *pick, bool finite) {
  if (!rt_session_entry(s, TESS_EVAL)) return false;
  const TessValue *bad = finite ? not_finite(s) : NULL;
  if (!bad) return true;
  rt_error("%s is not finite in batch %" PRIu64 ", samples %" PRIu64 " to %" PRIu64, bad->name, s->step.micro,
           pick->first, pick->first + pick->count - 1);
  if (fill(s, d, pick)) rt_culprit_evaluate(s);
  return false;
}

/* Whatever is evaluated is at no step of any run. */
bool rt_evaluate(RtSession *s, RtData *d, RtReport *r, bool finite) {
  TessStep before = s->step;
  bool ok = true;
  s->step.total = s->step.epoch_steps = 0;
  for (uint64_t at = 0, run = 0; ok && at < d->n; run++) {
    RtPick pick = {.first = at, .count = piece(d->n - at)};
    rt_session_at(s, 0, run);
    ok = fill(s, d, &pick) && !rt_signal_to_end() && run_batch(s, d, &pick, finite);
    if (ok) rt_report_add(r, s, TESS_EVAL, (double)pick.count);
    at += pick.count;
  }
  s->step = before;
  return ok;
}

static void print_result(const RtOptions *o, const RtReport *r, uint64_t samples, double seconds) {
  double rate = seconds > 0 ? (double)samples / seconds : 0;
  if (o->value[RT_OPT_json].flag) {
    printf("{\"images\":%" PRIu64, samples);
    rt_report_json(r, stdout);
    printf(",\"images_per_s\":%.1f}\n", rate);
    return;
  }
  printf("%" PRIu64 " %s", samples, rt_unit());
  rt_report_text(r, stdout);
  printf("  %.0f %s/s\n", rate, rt_unit());
}

static bool run(RtOptions *o, RtData *d) {
  RtSession s;
  if (!rt_begin(&s, o)) return false;
  bool ok = rt_load_all(&s, o, true) && rt_weights_possible(o);
  if (ok) {
    RtReport r = rt_report_new();
    double start = rt_now();
    ok = rt_evaluate(&s, d, &r, true);
    if (ok) print_result(o, &r, d->n, rt_now() - start);
    rt_report_free(&r);
    ok = ok && rt_weights_write(o, &s);
  }
  rt_session_close(&s);
  return ok;
}

int rt_eval(RtOptions *o) {
  RtData d;
  if (!rt_has_entry(TESS_EVAL) || !rt_data_needed(TESS_EVAL)) {
    rt_error("%s has nothing to evaluate on data", tess_program.name);
    return 1;
  }
  if (!rt_data_possible(TESS_EVAL)) return 1;
  if (!RT_GIVEN(o, data)) {
    rt_error("eval: expected --data PATH, the folder or file with the data");
    return 1;
  }
  if (!rt_frozen_complete(o)) return 1;
  if (!RT_GIVEN(o, init) && o->nfrozen == 0) rt_note("eval without --init FILE: these are initial values");
  if (!rt_data_open(&d, o, RT_PART_EVAL, TESS_EVAL)) return 1;
  bool ok = run(o, &d);
  rt_data_close(&d);
  return ok ? 0 : 1;
}
