#include "runtime/state/rt_facts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/safetensors.h"
#include "runtime/rt_base.h"
#include "runtime/state/rt_load.h"
#include "runtime/state/rt_names.h"

static const char own[] = "tessera.", parameter[] = "parameter.", model[] = "model.";

static void put(RtMeta *m, const char *prefix, const char *key, const char *value) {
  if (m->n == m->cap) {
    RtPair *more = RT_NEW(m->cap ? 2 * m->cap : 32, RtPair);
    if (m->n) memcpy(more, m->pair, sizeof *more * (size_t)m->n);
    free(m->pair);
    m->pair = more;
    m->cap = m->cap ? 2 * m->cap : 32;
  }
  m->pair[m->n++] = (RtPair){rt_format("%s%s", prefix, key), rt_format("%s", value)};
}

void rt_meta_put(RtMeta *m, const char *key, const char *value) {
  put(m, own, key, value);
}

void rt_meta_put_foreign(RtMeta *m, const char *key, const char *value) {
  put(m, "", key, value);
}

void rt_meta_put_u64(RtMeta *m, const char *key, uint64_t value) {
  char text[24];
  snprintf(text, sizeof text, "%" PRIu64, value);
  rt_meta_put(m, key, text);
}

void rt_meta_free(RtMeta *m) {
  for (int i = 0; i < m->n; i++) {
    free((char *)m->pair[i].key);
    free((char *)m->pair[i].value);
  }
  free(m->pair);
}

/* What stands behind `prefix` in a text that begins with it, or NULL. */
static const char *behind(const char *text, const char *prefix) {
  size_t n = strlen(prefix);
  return strncmp(text, prefix, n) ? NULL : text + n;
}

/* Whether a fact's key, "model.NAME" or "model.NAME.ARG", speaks of the module. */
static bool is_of(const char *key, const char *module) {
  const char *name = behind(key, model);
  size_t n = strlen(module);
  return name && !strncmp(name, module, n) && (name[n] == '.' || !name[n]);
}

/* Whether it speaks of a frozen module that is somebody else's. */
static bool is_foreign(const char *key) {
  for (uint32_t i = 0; i < tess_program.nstate; i++)
    if (rt_is_foreign(&tess_program.state[i]) && is_of(key, tess_program.state[i].module)) return true;
  return false;
}

void rt_facts_put(RtMeta *m) {
  rt_meta_put(m, "program", tess_program.name);
  rt_meta_put(m, "source_hash", tess_program.source_hash);
  rt_meta_put(m, "build", tess_program.build);
  rt_meta_put_u64(m, "max_threads", tess_program.max_threads);
  for (uint32_t i = 0; i < tess_program.nfact; i++)
    if (!is_foreign(tess_program.fact[i].key))
      rt_meta_put(m, tess_program.fact[i].key, tess_program.fact[i].value);
}

static const char *fact_of(const char *key) {
  for (uint32_t i = 0; i < tess_program.nfact; i++)
    if (!strcmp(tess_program.fact[i].key, key)) return tess_program.fact[i].value;
  return NULL;
}

static const char *meta_of(const RtFile *f, const char *a, const char *b, const char *c) {
  char *key = rt_format("%s%s%s%s", own, a, b, c);
  const char *value = rt_file_meta(f, key);
  free(key);
  return value;
}

static void add_difference(RtNames *l, const char *name, const char *theirs, const char *ours) {
  char *text = rt_format("%s = %.80s (here %.80s)", name, theirs, ours);
  rt_names_add(l, "", text);
  free(text);
}

/* Parameters that both programs have. How many samples a step has is no property of weights. */
static void compare_parameters(RtNames *l, const RtFile *f) {
  for (uint32_t i = 0; i < tess_program.nfact; i++) {
    const char *name = behind(tess_program.fact[i].key, parameter), *ours = tess_program.fact[i].value;
    if (!name || !strcmp(name, "batch") || !strcmp(name, "accumulate")) continue;
    const char *theirs = meta_of(f, parameter, name, "");
    if (theirs && strcmp(theirs, ours) != 0) add_difference(l, name, theirs, ours);
  }
}

/* The file's model: the one of that name, or its only one; NULL when it is not clear. */
static const char *model_in(const RtFile *f, const char *name) {
  const char *only = NULL;
  if (meta_of(f, model, name, "")) return name;
  for (int i = 0; i < f->nmeta; i++) {
    const char *key = behind(f->meta[i].key, own), *found = key ? behind(key, model) : NULL;
    if (!found || strchr(found, '.')) continue;
    if (only) return NULL;
    only = found;
  }
  return only;
}

/* The arguments that both modules have, but those whose difference a parameter of their name has told. */
static void compare_arguments(RtNames *l, const RtFile *f, const char *theirs, const char *ours, bool told) {
  for (uint32_t i = 0; i < tess_program.nfact; i++) {
    const char *key = tess_program.fact[i].key, *mine = tess_program.fact[i].value;
    const char *name = is_of(key, ours) ? strchr(key + sizeof model - 1, '.') : NULL;
    if (!name) continue;
    const char *value = meta_of(f, model, theirs, name), *param = meta_of(f, parameter, name + 1, "");
    if (!value || !strcmp(value, mine) || (told && param && !strcmp(param, value))) continue;
    add_difference(l, name + 1, value, mine);
  }
}

/* A module of another name, or of the same name and another text. Both are "NAME HASH". */
static void compare_text(RtNames *l, const char *theirs, const char *ours) {
  size_t n = strcspn(theirs, " ");
  bool same = n == strcspn(ours, " ") && !strncmp(theirs, ours, n);
  if (!strcmp(theirs, ours)) return;
  char *text = same ? rt_format("another text of module %.*s (%s, here %s)", (int)n, ours, theirs + n + 1,
                                ours + n + 1)
                    : rt_format("module %.*s (here %.*s)", (int)n, theirs, (int)strcspn(ours, " "), ours);
  rt_names_add(l, "", text);
  free(text);
}

static void compare_model(RtNames *l, const RtFile *f, const char *name, bool told) {
  char *key = rt_format("%s%s", model, name);
  const char *ours = fact_of(key), *theirs = model_in(f, name);
  free(key);
  if (!ours || !theirs) return;
  compare_text(l, meta_of(f, model, theirs, ""), ours);
  compare_arguments(l, f, theirs, name, told);
}

void rt_facts_compare(const RtFile *f, const char *module) {
  RtNames l = {.most = 64};
  if (module) {
    compare_model(&l, f, module, false);
  } else {
    compare_parameters(&l, f);
    for (uint32_t i = 0; i < tess_program.nfact; i++) {
      const char *key = tess_program.fact[i].key, *name = behind(key, model);
      if (name && !strchr(name, '.') && !is_foreign(key)) compare_model(&l, f, name, true);
    }
  }
  rt_names_say(&l, rt_note, f->path, "written by a program with");
}

void rt_facts_compare_build(const RtFile *f) {
  const char *build = meta_of(f, "build", "", ""), *kernels = meta_of(f, "kernels", "", ""),
             *threads = meta_of(f, "max_threads", "", ""), *mine = fact_of("kernels");
  if (!build || !kernels || !threads || !mine) return;
  char *limit = rt_format("%" PRIu32, tess_program.max_threads);
  if (strcmp(build, tess_program.build) != 0)
    rt_note("%s: written by a program of \"%s\", this is one of \"%s\": the bits can differ from an unbroken "
            "run's",
            f->path, build, tess_program.build);
  else if (strcmp(kernels, mine) != 0)
    rt_note("%s: written by a program with other kernels (hash %s, here %s): the bits can differ from an "
            "unbroken "
            "run's",
            f->path, kernels, mine);
  else if (strcmp(threads, limit) != 0)
    rt_note("%s: written by a program for at most %s threads, this is one for %s: the bits stay those of an "
            "unbroken "
            "run",
            f->path, threads, limit);
  free(limit);
}
