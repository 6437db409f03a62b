#include "runtime/state/rt_weights.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/files/infile.h"
#include "base/nearest.h"
#include "runtime/rt_base.h"
#include "runtime/rt_output.h"
#include "runtime/state/rt_facts.h"
#include "runtime/state/rt_load.h"
#include "runtime/state/rt_names.h"

/* What one --weights asks for. */
typedef struct Weights {
  char *name; /* of a model or a slot; "" for the trained model */
  const char *path;
} Weights;

/* "NAME=FILE", or a FILE; the name is to be freed. */
static Weights parse(const char *text) {
  size_t n = 0;
  while (isalnum((unsigned char)text[n]) || text[n] == '_') n++;
  bool named = n && text[n] == '=';
  return (Weights){.name = rt_format("%.*s", named ? (int)n : 0, text), .path = named ? text + n + 1 : text};
}

/* Whether files have it: what is trained, carried along or loaded. */
static bool is_weight(const TessState *s) {
  return s->kind == TESS_PARAM || s->kind == TESS_CARRIED || s->kind == TESS_FROZEN;
}

/* The model that is trained, or the first of a program that trains none. */
static const char *main_model(void) {
  const char *first = "";
  for (uint32_t i = 0; i < tess_program.nstate; i++) {
    const TessState *s = &tess_program.state[i];
    if (s->kind == TESS_PARAM) return s->module;
    if (!*first && is_weight(s)) first = s->module;
  }
  return first;
}

/* Every model and every slot, each once; to be freed. */
static const char **known_names(int *n) {
  const char **name = RT_NEW(tess_program.nstate, const char *);
  *n = 0;
  for (uint32_t i = 0; i < tess_program.nstate; i++) {
    const TessState *s = &tess_program.state[i];
    const char *one = is_weight(s) ? s->module : s->kind == TESS_SLOT ? s->slot : "";
    int k = 0;
    while (k < *n && strcmp(name[k], one) != 0) k++;
    if (*one && k == *n) name[(*n)++] = one;
  }
  return name;
}

static bool is_known(const char *wanted) {
  int n;
  const char **name = known_names(&n);
  bool found = !*wanted;
  for (int i = 0; i < n; i++) found = found || !strcmp(name[i], wanted);
  const char *near = nearest_name(wanted, name, n);
  if (!found)
    rt_error("--weights %s=..: the program has no model and no slot of that name%s%s%s", wanted,
             near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
  free(name);
  return found;
}

/* Whether an output given before has the same place; an error names it. */
static bool is_taken(const RtOptions *o, int upto, const OutFile *where, const char *path) {
  OutFile other;
  const char *given[] = {RT_TEXT(o, checkpoint), RT_TEXT(o, log)}, *option[] = {"--checkpoint", "--log"};
  for (int i = 0; i < 2 + upto; i++) {
    Weights before = i < 2 ? (Weights){.path = given[i]} : parse(o->weights.v[i - 2]);
    free(before.name);
    if (!before.path || !outfile_find(&other, before.path) || other.in_place ||
        !infile_same_entry(other.target, where->target))
      continue;
    rt_error("--weights %s: it is the file of %s too", path, i < 2 ? option[i] : "another --weights");
    return true;
  }
  return false;
}

bool rt_weights_possible(const RtOptions *o) {
  bool ok = true;
  for (int i = 0; i < o->weights.n; i++) {
    Weights w = parse(o->weights.v[i]);
    OutFile where;
    ok = is_known(w.name) && rt_can_write("--weights", w.path, NULL, &where) &&
         (where.in_place || !is_taken(o, i, &where, w.path)) && ok;
    free(w.name);
  }
  return ok;
}

/* The state that a file has under the state's names: itself, its slot of that name, or NULL. */
static const TessState *source_of(const TessState *s, const char *name) {
  const char *module = main_model();
  if (!is_weight(s)) return NULL;
  if (!strcmp(s->module, *name ? name : module)) return s;
  if (strcmp(s->module, module) != 0) return NULL;
  bool is_slot = false;
  for (uint32_t i = 0; i < tess_program.nstate; i++) {
    const TessState *slot = &tess_program.state[i];
    if (slot->kind != TESS_SLOT || strcmp(slot->slot, name) != 0) continue;
    if (!strcmp(slot->name, s->name)) return slot;
    is_slot = true;
  }
  return is_slot && s->kind != TESS_PARAM ? s : NULL; /* what has no slots stays what it is */
}

/* The name as in a program of that model alone. */
static const char *plain(const TessState *s, const char *name) {
  size_t n = strlen(s->module);
  return n && !strncmp(name, s->module, n) && name[n] == '/' ? name + n + 1 : name;
}

/* Adds the tensor under all names of the state, each once. */
static int add_names(RtOut *out, const RtSession *session, const TessState *s, const TessState *source) {
  int n = 0;
  const char *name;
  for (int i = 0; (name = rt_state_name(s, i)); i++) {
    int k = 0;
    name = plain(s, name);
    while (k < n && strcmp(out[k].name, name) != 0) k++;
    if (k == n) out[n++] = (RtOut){name, source->t, rt_fetch(session, &source->t)};
  }
  return n;
}

static int count_names(void) {
  int n = 0;
  for (uint32_t i = 0; i < tess_program.nstate; i++)
    for (int a = 0; rt_state_name(&tess_program.state[i], a); a++) n++;
  return n;
}

static bool write_one(const RtSession *s, const Weights *w) {
  RtMeta m = {0};
  RtOut *out = RT_NEW(count_names(), RtOut);
  int n = 0;
  for (uint32_t i = 0; i < tess_program.nstate; i++) {
    const TessState *source = source_of(&tess_program.state[i], w->name);
    if (source) n += add_names(out + n, s, &tess_program.state[i], source);
  }
  rt_meta_put_foreign(&m, "format", "pt"); /* some loaders insist on it */
  rt_facts_put(&m);
  bool ok = rt_file_write(w->path, out, n, m.pair, m.n, NULL);
  rt_meta_free(&m);
  free(out);
  return ok;
}

bool rt_weights_write(const RtOptions *o, const RtSession *s) {
  bool ok = true;
  for (int i = 0; i < o->weights.n; i++) {
    Weights w = parse(o->weights.v[i]);
    ok = write_one(s, &w) && ok;
    free(w.name);
  }
  return ok;
}
