/* train: init, loading, prepare, then updates until the last one or a signal; checkpoints on the way. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/data/rt_data.h"
#include "runtime/rt_base.h"
#include "runtime/state/rt_checkpoint.h"
#include "runtime/verbs/rt_culprit.h"
#include "runtime/verbs/rt_report.h"
#include "runtime/verbs/rt_verb.h"

typedef struct Train {
  RtOptions *o;
  RtSession s;
  RtData data;
  RtPosition at;
  uint64_t epoch_steps;
  RtProgress progress;
  bool broken;         /* the last checkpoint could not be written */
  uint64_t written_at; /* step of the last one that could */
} Train;

static volatile sig_atomic_t asked_to_end; /* 0, or the signal that asked */

static void on_signal(int sig) {
  if (!asked_to_end) asked_to_end = sig;
}

/* The first signal ends the run after the update in hand, a second one at once; a reader of the output that
 * is gone (`| tee` gets the terminal's Ctrl-C too) ends it in the same way, so that the state is still
 * written. */
static void catch_signals(void) {
  struct sigaction end = {.sa_handler = on_signal, .sa_flags = (int)(SA_RESETHAND | SA_RESTART)};
  sigaction(SIGTERM, &end, NULL);
  sigaction(SIGINT, &end, NULL);
  end.sa_flags = SA_RESTART;
  sigaction(SIGPIPE, &end, NULL);
}

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

static bool resume(Train *t) {
  if (!rt_load_frozen(&t->s, t->o) || !rt_checkpoint_read(RT_TEXT(t->o, resume), &t->s, t->o, &t->at))
    return false;
  rt_session_entry(&t->s, TESS_PREPARE);
  return true;
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

static void write_checkpoint(Train *t) {
  if (!RT_GIVEN(t->o, checkpoint) || t->written_at == t->at.step) return;
  t->broken = !rt_checkpoint_write(RT_TEXT(t->o, checkpoint), &t->s, t->o, &t->at);
  if (!t->broken) t->written_at = t->at.step;
}

/* The loop; false when an update was refused or its data could not be read. */
static bool run_updates(Train *t) {
  uint64_t every = RT_U64(t->o, every);
  while (t->at.step < t->at.total && !asked_to_end) {
    if (!rt_session_step(&t->s, t->at.step, fill, seen, t)) return false;
    if (rt_session_refused(&t->s)) {
      rt_culprit_find(&t->s, t->at.step, fill, t);
      return false;
    }
    t->at.step++;
    rt_progress_step(&t->progress, t->at.step);
    if (every && t->at.step % every == 0) write_checkpoint(t);
  }
  return true;
}

static void announce(const Train *t) {
  RtMemory m = rt_memory_plan(t->s.run.threads, rt_data_bytes(&t->data));
  printf("%s: %" PRIu64 " updates of %" PRIu64 " x %" PRIu64 " images, %" PRIu64 " an epoch\n",
         tess_program.name, t->at.total, tess_program.accumulate, tess_program.batch, t->epoch_steps);
  rt_memory_print(&m, t->s.run.threads, stdout);
  if (t->at.step) printf("resumed at update %" PRIu64 "\n", t->at.step);
  fflush(stdout);
}

static bool run(Train *t) {
  const char *log = RT_TEXT(t->o, log);
  if (!rt_progress_open(&t->progress, log, RT_U64(t->o, print), t->at.step, t->at.total, t->epoch_steps))
    return false;
  catch_signals();
  double rate;
  bool updated = run_updates(t), logged = rt_progress_close(&t->progress, t->at.step, &rate);
  if (!updated) return false;
  write_checkpoint(t);
  printf("%s at update %" PRIu64 "/%" PRIu64 ", %.0f images/s, peak memory %.1f MiB\n",
         asked_to_end ? "ended by a signal" : "done", t->at.step, t->at.total, rate,
         (double)rt_memory_peak() / 1048576);
  return logged && !t->broken;
}

static bool prepare(Train *t) {
  t->at.samples = t->data.n;
  t->at.data = t->data.held;
  t->at.ndata = t->data.ncolumn;
  if (!(RT_GIVEN(t->o, resume) ? resume(t) : rt_load_all(&t->s, t->o, false)) || !settle_length(t))
    return false;
  t->written_at = UINT64_MAX;
  t->s.step.total = (float)t->at.total;
  t->s.step.epoch_steps = (float)t->epoch_steps;
  return true;
}

int rt_train(RtOptions *o) {
  Train t = {.o = o};
  if (!rt_is_training()) {
    rt_error("%s has no loss to minimise: it can't be trained; try eval or bench", tess_program.name);
    return 1;
  }
  bool ok = !RT_GIVEN(o, checkpoint) || rt_can_write("--checkpoint", RT_TEXT(o, checkpoint));
  ok = rt_frozen_complete(o) && ok;
  ok = open_data(&t) && ok;
  if (ok && rt_begin(&t.s, o)) {
    ok = prepare(&t);
    if (ok) {
      announce(&t);
      ok = run(&t);
    }
    rt_session_close(&t.s);
  } else {
    ok = false;
  }
  rt_data_close(&t.data);
  if (!ok) return 1;
  return asked_to_end ? 128 + asked_to_end : 0; /* as a shell has it: a script must not go on after Ctrl-C */
}
