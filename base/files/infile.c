#include "base/files/infile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Input {
  dev_t dev;
  ino_t ino;
  char *path, *name; /* where it is, and what messages call it */
} Input;

static Input *inputs;
static int ninput, cap;

static bool is_known(const struct stat *st, const char *path) {
  for (int i = 0; i < ninput; i++)
    if (inputs[i].ino == st->st_ino && inputs[i].dev == st->st_dev && !strcmp(inputs[i].path, path))
      return true;
  return false;
}

static bool make_room(void) {
  if (ninput < cap) return true;
  Input *bigger = realloc(inputs, (size_t)(cap ? 2 * cap : 16) * sizeof *inputs);
  if (!bigger) return false;
  inputs = bigger;
  cap = cap ? 2 * cap : 16;
  return true;
}

/* False without memory. */
static bool remember(const struct stat *st, const char *path, const char *name) {
  if (is_known(st, path)) return true;
  Input in = {st->st_dev, st->st_ino, strdup(path), strdup(name)};
  if (in.path && in.name && make_room()) {
    inputs[ninput++] = in;
    return true;
  }
  free(in.path);
  free(in.name);
  errno = ENOMEM;
  return false;
}

void infile_note(const char *path, const char *name) {
  struct stat st;
  if (stat(path, &st) == 0) remember(&st, path, name);
}

static const char *what_else(mode_t mode) {
  if (S_ISDIR(mode)) return "expected a file, found a folder";
  if (S_ISFIFO(mode) || S_ISSOCK(mode)) return "expected a file, found a pipe";
  return "expected a file, found a device";
}

/* Pipes that were open before have names there. */
static bool is_open_pipe(const char *path, mode_t mode) {
  return S_ISFIFO(mode) && (!strncmp(path, "/dev/", 5) || !strncmp(path, "/proc/", 6));
}

/* Opening never waits: O_NONBLOCK means nothing to regular files, and is taken off a pipe. */
static int open_input(const char *path, bool pipes, bool once, const char **why) {
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  bool known = fd >= 0 && fstat(fd, &st) == 0, open_pipe = known && pipes && is_open_pipe(path, st.st_mode);
  if (open_pipe && fcntl(fd, F_SETFL, 0) == 0) return fd;
  if (known && S_ISREG(st.st_mode) && (once || remember(&st, path, path))) return fd;
  bool other = known && !S_ISREG(st.st_mode);
  int error = other ? EINVAL : errno;
  *why = other ? what_else(st.st_mode) : strerror(error);
  if (fd >= 0) close(fd);
  errno = error;
  return -1;
}

int infile_open(const char *path, const char **why) {
  return open_input(path, false, false, why);
}

int infile_open_once(const char *path, const char **why) {
  return open_input(path, false, true, why);
}

int infile_open_text(const char *path, const char **why) {
  return open_input(path, true, false, why);
}

/* The folder of a path, and its last part. */
static bool split(const char *path, struct stat *folder, const char **last) {
  char dir[PATH_MAX];
  const char *slash = strrchr(path, '/');
  size_t n = slash ? (size_t)(slash - path) + 1 : 2;
  if (n >= sizeof dir) return false;
  memcpy(dir, slash ? path : "./", n);
  dir[n] = '\0';
  *last = slash ? slash + 1 : path;
  return stat(dir, folder) == 0;
}

bool infile_same_entry(const char *a, const char *b) {
  struct stat x, y;
  const char *p, *q;
  return split(a, &x, &p) && split(b, &y, &q) && x.st_dev == y.st_dev && x.st_ino == y.st_ino &&
         !strcmp(p, q);
}

/* A file of several names keeps the others when another file takes one. */
const char *infile_lost(const char *path, bool in_place) {
  struct stat st;
  char real[PATH_MAX];
  if (stat(path, &st) != 0) return NULL;
  for (int i = 0; i < ninput; i++) {
    if (inputs[i].ino != st.st_ino || inputs[i].dev != st.st_dev) continue;
    bool known = realpath(inputs[i].path, real) != NULL;
    if (in_place || st.st_nlink < 2 || !known || infile_same_entry(real, path)) return inputs[i].name;
  }
  return NULL;
}
