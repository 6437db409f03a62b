#include "runtime/rt_base.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static FILE *messages;
static bool redirected;

void rt_messages_to(FILE *out) {
  messages = out;
  redirected = true;
}

static void message(const char *kind, const char *fmt, va_list ap) {
  FILE *out = redirected ? messages : stderr;
  if (!out) return;
  fflush(stdout);
  fprintf(out, "%s: ", kind);
  vfprintf(out, fmt, ap);
  fputc('\n', out);
}

void rt_error(const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  message("error", fmt, ap);
  va_end(ap);
}

void rt_note(const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  message("note", fmt, ap);
  va_end(ap);
}

void *rt_alloc(size_t count, size_t size) {
  void *p = calloc(count ? count : 1, size);
  if (!p) {
    rt_error("out of memory: %zu elements of %zu bytes", count, size);
    exit(1);
  }
  return p;
}

char *rt_format(const char *fmt, ...) {
  va_list ap, again;
  va_start(ap, fmt);
  va_copy(again, ap);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  char *s = RT_NEW(n + 1, char);
  vsnprintf(s, (size_t)n + 1, fmt, again);
  va_end(again);
  return s;
}

bool rt_parse_u64(const char *s, uint64_t *out) {
  if (*s < '0' || *s > '9') return false;
  char *end;
  errno = 0;
  *out = strtoull(s, &end, 10);
  return errno == 0 && *end == '\0';
}

bool rt_parse_float(const char *s, float *out) {
  if (*s == '\0' || *s == ' ') return false;
  char *end;
  *out = strtof(s, &end);
  return *end == '\0' && isfinite(*out);
}

double rt_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

bool rt_can_write(const char *option, const char *path) {
  char *copy = rt_format("%s", path);
  const char *folder = dirname(copy);
  struct stat st;
  bool ok = access(folder, W_OK) == 0;
  if (!ok) {
    rt_error("%s %s: cannot write to folder %s: %s", option, path, folder, strerror(errno));
  } else if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
    rt_error("%s %s: expected a file or nothing there, found %s", option, path,
             S_ISDIR(st.st_mode) ? "a folder" : "a device or a pipe");
    ok = false;
  }
  free(copy);
  return ok;
}

static bool write_all(int fd, const RtPiece *piece) {
  for (uint64_t done = 0; done < piece->bytes;) {
    uint64_t left = piece->bytes - done, most = 1u << 30;
    ssize_t w = write(fd, (const char *)piece->data + done, left < most ? left : most);
    if (w < 0 && errno == EINTR) continue;
    if (w <= 0) return false;
    done += (uint64_t)w;
  }
  return true;
}

/* Creates the file and has all of it on the disk. */
static bool write_new(const char *path, const RtPiece *piece, int n) {
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666), i = 0;
  if (fd < 0) return false;
  while (i < n && write_all(fd, &piece[i])) i++;
  bool ok = i == n && fsync(fd) == 0;
  int why = errno;
  if (close(fd) != 0 && ok) return false;
  errno = why;
  return ok;
}

/* A rename is on the disk once its folder is. Some file systems have no such call for folders. */
static bool sync_folder(const char *path) {
  char *copy = rt_format("%s", path);
  int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool ok = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL);
  int why = errno;
  if (fd >= 0) close(fd);
  free(copy);
  errno = why;
  return ok;
}

bool rt_write_whole(const char *path, const RtPiece *piece, int n) {
  char *temporary = rt_format("%s.tmp", path);
  unlink(temporary);
  bool ok = write_new(temporary, piece, n) && rename(temporary, path) == 0;
  if (!ok) {
    rt_error("%s: cannot write %s: %s; %s is as it was", path, temporary, strerror(errno), path);
    unlink(temporary);
  } else if (!sync_folder(path)) {
    rt_error("%s: it was written, but its folder cannot be brought to the disk: %s", path, strerror(errno));
    ok = false;
  }
  free(temporary);
  return ok;
}
