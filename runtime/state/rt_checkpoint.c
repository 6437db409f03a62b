#include "runtime/state/rt_checkpoint.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/rt_base.h"
#include "runtime/state/rt_facts.h"
#include "runtime/state/rt_names.h"

enum { MAX_BROKEN = 8 };

static const char pad[] = "slot.pad"; /* begins the names of bytes between tensors */

static void put_named(RtMeta *m, const char *what, const char *name, const char *value) {
  char *key = rt_format("%s.%s", what, name);
  rt_meta_put(m, key, value);
  free(key);
}

static void put_kept(RtMeta *m, const RtKept *kept) {
  char *list = NULL, text[32];
  snprintf(text, sizeof text, "%.17g", kept->best);
  if (isfinite(kept->best)) rt_meta_put(m, "best", text);
  for (int i = 0; i < kept->n; i++) {
    char *longer = rt_format("%s%s%" PRIu64, list ? list : "", list ? " " : "", kept->step[i]);
    free(list);
    list = longer;
  }
  if (list) rt_meta_put(m, "kept", list);
  free(list);
}

/* The position is written in full for people: what is read back is the step. */
static void fill_meta(RtMeta *m, const RtSession *s, const RtOptions *o, const RtPosition *p) {
  uint64_t an_update = tess_program.batch * tess_program.accumulate;
  uint64_t an_epoch = an_update && p->samples ? p->samples / an_update : 0;
  char text[32];
  rt_facts_put(m);
  rt_meta_put_u64(m, "step", p->step);
  rt_meta_put_u64(m, "total", p->total);
  rt_meta_put_u64(m, "seed", s->step.seed);
  rt_meta_put_u64(m, "samples", p->samples);
  if (an_epoch) {
    rt_meta_put_u64(m, "epoch", p->step / an_epoch);
    rt_meta_put_u64(m, "epoch_sample", p->step % an_epoch * an_update);
  }
  put_kept(m, &p->kept);
  for (uint32_t i = 0; i < tess_program.nsetting; i++) {
    snprintf(text, sizeof text, "%.9g", (double)s->step.setting[i]);
    put_named(m, "setting", tess_program.setting[i].name, text);
  }
  for (int i = 0; i < p->ndata; i++) put_named(m, "data", p->data[i].name, p->data[i].what);
  for (int i = 0; i < o->nfrozen; i++) put_named(m, "frozen", o->frozen[i].module, o->frozen[i].hash);
}

static bool is_stored(const TessState *st) {
  return st->kind == TESS_PARAM || st->kind == TESS_CARRIED || st->kind == TESS_SLOT ||
         (st->kind == TESS_FROZEN && !rt_is_foreign(st));
}

/* What stands before a state's name in the file; to be freed. */
static char *prefix_of(const TessState *st) {
  return st->kind == TESS_SLOT ? rt_format("slot.%s%s", st->slot, *st->name ? "." : "") : rt_format("%s", "");
}

static int count_names(void) {
  int n = 0;
  for (uint32_t i = 0; i < tess_program.nstate; i++) {
    const TessState *st = &tess_program.state[i];
    if (!is_stored(st)) continue;
    n++;
    for (int a = 0; st->kind != TESS_SLOT && st->alias && st->alias[a]; a++) n++;
  }
  return n;
}

static int list_names(RtOut *out, const RtSession *s) {
  int n = 0;
  for (uint32_t i = 0; i < tess_program.nstate; i++) {
    const TessState *st = &tess_program.state[i];
    if (!is_stored(st)) continue;
    char *prefix = prefix_of(st);
    out[n++] = (RtOut){rt_format("%s%s", prefix, st->name), st->t, rt_fetch(s, &st->t)};
    for (int a = 0; st->kind != TESS_SLOT && st->alias && st->alias[a]; a++)
      out[n++] = (RtOut){rt_format("%s%s", prefix, st->alias[a]), st->t, rt_fetch(s, &st->t)};
    free(prefix);
  }
  return n;
}

typedef struct Writing {
  const RtDest *to;
  const RtSession *s;
  const RtOptions *o;
  const RtPosition *p;
} Writing;

static bool write_all(void *ctx) {
  const Writing *w = ctx;
  RtMeta m = {0};
  fill_meta(&m, w->s, w->o, w->p);
  RtOut *out = RT_NEW(count_names(), RtOut);
  int n = list_names(out, w->s);
  bool ok = rt_file_write_to(w->to, out, n, m.pair, m.n, pad);
  for (int i = 0; i < n; i++) free((char *)out[i].name);
  free(out);
  rt_meta_free(&m);
  return ok;
}

/* Memory that was short for a moment costs no checkpoint, and a run goes on without one. */
bool rt_checkpoint_write(const RtDest *to, const RtSession *s, const RtOptions *o, const RtPosition *p) {
  Writing w = {to, s, o, p};
  bool no_memory, ok = rt_attempt(write_all, &w, &no_memory);
  return no_memory ? rt_attempt(write_all, &w, &no_memory) : ok;
}

static bool get_u64(const RtFile *f, const char *key, uint64_t *out) {
  char *full = rt_format("tessera.%s", key);
  const char *text = rt_file_meta(f, full);
  bool ok = text && rt_parse_u64(text, out);
  if (!ok)
    rt_error(
        "%s: found %s%s for \"%s\" in the metadata, expected a whole number (is it a checkpoint of train?)",
        f->path, text ? "the value " : "nothing", text ? text : "", full);
  free(full);
  return ok;
}

static bool read_tensors(RtFile *f, const RtSession *s) {
  RtNames missing = {0}, unused = {0};
  int broken = 0;
  for (uint32_t i = 0; i < tess_program.nstate && broken < MAX_BROKEN; i++) {
    const TessState *st = &tess_program.state[i];
    if (!is_stored(st)) continue;
    char *prefix = prefix_of(st);
    RtFound found = rt_load_state(f, prefix, st, s->arena);
    if (found == RT_ABSENT) rt_names_add(&missing, prefix, st->name);
    if (found == RT_LOADED) rt_send(s, &st->t);
    if (found == RT_BROKEN && ++broken == MAX_BROKEN) rt_error("%s: further errors are not shown", f->path);
    free(prefix);
  }
  for (int i = 0; i < f->ntensor && !broken; i++)
    if (!f->tensor[i].used && strncmp(f->tensor[i].name, pad, sizeof pad - 1) != 0)
      rt_names_add(&unused, "", f->tensor[i].name);
  bool ok = !broken && !missing.n && !unused.n;
  rt_names_say(&missing, rt_error, f->path, "missing");
  rt_names_say(&unused, rt_error, f->path, "not in this program");
  return ok;
}

static bool read_settings(const RtFile *f, RtSession *s, const RtOptions *o) {
  bool ok = true;
  for (uint32_t i = 0; i < tess_program.nsetting; i++) {
    const char *name = tess_program.setting[i].name;
    char *key = rt_format("tessera.setting.%s", name);
    const char *text = rt_file_meta(f, key);
    float stored = s->step.setting[i];
    if (text && !rt_parse_float(text, &stored)) {
      rt_error("%s: found the value %s for \"%s\", expected a number", f->path, text, key);
      ok = false;
    }
    free(key);
    if (!o->setting_given[i])
      s->step.setting[i] = stored;
    else if (stored != o->setting[i])
      rt_note("--%s %g replaces the checkpoint's %g", name, (double)o->setting[i], (double)stored);
  }
  return ok;
}

/* The frozen modules must be those that the run started with. */
static bool check_frozen(const RtFile *f, const RtOptions *o) {
  bool ok = true;
  for (int i = 0; i < o->nfrozen; i++) {
    char *key = rt_format("tessera.frozen.%s", o->frozen[i].module);
    const char *hash = rt_file_meta(f, key);
    if (!hash || strcmp(hash, o->frozen[i].hash) != 0) {
      rt_error("%s: frozen module %s: found a file of hash %s, expected %s", o->frozen[i].file,
               o->frozen[i].module, o->frozen[i].hash, hash ? hash : "none");
      ok = false;
    }
    free(key);
  }
  return ok;
}

/* The data must hold what it held when the run started. A checkpoint of an earlier version does not say it.
 */
static bool check_data(const RtFile *f, const RtPosition *p) {
  bool ok = true;
  for (int i = 0; i < p->ndata; i++) {
    const RtHeld *d = &p->data[i];
    char *key = rt_format("tessera.data.%s", d->name);
    const char *text = rt_file_meta(f, key);
    if (!text) {
      rt_note("%s does not say what \"%s\" of its run held: it cannot be compared with %s", f->path, d->name,
              d->where);
    } else if (strcmp(text, d->what) != 0) {
      rt_error("%s: found a run whose \"%s\" is %s, expected that of %s, %s (check --data and --limit)",
               f->path, d->name, text, d->where, d->what);
      ok = false;
    }
    free(key);
  }
  return ok;
}

/* As put_kept writes it. */
static bool read_kept(const RtFile *f, RtKept *kept) {
  const char *best = rt_file_meta(f, "tessera.best"), *list = rt_file_meta(f, "tessera.kept");
  char *end = NULL;
  *kept = (RtKept){.best = best ? strtod(best, &end) : NAN};
  bool ok = !best || (end > best && !*end);
  for (const char *at = list; at && *at && ok;) {
    ok = *at >= '0' && *at <= '9' && kept->n <= RT_MOST_KEPT;
    if (!ok) break;
    kept->step[kept->n++] = strtoull(at, &end, 10);
    ok = !*end || *end == ' ';
    at = end + (*end == ' ');
  }
  if (!ok)
    rt_error("%s: \"tessera.best\" or \"tessera.kept\" in the metadata is not as train writes it", f->path);
  return ok;
}

static bool read_position(const RtFile *f, RtSession *s, const RtOptions *o, RtPosition *p) {
  uint64_t seed, samples;
  if (!get_u64(f, "step", &p->step) || !get_u64(f, "total", &p->total) || !get_u64(f, "seed", &seed) ||
      !get_u64(f, "samples", &samples) || !read_kept(f, &p->kept) || !check_data(f, p))
    return false;
  if (samples != p->samples) {
    rt_error("%s: found a run over %" PRIu64 " samples, the data has %" PRIu64 " (check --data and --limit)",
             f->path, samples, p->samples);
    return false;
  }
  if (RT_GIVEN(o, seed) && RT_U64(o, seed) != seed)
    rt_note("--seed %" PRIu64 " replaces the checkpoint's %" PRIu64, RT_U64(o, seed), seed);
  s->step.seed = RT_GIVEN(o, seed) ? RT_U64(o, seed) : seed;
  const char *hash = rt_file_meta(f, "tessera.source_hash");
  if (hash && strcmp(hash, tess_program.source_hash) != 0)
    rt_note("%s was written by a program of another description (source hash %.16s.., this is %.16s..)",
            f->path, hash, tess_program.source_hash);
  rt_facts_compare(f, NULL);
  rt_facts_compare_build(f);
  return true;
}

bool rt_checkpoint_read(const char *path, RtSession *s, const RtOptions *o, RtPosition *p) {
  RtFile *f = rt_file_open_once(path);
  if (!f) return false;
  bool ok = read_position(f, s, o, p);
  ok = ok && read_settings(f, s, o) && check_frozen(f, o) && read_tensors(f, s);
  rt_file_close(f);
  return ok;
}
