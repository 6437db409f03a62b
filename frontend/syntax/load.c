/* Finding and reading imported files. */
#include "frontend/syntax/load.h"

#include <string.h>
#include <sys/stat.h>

#include "frontend/syntax/parse.h"

enum { MOST_FILES = 64 };

typedef struct Loader {
  Arena *arena;
  const char *library;
  Files *files;
  struct stat id[MOST_FILES]; /* of each file: two paths may lead to one */
} Loader;

static const char *join(Arena *a, const char *beside, const char *name) {
  const char *slash = strrchr(beside, '/');
  return slash ? arena_printf(a, "%.*s/%s", (int)(slash - beside), beside, name) : name;
}

static bool is_file(const char *path, struct stat *id) {
  return stat(path, id) == 0 && S_ISREG(id->st_mode);
}

static const File *find_loaded(const Loader *l, const struct stat *id) {
  for (int i = 0; i < l->files->n; i++)
    if (l->id[i].st_ino == id->st_ino && l->id[i].st_dev == id->st_dev) return l->files->v[i];
  return NULL;
}

static File *add_file(Loader *l, const Source *src, const char *relative) {
  File *f = parse_file(l->arena, src);
  f->relative = relative;
  ARENA_GROW(l->arena, l->files->v, l->files->n, l->files->cap);
  l->files->v[l->files->n++] = f;
  return f;
}

/* Where the import lies: beside the importing file, else in the library. */
static const char *resolve(Loader *l, const File *from, const Import *im, struct stat *id,
                           const char **relative) {
  const char *beside = join(l->arena, from->src->path, im->path);
  *relative = join(l->arena, from->relative, im->path);
  if (is_file(beside, id)) return beside;
  const char *shared = l->library ? arena_printf(l->arena, "%s/%s", l->library, im->path) : NULL;
  *relative = im->path;
  if (shared && is_file(shared, id)) return shared;
  diag_error(im->loc, "cannot find the file: looked for \"%s\"%s%s%s", beside, shared ? " and \"" : "",
             shared ? shared : "", shared ? "\"" : "");
  return NULL;
}

static bool valid_import(const Import *im) {
  size_t n = strlen(im->path);
  if (n > 5 && n < 512 && !strcmp(im->path + n - 5, ".tess") && im->path[0] != '/') return true;
  diag_error(im->loc, "expected the relative path of a .tess file, found \"%.100s\"", im->path);
  return false;
}

static bool in_library(const Loader *l, const char *path) {
  size_t n = l->library ? strlen(l->library) : 0;
  return n > 0 && !strncmp(path, l->library, n) && path[n] == '/';
}

static const File *load_import(Loader *l, const File *from, const Import *im) {
  struct stat id;
  const char *relative, *path = valid_import(im) ? resolve(l, from, im, &id, &relative) : NULL;
  const File *old = path ? find_loaded(l, &id) : NULL;
  if (!path || old) return old;
  if (l->files->n == MOST_FILES) {
    diag_error(im->loc, "more than %d files", MOST_FILES);
    return NULL;
  }
  Source *src = diag_read(l->arena, path);
  if (!src) return NULL;
  src->library = in_library(l, path);
  l->id[l->files->n] = id;
  return add_file(l, src, relative);
}

void load_files(Arena *a, const Source *src, const char *library, Files *out) {
  Loader *l = ARENA_NEW(a, Loader);
  l->arena = a;
  l->library = library;
  l->files = out;
  *out = (Files){0};
  const char *slash = strrchr(src->path, '/');
  if (!is_file(src->path, &l->id[0])) memset(&l->id[0], 0, sizeof l->id[0]);
  add_file(l, src, slash ? slash + 1 : src->path);
  for (int i = 0; i < out->n; i++)
    for (int k = 0; k < out->v[i]->nimport; k++)
      out->v[i]->import[k].file = load_import(l, out->v[i], &out->v[i]->import[k]);
}
