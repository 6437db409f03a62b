/* IDX files as sources: a folder of them, by their names, or one. A folder's file of the training part is
 * called train-WHAT-idxR-TYPE[.gz], as MNIST's are, where WHAT is "images", "labels" or the datum's name; R
 * and TYPE
 * ("ubyte", "int") are not read: the file says them itself. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/data/rt_idx.h"
#include "runtime/data/rt_table.h"
#include "runtime/rt_base.h"

static char *stem_of(const RtSource *s, const TessValue *v) {
  const char *what = !strcmp(v->data, "image") ? "images" : !strcmp(v->data, "label") ? "labels" : v->name;
  return rt_format("%s-%s", s->part == RT_PART_TRAIN ? "train" : "t10k", what);
}

static bool starts_with(const char *text, const char *start) {
  return !strncmp(text, start, strlen(start));
}

/* The length of a name without ".gz" when the rest is the stem, '-' or '.', "idx" and a rank, and perhaps a
 * word behind '-'; else 0. */
static size_t idx_name(const char *name, const char *stem) {
  static const char *const idx = "idx";
  size_t n = strlen(stem);
  if (!starts_with(name, stem) || (name[n] != '-' && name[n] != '.') || !starts_with(name + n + 1, idx))
    return 0;
  n += 1 + strlen(idx);
  if (name[n] < '1' || name[n] > '9') return 0;
  n++;
  if (name[n] == '-') n += 1 + strspn(name + n + 1, "abcdefghijklmnopqrstuvwxyz");
  return name[n] == '\0' || !strcmp(name + n, ".gz") ? n : 0;
}

/* Takes the name unless a better one was found: of one file, it goes before the same in gzip. False when two
 * files are meant. */
static bool take_name(char **best, const char *name, size_t n, const char *stem) {
  size_t had = *best ? idx_name(*best, stem) : n;
  if (had != n || (*best && strncmp(*best, name, n) != 0)) return false;
  if (*best && name[n]) return true;
  free(*best);
  *best = rt_format("%s", name);
  return true;
}

/* The name of the file, to be freed, or NULL; *ok is false after an error. */
static char *find_name(const char *dir, const char *stem, bool *ok) {
  DIR *d = opendir(dir);
  char *best = NULL;
  *ok = d;
  if (!d) rt_error("%s: %s", dir, strerror(errno));
  for (struct dirent *e; *ok && (e = readdir(d));) {
    size_t n = idx_name(e->d_name, stem);
    if (!n || take_name(&best, e->d_name, n, stem)) continue;
    rt_error("%s: found %s and %s, expected one of them", dir, best, e->d_name);
    *ok = false;
  }
  if (d) closedir(d);
  return best;
}

static bool read_column(RtColumn *c, const char *path) {
  RtIdx x;
  if (!rt_idx_open(path, c->source->most, &x)) return false;
  c->name = rt_format("%s", path);
  bool ok = rt_table_new(c, x.type, x.rank, x.dim);
  RtTable *t = c->own;
  t->data = x.data;
  t->dim[0] = x.kept;
  x.data = NULL;
  rt_idx_free(&x);
  return ok;
}

static RtFound find_in_folder(RtSource *s, RtColumn *c) {
  bool ok;
  char *stem = stem_of(s, c->value), *name = find_name(s->path, stem, &ok);
  char *path = name ? rt_format("%s/%s", s->path, name) : NULL;
  if (ok && name) ok = read_column(c, path);
  RtFound found = !ok ? RT_BROKEN : name ? RT_LOADED : RT_ABSENT;
  free(stem);
  free(name);
  free(path);
  return found;
}

static void miss_in_folder(const RtSource *s, const TessValue *v) {
  char *stem = stem_of(s, v), text[300];
  rt_error("%s: found no %s-idx*[.gz] for the program's \"%s\", expected %s", s->path, stem, v->name,
           rt_value_text(v, text));
  free(stem);
}

/* One file has one tensor, so that it is said whose it is. */
static RtFound find_in_file(RtSource *s, RtColumn *c) {
  if (!s->only) return RT_ABSENT;
  return read_column(c, s->path) ? RT_LOADED : RT_BROKEN;
}

static void miss_in_file(const RtSource *s, const TessValue *v) {
  rt_error("%s: an IDX file has no names: expected %s=%s to read the program's \"%s\" from it", s->path,
           v->name, s->path, v->name);
}

const RtSourceKind rt_idx_folder = {.find = find_in_folder,
                                    .miss = miss_in_folder,
                                    .settle = rt_table_settle,
                                    .read = rt_table_read,
                                    .bytes = rt_table_bytes,
                                    .drop = rt_table_drop};
const RtSourceKind rt_idx_file = {.find = find_in_file,
                                  .miss = miss_in_file,
                                  .settle = rt_table_settle,
                                  .read = rt_table_read,
                                  .bytes = rt_table_bytes,
                                  .drop = rt_table_drop};
