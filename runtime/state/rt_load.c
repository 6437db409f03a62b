#include "runtime/state/rt_load.h"

#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "runtime/rt_base.h"
#include "runtime/state/rt_facts.h"
#include "runtime/state/rt_hash.h"
#include "runtime/state/rt_names.h"

enum { PIECE = 4096 };

static RtTensor *find(RtFile *f, const char *prefix, const char *name) {
  char *full = rt_format("%s%s", prefix, name);
  RtTensor *t = rt_file_find(f, full);
  free(full);
  if (t) t->used = true;
  return t;
}

RtTensor *rt_state_tensor(RtFile *f, const char *prefix, const TessState *s) {
  RtTensor *first = NULL;
  const char *name;
  for (int i = 0; (name = rt_state_name(s, i)); i++) {
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
  for (int i = 0; (name = rt_state_name(s, i)); i++) {
    RtTensor *t = find(f, prefix, name);
    if (!t) continue;
    if (!rt_file_shape(f, t, &s->t)) return RT_BROKEN;
    if (first ? !agrees(f, t, first, s, memory) : !read_whole(f, t, s, memory)) return RT_BROKEN;
    if (!first) first = t;
  }
  return first ? RT_LOADED : RT_ABSENT;
}

void rt_state_loaded(RtSession *s, const TessState *st) {
  s->loaded[st - tess_program.state] = true;
  rt_send(s, &st->t);
}

/* Whether training changes it. */
static bool is_changed(const TessState *s) {
  return s->kind == TESS_PARAM || s->kind == TESS_CARRIED;
}

/* Whether all that the state's module has is frozen. */
static bool in_frozen_module(const TessState *s) {
  if (s->kind != TESS_FROZEN || !*s->module) return false;
  for (uint32_t i = 0; i < tess_program.nstate; i++)
    if (is_changed(&tess_program.state[i]) && !strcmp(tess_program.state[i].module, s->module)) return false;
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

/* What a file of --init or --frozen is loaded into. */
static bool is_own(const TessState *s, const char *module) {
  (void)module;
  return is_changed(s) || (s->kind == TESS_FROZEN && !rt_is_foreign(s));
}

static bool is_frozen_of(const TessState *s, const char *module) {
  return s->kind == TESS_FROZEN && !strcmp(s->module, module);
}

/* The program's number of classes, or 0. */
static uint64_t label_classes(void) {
  for (uint32_t i = 0; i < tess_program.nvalue; i++)
    if (!strcmp(tess_program.value[i].data, "label")) return (uint64_t)tess_program.value[i].classes;
  return 0;
}

/* How many rows the file's tensor of the state has, where it is one of a row a class and differs in nothing
 * but their number; else 0. */
static uint64_t other_classes(RtFile *f, const TessState *s) {
  uint64_t classes = label_classes();
  const RtTensor *t = rt_state_tensor(f, "", s);
  if (!t || !classes || t->rank != s->t.rank || !t->rank || s->t.dim[0] != classes) return 0;
  for (uint32_t i = 1; i < t->rank; i++)
    if (t->dim[i] != s->t.dim[i]) return 0;
  return t->dim[0] == classes ? 0 : t->dim[0];
}

/* A file of --init on its way into the program. */
typedef struct Init {
  RtFile *f;
  bool all, ok;
  int loaded;
  uint64_t classes; /* of the file, where they are not the program's */
  RtNames missing, skipped, heads;
} Init;

static void init_state(Init *n, RtSession *s, RtOptions *o, const TessState *st) {
  uint64_t classes = n->all ? 0 : other_classes(n->f, st);
  if (rt_rules_skip(o, st)) {
    rt_names_add(&n->skipped, "", st->name);
    return;
  }
  if (classes && (!n->classes || n->classes == classes)) {
    n->classes = classes;
    rt_names_add(&n->heads, "", st->name);
    return;
  }
  RtFound found = rt_load_state(n->f, "", st, s->arena);
  if (found == RT_BROKEN) n->ok = false;
  if (found == RT_LOADED) {
    n->loaded++;
    rt_state_loaded(s, st);
  }
  if (found == RT_ABSENT && !st->from && (!n->all || is_changed(st) || in_frozen_module(st)))
    rt_names_add(&n->missing, "", st->name);
}

/* Says what was not loaded, and what nobody wanted. */
static void init_say(Init *n) {
  char *heads = rt_format("of %llu classes, not %llu, left at their initial values",
                          (unsigned long long)n->classes, (unsigned long long)label_classes());
  rt_names_say(&n->heads, rt_note, n->f->path, heads);
  rt_names_say(&n->skipped, rt_note, n->f->path, "skipped, left at their initial values");
  rt_names_say(&n->missing, rt_note, n->f->path,
               n->all ? "missing" : "missing, left at their initial values");
  n->ok = rt_unused_say(n->f, is_own, NULL) && n->ok;
  free(heads);
}

bool rt_load_init(RtSession *s, RtOptions *o, bool all) {
  const char *path = RT_TEXT(o, init);
  Init n = {.f = rt_file_open(path), .all = all, .ok = true};
  if (!n.f) return false;
  bool named = rt_rules_apply(o, n.f);
  for (uint32_t i = 0; named && i < tess_program.nstate; i++)
    if (is_own(&tess_program.state[i], NULL)) init_state(&n, s, o, &tess_program.state[i]);
  if (named && n.ok && (n.loaded == 0 || (all && n.missing.n))) {
    rt_error("%s: found %d of the program's parameters", path, n.loaded);
    n.ok = false;
  }
  if (named) init_say(&n);
  rt_facts_compare(n.f, NULL);
  rt_file_close(n.f);
  return named && n.ok;
}

/* The states of the frozen module, of which the file must have all. */
static bool load_frozen(RtSession *s, RtFile *f, const RtFrozen *z) {
  RtNames missing = {0};
  bool ok = true;
  int states = 0;
  for (uint32_t i = 0; i < tess_program.nstate; i++) {
    const TessState *st = &tess_program.state[i];
    if (!is_frozen_of(st, z->module)) continue;
    RtFound found = rt_load_state(f, "", st, s->arena);
    if (found == RT_LOADED) rt_state_loaded(s, st);
    states++;
    if (found == RT_BROKEN) ok = false;
    if (found == RT_ABSENT) rt_names_add(&missing, "", st->name);
  }
  if (missing.n || !states) ok = false;
  if (!states) rt_error("--frozen %s=%s: the program has no frozen module %s", z->module, z->file, z->module);
  rt_names_say(&missing, rt_error, f->path, "missing");
  return rt_unused_say(f, is_frozen_of, z->module) && ok;
}

static bool load_module(RtSession *s, RtOptions *o, RtFrozen *z) {
  RtFile *f = rt_file_open(z->file);
  if (!f) return false;
  bool ok = rt_rules_apply(o, f) && load_frozen(s, f, z);
  rt_facts_compare(f, z->module);
  rt_file_close(f);
  return ok && rt_hash_file(z->file, z->hash);
}

bool rt_load_frozen(RtSession *s, RtOptions *o) {
  bool ok = true;
  for (int i = 0; i < o->nfrozen; i++) ok = load_module(s, o, &o->frozen[i]) && ok;
  return ok && rt_rules_taken(o);
}

void rt_take_first_values(RtSession *s) {
  for (uint32_t i = 0; i < tess_program.nstate; i++) {
    const TessState *st = &tess_program.state[i];
    if (!st->from || s->loaded[i]) continue;
    const TessTensor *from = &tess_program.state[st->from - 1].t;
    memcpy(rt_at(s, &st->t), rt_fetch(s, from), st->t.count * rt_type_size(st->t.dtype));
    rt_send(s, &st->t);
  }
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
    if (in_frozen_module(&tess_program.state[i]) && first_of_module(i))
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
