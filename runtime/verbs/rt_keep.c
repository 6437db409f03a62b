#include "runtime/verbs/rt_keep.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files/infile.h"
#include "base/nearest.h"
#include "runtime/rt_base.h"

static bool is_judge(uint32_t i) {
  return tess_program.value[i].entry == TESS_EVAL && rt_value_is_scalar(&tess_program.value[i]);
}

/* The first loss, else the first number: what is reported first. */
static bool find_usual(uint32_t *out) {
  for (int any = 0; any < 2; any++)
    for (uint32_t i = 0; i < tess_program.nvalue; i++) {
      *out = i;
      if (is_judge(i) && (any || tess_program.value[i].flags & TESS_LOSS)) return true;
    }
  rt_error("--validate: the evaluation reports no number");
  return false;
}

static bool find_named(const char *name, uint32_t *out) {
  const char **known = RT_NEW(tess_program.nvalue, const char *);
  int n = 0;
  bool found = false;
  for (uint32_t i = 0; i < tess_program.nvalue && !found; i++) {
    if (!is_judge(i)) continue;
    known[n++] = tess_program.value[i].name;
    found = !strcmp(name, tess_program.value[i].name);
    *out = i;
  }
  const char *near = found ? NULL : nearest_name(name, known, n);
  if (!found)
    rt_error("--best: the evaluation reports no number called \"%s\"%s%s%s", name,
             near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
  free(known);
  return found;
}

static bool find_judge(RtKeep *k, const RtOptions *o) {
  if (!RT_GIVEN(o, validate)) return true;
  if (!RT_GIVEN(o, best)) return find_usual(&k->judge);
  const char *text = RT_TEXT(o, best);
  k->larger = !strncmp(text, "max:", 4);
  if (k->larger || !strncmp(text, "min:", 4)) return find_named(text + 4, &k->judge);
  rt_error("--best: found \"%s\", expected min:NAME or max:NAME", text);
  return false;
}

bool rt_keep_open(RtKeep *k, const RtOptions *o) {
  *k = (RtKeep){.path = RT_TEXT(o, checkpoint),
                .lock.fd = -1,
                .most = RT_U64(o, keep),
                .written_at = UINT64_MAX,
                .failed_at = UINT64_MAX,
                .lost_due = UINT64_MAX};
  if (RT_GIVEN(o, keep) && (k->most < 1 || k->most > RT_MOST_KEPT)) {
    rt_error("--keep: found %" PRIu64 ", expected 1 to %d", k->most, RT_MOST_KEPT);
    return false;
  }
  return find_judge(k, o) && (!k->path || rt_lock_take(&k->lock, "--checkpoint", k->path));
}

/* "net.400.safetensors" beside "net.safetensors", where its links lead; to be freed. NULL for what is no
 * file. */
static char *name_beside(const RtKeep *k, const char *what) {
  const char *target = k->lock.target, *slash = strrchr(target, '/'), *base = slash ? slash + 1 : target;
  const char *dot = strrchr(base, '.');
  size_t stem = dot && dot > base ? (size_t)(dot - target) : strlen(target);
  return *target ? rt_format("%.*s.%s%s", (int)stem, target, what, target + stem) : NULL;
}

bool rt_keep_apart(const RtKeep *k, const RtOptions *o) {
  OutFile here, log;
  if (!k->path) return true;
  char *best = RT_GIVEN(o, validate) ? name_beside(k, "best") : NULL;
  bool ok = rt_can_write("--checkpoint", k->path, k->lock.token, &here) &&
            (!best || rt_can_write("--checkpoint", best, k->lock.token, NULL));
  free(best);
  if (!ok || !RT_GIVEN(o, log) || here.in_place || !outfile_find(&log, RT_TEXT(o, log)) || log.in_place)
    return ok;
  if (!infile_same_entry(here.target, log.target)) return true;
  rt_error("--checkpoint %s: it is the file of --log too", k->path);
  return false;
}

static char *name_of_step(const RtKeep *k, uint64_t step) {
  char *what = rt_format("%" PRIu64, step), *name = name_beside(k, what);
  free(what);
  return name;
}

/* Those of the list that are too many; the checkpoint names them still, in case the run ends here. */
static void prune(const RtKeep *k, RtKept *kept) {
  int gone = k->most && (uint64_t)kept->n > k->most ? kept->n - (int)k->most : 0;
  for (int i = 0; i < gone; i++) {
    char *name = name_of_step(k, kept->step[i]);
    if (name && !infile_lost(name, false)) unlink(name);
    free(name);
  }
  kept->n -= gone;
  memmove(kept->step, kept->step + gone, (size_t)kept->n * sizeof *kept->step);
}

void rt_keep_resume(RtKeep *k, const RtOptions *o, RtPosition *p) {
  OutFile from;
  bool same = *k->lock.target && outfile_find(&from, RT_TEXT(o, resume)) &&
              infile_same_entry(from.target, k->lock.target);
  if (!same) p->kept = (RtKept){.best = NAN};
  prune(k, &p->kept);
}

bool rt_keep_judge(const RtKeep *k, const RtReport *r, RtPosition *p) {
  double value = r->sum[k->judge] / r->weight[k->judge], best = p->kept.best;
  bool better = isfinite(value) && (!isfinite(best) || (k->larger ? value > best : value < best));
  if (better) p->kept.best = value;
  return better;
}

static void note(RtKept *kept, uint64_t step) {
  if (!kept->n || kept->step[kept->n - 1] != step) kept->step[kept->n++] = step;
}

/* What failed of an update can be made up for until the next one is made. */
static void take_failed(RtKeep *k, uint64_t step, RtOccasion *is) {
  if (k->failed_at == step && is->newest) {
    is->due |= k->failed.due;
    is->best |= k->failed.best;
  }
}

static void note_outcome(RtKeep *k, uint64_t step, RtOccasion is, bool ok) {
  k->failed = ok ? (RtOccasion){0} : is;
  k->failed_at = step;
  if (is.best) k->lost_best = !ok;
  if (is.due && k->most && !ok) k->lost_due = step;
  if (is.due && ok && k->lost_due == step) k->lost_due = UINT64_MAX;
}

void rt_keep_write(RtKeep *k, const RtSession *s, const RtOptions *o, RtPosition *p, RtOccasion is) {
  if (!k->path || !(is.newest || is.best)) return;
  take_failed(k, p->step, &is);
  if (k->written_at == p->step && !is.due && !is.best) return;
  char *best = is.best ? name_beside(k, "best") : NULL,
       *mine = is.due && k->most ? name_of_step(k, p->step) : NULL;
  if (mine) note(&p->kept, p->step);
  RtDest to = {.path = is.newest ? k->path : best, .token = rt_lock_token(&k->lock), .also = {mine}};
  if (is.newest) to.also[1] = best;
  bool ok = !to.path || rt_checkpoint_write(&to, s, o, p);
  if (ok && is.newest) k->written_at = p->step;
  if (!ok && mine) p->kept.n--;
  if (ok) prune(k, &p->kept);
  note_outcome(k, p->step, is, ok);
  free(best);
  free(mine);
}

/* One on the way that is missing matters while it would be among the last ones. */
bool rt_keep_complete(const RtKeep *k, const RtPosition *p) {
  bool replaced = (uint64_t)p->kept.n == k->most && p->kept.n && p->kept.step[0] > k->lost_due;
  return !k->failed.newest && !k->lost_best && (k->lost_due == UINT64_MAX || replaced);
}

void rt_keep_close(RtKeep *k) {
  if (k->path) rt_lock_give(&k->lock);
}
