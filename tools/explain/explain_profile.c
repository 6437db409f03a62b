/* Reading what `PROGRAM bench --profile-out FILE` has measured. */
#include <string.h>

#include "base/json.h"
#include "tools/explain/explain.h"

static bool read_text(Arena *a, Json *j, const char **to) {
  char *text = json_string(j);
  if (text) *to = arena_strdup(a, text);
  return text;
}

static bool read_launch(Arena *a, Json *j, ProfileLaunch *l) {
  uint64_t runs = 0, ns = 0;
  if (!json_take(j, '{')) return false;
  do {
    const char *key = json_string(j);
    if (!key || !json_take(j, ':')) return false;
    bool ok = strcmp(key, "kernel") == 0 ? read_text(a, j, &l->kernel)
              : strcmp(key, "runs") == 0 ? json_u64(j, &runs)
              : strcmp(key, "ns") == 0   ? json_u64(j, &ns)
                                         : json_skip(j);
    if (!ok) return false;
  } while (json_maybe(j, ','));
  l->seconds = runs ? (double)ns * 1e-9 / (double)runs : 0;
  return json_take(j, '}') && (l->kernel || json_fail(j, j->at, "expected the launch's \"kernel\""));
}

static bool read_launches(Arena *a, Json *j, ProfileEntry *e) {
  if (!json_take(j, '[')) return false;
  if (json_maybe(j, ']')) return true;
  do {
    ARENA_GROW(a, e->launch, e->n, e->cap);
    if (!read_launch(a, j, &e->launch[e->n++])) return false;
  } while (json_maybe(j, ','));
  return json_take(j, ']');
}

static bool read_entry(Arena *a, Json *j, Profile *p) {
  const char *name = NULL;
  ProfileEntry e = {.present = true};
  size_t at = j->at;
  if (!json_take(j, '{')) return false;
  do {
    const char *key = json_string(j);
    if (!key || !json_take(j, ':')) return false;
    bool ok = strcmp(key, "name") == 0       ? read_text(a, j, &name)
              : strcmp(key, "launches") == 0 ? read_launches(a, j, &e)
                                             : json_skip(j);
    if (!ok) return false;
  } while (json_maybe(j, ','));
  for (int i = 0; i < EN_COUNT; i++)
    if (name && strcmp(name, explain_entries[i]) == 0) p->entry[i] = e, at = 0;
  return json_take(j, '}') && (!at || json_fail(j, at, "expected the name of an entry"));
}

static bool read_entries(Arena *a, Json *j, Profile *p) {
  if (!json_take(j, '[')) return false;
  if (json_maybe(j, ']')) return true;
  do {
    if (!read_entry(a, j, p)) return false;
  } while (json_maybe(j, ','));
  return json_take(j, ']');
}

static bool read_all(Arena *a, Json *j, Profile *p) {
  if (!json_take(j, '{')) return false;
  do {
    const char *key = json_string(j);
    if (!key || !json_take(j, ':')) return false;
    bool ok = strcmp(key, "tessera_profile") == 0 ? json_u64(j, &p->version)
              : strcmp(key, "source_hash") == 0   ? read_text(a, j, &p->source_hash)
              : strcmp(key, "build") == 0         ? read_text(a, j, &p->build)
              : strcmp(key, "threads") == 0       ? json_u64(j, &p->threads)
              : strcmp(key, "entries") == 0       ? read_entries(a, j, p)
                                                  : json_skip(j);
    if (!ok) return false;
  } while (json_maybe(j, ','));
  return json_take(j, '}') && json_end(j);
}

static Loc place_of(const Source *file, size_t at) {
  int line = 1;
  for (size_t i = 0; i < at && i < file->len; i++) line += file->text[i] == '\n';
  return (Loc){.src = file, .line = line, .col = 1};
}

Profile *profile_read(Arena *a, const char *path) {
  const Source *file = diag_read(a, path);
  if (!file) return NULL;
  Profile *p = ARENA_NEW(a, Profile);
  Json j = json_new(arena_strndup(a, file->text, file->len), file->len);
  p->file = file;
  if (!read_all(a, &j, p)) {
    diag_error(place_of(file, j.error_at), "%s", j.error);
    return NULL;
  }
  bool threads = p->threads >= 1 && p->threads <= 1024;
  if (p->version == 1 && threads && p->source_hash && p->build) return p;
  diag_error((Loc){.src = file}, "not a profile that \"bench --profile-out\" of this version writes");
  return NULL;
}

static bool same_target(const Profile *p, const char *target) {
  const char *found = strrchr(p->build, ' ');
  return found && strcmp(found + 1, target) == 0;
}

static bool same_launches(const Profile *p, const FactEntry *e) {
  const ProfileEntry *m = &p->entry[e->kind];
  Loc at = {.src = p->file};
  for (int i = 0; i < e->nlaunch && i < m->n; i++) {
    const char *here = e->launch[i].launch->kernel->name;
    if (strcmp(m->launch[i].kernel, here) == 0) continue;
    diag_error(at, "a profile of another program: launch %d of %s runs %s there, %s here", i,
               explain_entries[e->kind], m->launch[i].kernel, here);
    return false;
  }
  if (m->n == e->nlaunch) return true;
  diag_error(at, "a profile of another program: %s has %d launches there, %d here", explain_entries[e->kind],
             m->n, e->nlaunch);
  return false;
}

bool profile_fits(const Profile *p, const Build *b, const Facts *f) {
  Loc at = {.src = p->file};
  if (strcmp(p->source_hash, build_hash(b)) != 0)
    diag_error(
        at,
        "a profile of another program: its source hash is %s, this description's with these parameters %s",
        p->source_hash, build_hash(b));
  else if (!same_target(p, b->target->name))
    diag_error(at, "a profile of another program: it is of %s, this is for %s", p->build, b->target->name);
  else {
    bool fits = true;
    for (int i = 0; i < EN_COUNT; i++)
      if (p->entry[i].present && f->entry[i].times > 0) fits = fits && same_launches(p, &f->entry[i]);
    return fits;
  }
  return false;
}

void profile_apply(const Profile *p, Facts *f) {
  double *seconds[EN_COUNT] = {0};
  for (int e = 0; e < EN_COUNT; e++) {
    const ProfileEntry *m = &p->entry[e];
    if (!m->present || !f->entry[e].lower || f->entry[e].times <= 0) continue;
    seconds[e] = ARENA_ARRAY(f->arena, m->n + 1, double);
    for (int i = 0; i < m->n; i++) seconds[e][i] = m->launch[i].seconds;
  }
  facts_measured(f, seconds);
}
