/* train: init, loading, prepare, then updates until the last one or a signal; checkpoints on the way. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "runtime/rt_base.h"
#include "runtime/rt_signal.h"
#include "runtime/state/rt_weights.h"
#include "runtime/verbs/rt_culprit.h"
#include "runtime/verbs/rt_eval.h"
#include "runtime/verbs/rt_keep.h"
#include "runtime/verbs/rt_verb.h"

typedef struct Train {
  RtOptions *o;
  RtSession s;
  RtData data, test; /* test: what is evaluated on the way */
  RtPosition at;
  uint64_t epoch_steps, every, validate; /* updates; 0: no checkpoint, no evaluation on the way */
  RtProgress progress;
  RtKeep keep;
  uint64_t first;   /* updates made before this run */
  uint64_t skipped; /* updates that were refused and passed over */
  bool unread;      /* an evaluation could not be made */
} Train;

enum { SKIPS_SAID = 8 };

static bool open_data(Train *t) {
  if (!rt_data_possible(TESS_MICRO)) return false;
  if (!rt_data_needed(TESS_MICRO)) return true;
  if (!RT_GIVEN(t->o, data)) {
    rt_error("train: expected --data PATH, the folder or file with the training data");
    return false;
  }
  if (!rt_data_open(&t->data, t->o, RT_PART_TRAIN, TESS_MICRO)) return false;
  uint64_t need = tess_program.batch * tess_program.accumulate;
  t->epoch_steps = t->data.n / need;
  if (t->epoch_steps) return true;
  rt_error("%s: found %" PRIu64 " samples, an update needs %" PRIu64, t->data.column[0].name, t->data.n,
           need);
  return false;
}

static bool open_test(Train *t) {
  if (!RT_GIVEN(t->o, validate)) return true;
  if (!rt_has_entry(TESS_EVAL) || !rt_data_needed(TESS_EVAL)) {
    rt_error("--validate: %s has nothing to evaluate on data", tess_program.name);
    return false;
  }
  return rt_data_possible(TESS_EVAL) && rt_data_open(&t->test, t->o, RT_PART_EVAL, TESS_EVAL);
}

/* The length of the run: the command line's, or the checkpoint's. */
static bool settle_length(Train *t) {
  uint64_t stored = t->at.total;
  if (RT_GIVEN(t->o, steps)) t->at.total = RT_U64(t->o, steps);
  if (RT_GIVEN(t->o, epochs) && __builtin_mul_overflow(RT_U64(t->o, epochs), t->epoch_steps, &t->at.total))
    t->at.total = 0;
  if (stored && stored != t->at.total)
    rt_note("a run of %" PRIu64 " updates replaces the checkpoint's of %" PRIu64, t->at.total, stored);
  if (t->epoch_steps == 0) t->epoch_steps = t->at.total;
  if (t->at.total > 0 && t->at.total >= t->at.step) return true;
  if (t->at.total > 0) {
    rt_error("train: found a run of %" PRIu64 " updates, %s is at update %" PRIu64 " already", t->at.total,
             RT_TEXT(t->o, resume), t->at.step);
    return false;
  }
  rt_error("train: expected --steps N or --epochs N, at least 1");
  return false;
}

static uint64_t updates_of(const Train *t, RtSpan s) {
  uint64_t n = s.n;
  return s.epochs && __builtin_mul_overflow(s.n, t->epoch_steps, &n) ? UINT64_MAX : n;
}

static bool resume(Train *t) {
  if (!rt_load_frozen(&t->s, t->o) || !rt_checkpoint_read(RT_TEXT(t->o, resume), &t->s, t->o, &t->at))
    return false;
  rt_keep_resume(&t->keep, t->o, &t->at);
  return rt_session_entry(&t->s, TESS_PREPARE);
}

static bool fill(void *ctx, uint64_t step, uint64_t micro) {
  Train *t = ctx;
  if (!t->data.n) return true;
  uint64_t batch = tess_program.batch;
  RtPick pick = {.seed = t->s.step.seed,
                 .epoch = step / t->epoch_steps,
                 .first = (step % t->epoch_steps * tess_program.accumulate + micro) * batch,
                 .count = batch,
                 .shuffled = true};
  if (!rt_data_fill(&t->data, &pick, t->s.arena)) return false;
  rt_session_send_data(&t->s, TESS_MICRO);
  return true;
}

static void seen(void *ctx, uint64_t micro) {
  Train *t = ctx;
  rt_progress_add(&t->progress, &t->s, micro < tess_program.accumulate ? TESS_MICRO : TESS_UPDATE);
}

static void write_checkpoint(Train *t, RtOccasion is) {
  rt_keep_write(&t->keep, &t->s, t->o, &t->at, is);
}

static const RtOccasion newest = {.newest = true};

/* A run that ends early leaves what it did, if it did anything. */
static void write_last(Train *t) {
  if (t->at.step > t->first) write_checkpoint(t, newest);
}

static void write_when_asked(Train *t) {
  if (!rt_signal_to_save()) return;
  if (!RT_GIVEN(t->o, checkpoint)) {
    rt_note("SIGUSR1: there is no --checkpoint FILE to write");
    return;
  }
  write_last(t);
  if (t->keep.written_at == t->at.step)
    rt_note("SIGUSR1: %s has update %" PRIu64, RT_TEXT(t->o, checkpoint), t->at.step);
}

/* The update in hand was refused: whether the run goes on behind it. */
static bool pass_over(Train *t) {
  if (strcmp(RT_TEXT(t->o, on_nonfinite), "skip") != 0) {
    write_last(t);
    rt_culprit_find(&t->s, t->at.step, fill, t);
    return false;
  }
  rt_clear_gradients(&t->s);
  if (t->skipped++ < SKIPS_SAID)
    rt_note("step %" PRIu64 ": a value is not finite; the update was skipped%s", t->at.step,
            t->skipped == SKIPS_SAID ? " (further ones are counted)" : "");
  return true;
}

/* Whether what the updates have come to is the best so far. Data that can't be read costs no update. */
static bool is_best(Train *t) {
  RtReport r = rt_report_new();
  bool read = rt_evaluate(&t->s, &t->test, &r, false), best = read && rt_keep_judge(&t->keep, &r, &t->at);
  if (read)
    rt_progress_validation(&t->progress, t->at.step, t->test.n, &r, best);
  else if (!rt_signal_to_end())
    t->unread = true;
  rt_report_free(&r);
  return best;
}

static bool is_due(const Train *t, uint64_t every) {
  return every && t->at.step % every == 0;
}

/* What is due behind an update. */
static void look_around(Train *t) {
  bool due = is_due(t, t->every), last = t->at.step == t->at.total;
  bool best = (is_due(t, t->validate) || (t->validate && last)) && is_best(t);
  write_checkpoint(t, (RtOccasion){.newest = due, .due = due, .best = best});
  write_when_asked(t);
}

/* The loop; false when an update was refused or its data could not be read. */
static bool run_updates(Train *t) {
  while (t->at.step < t->at.total && !rt_signal_to_end()) {
    if (!rt_session_step(&t->s, t->at.step, fill, seen, t)) return write_last(t), false;
    if (rt_session_refused(&t->s) && !pass_over(t)) return false;
    t->at.step++;
    rt_progress_step(&t->progress, t->at.step);
    look_around(t);
  }
  return true;
}

static void announce(const Train *t) {
  RtMemory m = rt_memory_plan(t->s.run.threads, rt_data_bytes(&t->data) + rt_data_bytes(&t->test));
  printf("%s: %" PRIu64 " updates of %" PRIu64 " x %" PRIu64 " %s, %" PRIu64 " an epoch\n", tess_program.name,
         t->at.total, tess_program.accumulate, tess_program.batch, rt_unit(), t->epoch_steps);
  rt_memory_print(&m, t->s.run.threads, stdout);
  if (t->at.step) printf("resumed at update %" PRIu64 "\n", t->at.step);
  fflush(stdout);
}

/* The last line. An update that was skipped is not made; a run of nothing else has failed. */
static bool conclude(const Train *t, double rate) {
  bool ended = rt_signal_to_end() != 0;
  printf("%s at update %" PRIu64 "/%" PRIu64 ", %.0f %s/s, peak memory %.1f MiB\n",
         ended ? "ended by a signal" : "done", t->at.step, t->at.total, rate, rt_unit(),
         (double)rt_memory_peak() / 1048576);
  if (t->skipped)
    rt_note("%" PRIu64 " of %" PRIu64 " updates were skipped", t->skipped, t->at.step - t->first);
  if (!t->skipped || t->skipped < t->at.step - t->first) return true;
  rt_error("no update was made");
  return false;
}

/* A log, or lines on standard output, that can't be written cost the run nothing but its status. */
static bool run(Train *t) {
  const char *log = RT_TEXT(t->o, log);
  if (!rt_progress_open(&t->progress, log, RT_U64(t->o, print), t->at.step, t->at.total, t->epoch_steps))
    return false;
  rt_signals_catch_ends();
  double rate;
  bool updated = run_updates(t), logged = rt_progress_close(&t->progress, t->at.step, &rate);
  if (!updated) return false;
  if (rt_signal_to_end())
    write_last(t);
  else
    write_checkpoint(t, newest);
  bool weights = rt_weights_write(t->o, &t->s);
  return conclude(t, rate) && weights && logged && rt_keep_complete(&t->keep, &t->at) && !t->unread;
}

static bool prepare(Train *t) {
  t->at.samples = t->data.n;
  t->at.data = t->data.held;
  t->at.ndata = t->data.ncolumn;
  if (!(RT_GIVEN(t->o, resume) ? resume(t) : rt_load_all(&t->s, t->o, false)) || !settle_length(t))
    return false;
  t->first = t->at.step;
  t->validate = updates_of(t, RT_SPAN(t->o, validate));
  t->every = updates_of(t, RT_SPAN(t->o, every));
  if (!t->every && RT_GIVEN(t->o, checkpoint)) t->every = t->validate;
  t->s.step.total = (float)t->at.total;
  t->s.step.epoch_steps = (float)t->epoch_steps;
  return true;
}

/* All that happens while the checkpoint is this run's. */
static bool train(Train *t) {
  bool ok = rt_frozen_complete(t->o);
  ok = open_data(t) && open_test(t) && ok;
  if (!ok || !rt_begin(&t->s, t->o)) return false;
  ok = prepare(t) && rt_keep_apart(&t->keep, t->o) && rt_weights_possible(t->o);
  if (ok) {
    announce(t);
    ok = run(t);
  }
  rt_session_close(&t->s);
  return ok;
}

int rt_train(RtOptions *o) {
  Train t = {.o = o, .at.kept.best = NAN};
  if (!rt_is_training()) {
    rt_error("%s has no loss to minimise: it can't be trained; try eval or bench", tess_program.name);
    return 1;
  }
  rt_signals_begin(RT_GIVEN(o, checkpoint));
  if (!rt_keep_open(&t.keep, o)) return 1;
  bool ok = train(&t);
  rt_data_close(&t.data);
  rt_data_close(&t.test);
  rt_keep_close(&t.keep);
  if (!ok) return 1;
  int signal = rt_signal_to_end();
  return signal ? 128 + signal : 0; /* as a shell has it: a script must not go on after Ctrl-C */
}
