#include "runtime/state/rt_load.h"

#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "runtime/rt_base.h"
#include "runtime/state/rt_hash.h"

enum { MAX_LISTED = 8, PIECE = 4096 };

static RtTensor *find(RtFile *f, const char *prefix, const char *name) {
  char *full = rt_format("%s%s", prefix, name);
  RtTensor *t = rt_file_find(f, full);
  free(full);
  if (t) t->used = true;
  return t;
}

/* Name number i of a state: its own, then the aliases; NULL behind the last. */
static const char *state_name(const TessState *s, int i) {
  if (i == 0) return s->name;
  return s->alias ? s->alias[i - 1] : NULL;
}

RtTensor *rt_state_tensor(RtFile *f, const char *prefix, const TessState *s) {
  RtTensor *first = NULL;
  const char *name;
  for (int i = 0; (name = state_name(s, i)); i++) {
    RtTensor *t = find(f, prefix, name);
    if (!first) first = t;
  }
  return first;
}

/* Whether the tensor holds what the state's memory holds. */
static bool agrees(const RtFile *f, const RtTensor *t, const RtTensor *first, const TessState *s,
                   const char *memory) {
  uint64_t size = rt_type_size(s->t.dtype), inexact = 0, piece[PIECE];
  for (uint64_t i = 0; i < t->count; i += PIECE) {
    uint64_t n = t->count - i < PIECE ? t->count - i : PIECE;
    if (!rt_file_read(f, t, i, n, s->t.dtype, piece, &inexact)) return false;
    if (memcmp(piece, memory + i * size, n * size) != 0) {
      rt_error("%s: tensor \"%s\" differs from \"%s\"; both name one parameter, expected equal values",
               f->path, t->name, first->name);
      return false;
    }
  }
  return true;
}

static bool read_whole(const RtFile *f, const RtTensor *t, const TessState *s, char *memory) {
  uint64_t inexact = 0;
  if (!rt_file_read(f, t, 0, t->count, s->t.dtype, memory, &inexact)) return false;
  if (inexact && !rt_type_is_float(s->t.dtype)) {
    rt_error("%s: tensor \"%s\": %llu values of type %s are not %s values", f->path, t->name,
             (unsigned long long)inexact, rt_type_name(t->type), rt_type_name(s->t.dtype));
    return false;
  }
  return true;
}

RtFound rt_load_state(RtFile *f, const char *prefix, const TessState *s, char *arena) {
  RtTensor *first = NULL;
  const char *name;
  char *memory = arena + s->t.offset;
  for (int i = 0; (name = state_name(s, i)); i++) {
    RtTensor *t = find(f, prefix, name);
    if (!t) continue;
    if (!rt_file_shape(f, t, &s->t)) return RT_BROKEN;
    if (first ? !agrees(f, t, first, s, memory) : !read_whole(f, t, s, memory)) return RT_BROKEN;
    if (!first) first = t;
  }
  return first ? RT_LOADED : RT_ABSENT;
}

/* Whether all that the state's module has is frozen. */
static bool in_frozen_module(const TessState *s) {
  if (s->kind != TESS_FROZEN || !*s->module) return false;
  for (uint32_t i = 0; i < tess_program.nstate; i++)
    if (tess_program.state[i].kind == TESS_PARAM && !strcmp(tess_program.state[i].module, s->module))
      return false;
  return true;
}

static bool program_trains(void) {
  uint32_t i = 0;
  while (i < tess_program.nstate && tess_program.state[i].kind != TESS_PARAM) i++;
  return i < tess_program.nstate;
}

bool rt_is_foreign(const TessState *s) {
  return in_frozen_module(s) && program_trains();
}

void rt_names_add(RtNames *l, const char *prefix, const char *name) {
  if (l->n < MAX_LISTED) {
    char *more = rt_format("%s%s%s%s", l->n ? l->text : "", l->n ? ", " : "", prefix, name);
    free(l->text);
    l->text = more;
  }
  l->n++;
}

void rt_names_say(RtNames *l, void (*say)(const char *fmt, ...), const char *path, const char *what) {
  if (l->n > MAX_LISTED)
    say("%s: %s: %s and %d more", path, what, l->text, l->n - MAX_LISTED);
  else if (l->n)
    say("%s: %s: %s", path, what, l->text);
  free(l->text);
}

static void say_unused(const RtFile *f) {
  RtNames unused = {0};
  for (int i = 0; i < f->ntensor; i++)
    if (!f->tensor[i].used && strncmp(f->tensor[i].name, "slot.", 5) != 0)
      rt_names_add(&unused, "", f->tensor[i].name);
  rt_names_say(&unused, rt_note, f->path, "unused");
}

bool rt_load_init(RtSession *s, const char *path, bool all) {
  RtFile *f = rt_file_open(path);
  if (!f) return false;
  RtNames missing = {0};
  bool ok = true;
  int loaded = 0;
  for (uint32_t i = 0; i < tess_program.nstate; i++) {
    const TessState *st = &tess_program.state[i];
    if (st->kind != TESS_PARAM && (st->kind != TESS_FROZEN || rt_is_foreign(st))) continue;
    RtFound found = rt_load_state(f, "", st, s->arena);
    if (found == RT_BROKEN) ok = false;
    if (found == RT_LOADED) {
      loaded++;
      rt_send(s, &st->t);
    }
    if (found == RT_ABSENT && (!all || st->kind == TESS_PARAM || in_frozen_module(st)))
      rt_names_add(&missing, "", st->name);
  }
  if (ok && (loaded == 0 || (all && missing.n))) {
    rt_error("%s: found %d of the program's parameters", path, loaded);
    ok = false;
  }
  rt_names_say(&missing, rt_note, path, all ? "missing" : "missing, left at their initial values");
  say_unused(f);
  rt_file_close(f);
  return ok;
}

static bool load_module(RtSession *s, RtFrozen *z) {
  RtFile *f = rt_file_open(z->file);
  if (!f) return false;
  RtNames missing = {0};
  bool ok = true;
  int states = 0;
  for (uint32_t i = 0; i < tess_program.nstate; i++) {
    const TessState *st = &tess_program.state[i];
    if (st->kind != TESS_FROZEN || strcmp(st->module, z->module) != 0) continue;
    RtFound found = rt_load_state(f, "", st, s->arena);
    if (found == RT_LOADED) rt_send(s, &st->t);
    states++;
    if (found == RT_BROKEN) ok = false;
    if (found == RT_ABSENT) rt_names_add(&missing, "", st->name);
  }
  if (missing.n || !states) ok = false;
  if (!states) rt_error("--frozen %s=%s: the program has no frozen module %s", z->module, z->file, z->module);
  rt_names_say(&missing, rt_error, f->path, "missing");
  rt_file_close(f);
  return ok && rt_hash_file(z->file, z->hash);
}

bool rt_load_frozen(RtSession *s, RtOptions *o) {
  bool ok = true;
  for (int i = 0; i < o->nfrozen; i++) ok = load_module(s, &o->frozen[i]) && ok;
  return ok;
}

static bool named(const RtOptions *o, const char *module) {
  for (int i = 0; i < o->nfrozen; i++)
    if (!strcmp(o->frozen[i].module, module)) return true;
  return false;
}

/* Whether state number i is the first frozen one of its module. */
static bool first_of_module(uint32_t i) {
  for (uint32_t j = 0; j < i; j++) {
    const TessState *s = &tess_program.state[j];
    if (s->kind == TESS_FROZEN && !strcmp(s->module, tess_program.state[i].module)) return false;
  }
  return true;
}

/* Whether the program has a frozen module of that name; else an error. */
static bool is_module(const char *name) {
  const char **known = RT_NEW(tess_program.nstate, const char *);
  int n = 0;
  bool found = false;
  for (uint32_t i = 0; i < tess_program.nstate; i++)
    if (rt_is_foreign(&tess_program.state[i]) && first_of_module(i))
      known[n++] = tess_program.state[i].module;
  for (int i = 0; i < n; i++) found = found || !strcmp(known[i], name);
  const char *near = nearest_name(name, known, n);
  if (!found)
    rt_error("--frozen %s: the program has no frozen module %s%s%s%s", name, name,
             near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
  free(known);
  return found;
}

bool rt_frozen_complete(const RtOptions *o) {
  bool ok = true;
  for (int i = 0; i < o->nfrozen; i++) ok = is_module(o->frozen[i].module) && ok;
  for (uint32_t i = 0; i < tess_program.nstate; i++) {
    const TessState *st = &tess_program.state[i];
    if (!rt_is_foreign(st) || !first_of_module(i) || named(o, st->module)) continue;
    rt_error("module %s is frozen: expected --frozen %s=FILE with its weights", st->module, st->module);
    ok = false;
  }
  return ok;
}
