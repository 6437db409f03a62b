#include "runtime/data/rt_data.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/nearest.h"
#include "runtime/rt_base.h"
#include "runtime/rt_random.h"
#include "runtime/state/rt_type.h"

/* Keys of what is drawn. */
enum { DRAW_ORDER = 1, DRAW_AUGMENT = 2 };

static bool is_given(const TessValue *v) {
  return (v->flags & TESS_DATA) && !strcmp(v->data, "given");
}

static bool is_read(const TessValue *v) {
  return (v->flags & TESS_DATA) && !is_given(v);
}

bool rt_data_needed(uint32_t entry) {
  for (uint32_t i = 0; i < tess_program.nvalue; i++)
    if (tess_program.value[i].entry == entry && is_read(&tess_program.value[i])) return true;
  return false;
}

bool rt_data_possible(uint32_t entry) {
  bool ok = true;
  for (uint32_t i = 0; i < tess_program.nvalue; i++) {
    const TessValue *v = &tess_program.value[i];
    if (v->entry != entry || !is_given(v)) continue;
    rt_error("the program's \"%s\" is given from outside: no file has it, so that the program can only be "
             "replayed and timed; to train, build it from a description that computes \"%s\" or reads it, as "
             "tensor() (\"info\" prints the parameters that the description was built with)",
             v->name, v->name);
    ok = false;
  }
  return ok;
}

/* The datum of the program that is called so; NULL with an error. */
static const char *datum_name(const char *typed) {
  const char **name = RT_NEW(tess_program.nvalue, const char *), *found = NULL;
  int n = 0;
  for (uint32_t i = 0; i < tess_program.nvalue; i++) {
    const TessValue *v = &tess_program.value[i];
    if (is_read(v)) name[n++] = v->name;
    if (is_read(v) && !strcmp(v->name, typed)) found = v->name;
  }
  const char *near = found ? NULL : nearest_name(typed, name, n);
  if (!found)
    rt_error("--data: found the name \"%s\", expected one of the program's data%s%s%s", typed,
             near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
  free(name);
  return found;
}

/* PATH, or NAME=PATH where nothing is called that. */
static bool open_place(RtData *d, const char *text, RtSource like) {
  const char *eq = access(text, F_OK) == 0 ? NULL : strchr(text, '=');
  like.path = rt_format("%s", eq ? eq + 1 : text);
  char *name = eq ? rt_format("%.*s", (int)(eq - text), text) : NULL;
  if (name) like.only = datum_name(name);
  bool ok = (!name || like.only) && rt_sources_open(&like, d->source, &d->nsource);
  free(name);
  free(like.path);
  return ok;
}

/* While training, what is evaluated is the folders' other part, or --eval-data: a file of --data has no
 * other. */
static bool open_all(RtData *d, const RtOptions *o, RtPart part) {
  bool own = part == RT_PART_EVAL && o->eval_data.n;
  const RtPlaces *p = own ? &o->eval_data : &o->data;
  RtSource like = {.part = part, .most = part == RT_PART_TRAIN ? RT_U64(o, limit) : 0};
  d->source = RT_NEW(RT_PATH_SOURCES * RT_MAX_DATA, RtSource);
  for (int i = 0; i < p->n; i++) {
    if (!open_place(d, p->v[i], like)) return false;
    if (part == RT_PART_TRAIN || own || o->verb == RT_EVAL || d->source[d->nsource - 1].found) continue;
    rt_error("--data %s: it is trained on: expected --eval-data PATH with what is evaluated", p->v[i]);
    return false;
  }
  return true;
}

static void free_column(RtColumn *c) {
  c->source->kind->drop(c);
  free(c->name);
  free(c->identity);
}

/* The value's column in the sources that are for `only`. RT_BROKEN after an error, also where two have it. */
static RtFound find_column(RtData *d, const TessValue *v, const char *only) {
  RtColumn *c = &d->column[d->ncolumn];
  RtFound all = RT_ABSENT;
  for (int i = 0; i < d->nsource && all != RT_BROKEN; i++) {
    RtSource *s = &d->source[i];
    if (only ? !s->only || strcmp(s->only, only) != 0 : s->only != NULL) continue;
    RtColumn one = {.source = s, .value = v};
    RtFound found = s->kind->find(s, &one);
    if (found == RT_LOADED && all == RT_LOADED) {
      rt_error("\"%s\" is found in %s and in %s: expected one of them, as --data %s=FILE", v->name, c->name,
               one.name, v->name);
      found = RT_BROKEN;
    }
    if (found == RT_LOADED)
      *c = one;
    else
      free_column(&one);
    if (found != RT_ABSENT) all = found;
  }
  if (all == RT_BROKEN && c->source) free_column(c);
  d->ncolumn += all == RT_LOADED;
  return all;
}

static void say_missing(const RtData *d, const TessValue *v) {
  bool said = false;
  for (int i = 0; i < d->nsource; i++) {
    const RtSource *s = &d->source[i];
    if (s->only && strcmp(s->only, v->name) != 0) continue;
    s->kind->miss(s, v);
    said = true;
  }
  if (!said) rt_error("found no --data for the program's \"%s\", expected %s=FILE", v->name, v->name);
}

static bool find_all(RtData *d, uint32_t entry) {
  d->column = RT_NEW(tess_program.nvalue, RtColumn);
  for (uint32_t i = 0; i < tess_program.nvalue; i++) {
    const TessValue *v = &tess_program.value[i];
    if (v->entry != entry || !is_read(v)) continue;
    RtFound found = find_column(d, v, v->name);
    if (found == RT_ABSENT) found = find_column(d, v, NULL);
    if (found == RT_ABSENT) say_missing(d, v);
    if (found != RT_LOADED) return false;
  }
  return true;
}

/* Every column has the same samples; the run uses the first of them. */
static bool count_samples(RtData *d, uint64_t limit) {
  const RtColumn *first = &d->column[0];
  for (int i = 0; i < d->ncolumn; i++) {
    const RtColumn *c = &d->column[i];
    if (c->n > 0 && c->n <= UINT32_MAX && c->n == first->n) continue;
    if (c->n == 0)
      rt_error("%s: found no samples, expected at least one", c->name);
    else if (c->n > UINT32_MAX)
      rt_error("%s: found %" PRIu64 " samples, expected at most %" PRIu32, c->name, c->n, UINT32_MAX);
    else
      rt_error("%s: found %" PRIu64 " samples, expected %" PRIu64 " as in %s", c->name, c->n, first->n,
               first->name);
    return false;
  }
  d->n = limit && limit < first->n ? limit : first->n;
  if (limit > d->n)
    rt_note("--limit %" PRIu64 ": %s has %" PRIu64 " samples, all are used", limit, first->name, d->n);
  return true;
}

static bool settle(RtData *d) {
  d->held = RT_NEW(d->ncolumn, RtHeld);
  for (int i = 0; i < d->ncolumn; i++) {
    RtColumn *c = &d->column[i];
    if (!c->source->kind->settle(c, d->n)) return false;
    d->held[i] = (RtHeld){c->value->name, c->identity, c->name};
  }
  return true;
}

static void note_unused(const RtData *d) {
  for (int i = 0; i < d->nsource; i++) {
    int k = 0;
    while (k < d->ncolumn && d->column[k].source != &d->source[i]) k++;
    if (k == d->ncolumn && !d->source[i].found) rt_note("%s: nothing is read from it", d->source[i].path);
  }
}

bool rt_data_open(RtData *d, const RtOptions *o, RtPart part, TessEntryKind entry) {
  *d = (RtData){0};
  bool ok = open_all(d, o, part) && find_all(d, entry) &&
            count_samples(d, part == RT_PART_TRAIN ? RT_U64(o, limit) : 0) && settle(d);
  if (ok)
    note_unused(d);
  else
    rt_data_close(d);
  return ok;
}

void rt_data_close(RtData *d) {
  for (int i = 0; i < d->ncolumn; i++) free_column(&d->column[i]);
  for (int i = 0; i < d->nsource; i++) rt_source_close(&d->source[i]);
  free(d->column);
  free(d->source);
  free(d->held);
  free(d->order);
  *d = (RtData){0};
}

uint64_t rt_data_bytes(const RtData *d) {
  uint64_t bytes = d->n * sizeof *d->order;
  for (int i = 0; i < d->ncolumn; i++) bytes += d->column[i].source->kind->bytes(&d->column[i]);
  return bytes;
}

static uint64_t draw_key(uint64_t seed, uint64_t epoch, uint64_t what) {
  return rt_random(rt_random(seed, what), epoch);
}

/* Fisher and Yates with counted draws. */
static void shuffle(RtData *d, uint64_t seed, uint64_t epoch) {
  if (d->order && d->order_seed == seed && d->order_epoch == epoch) return;
  if (!d->order) d->order = RT_NEW(d->n, uint32_t);
  for (uint64_t i = 0; i < d->n; i++) d->order[i] = (uint32_t)i;
  uint64_t key = draw_key(seed, epoch, DRAW_ORDER);
  for (uint64_t i = d->n; i > 1; i--) {
    uint64_t j = rt_below(rt_random(key, i), i);
    uint32_t keep = d->order[i - 1];
    d->order[i - 1] = d->order[j];
    d->order[j] = keep;
  }
  d->order_seed = seed;
  d->order_epoch = epoch;
}

static bool fill_column(const RtData *d, const RtPick *p, RtColumn *c, char *to) {
  const TessTensor *t = &c->value->t;
  uint64_t slot = t->count / t->dim[0] * rt_type_size(t->dtype);
  for (uint64_t b = 0; b < t->dim[0]; b++) {
    uint64_t at = p->first + b % p->count, sample = p->shuffled ? d->order[at] : at;
    uint64_t key = rt_random(draw_key(p->seed, p->epoch, DRAW_AUGMENT), sample);
    if (!c->source->kind->read(c, sample, p->shuffled ? &key : NULL, to + b * slot)) return false;
  }
  return true;
}

bool rt_data_fill(RtData *d, const RtPick *p, char *arena) {
  if (p->shuffled) shuffle(d, p->seed, p->epoch);
  for (int i = 0; i < d->ncolumn; i++)
    if (!fill_column(d, p, &d->column[i], arena + d->column[i].value->t.offset)) return false;
  return true;
}
