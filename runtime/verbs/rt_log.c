#include "runtime/verbs/rt_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files/infile.h"
#include "base/files/outfile.h"
#include "runtime/rt_base.h"

static const char start[] = "{\"step\":";
enum { START = sizeof start - 1 };

/* Whether a line is the log's, or the beginning of one. */
static bool is_ours(const char *line, size_t len) {
  return len > 0 && strncmp(line, start, len < START ? len : START) == 0;
}

typedef struct Extent {
  off_t kept;   /* where the last line ends that the run does not write again */
  bool is_ours; /* every line that would be dropped is the log's */
  bool readable;
} Extent;

/* A line is dropped when it tells of an update behind `first` or has no end. */
static Extent read_extent(FILE *f, uint64_t first) {
  Extent x = {.is_ours = true};
  char *line = NULL, head[START];
  size_t size = 0;
  off_t at = 0;
  ssize_t n = pread(fileno(f), head, sizeof head, 0); /* some files have no lines at all */
  x.is_ours = n <= 0 || is_ours(head, (size_t)n);
  for (ssize_t len; x.is_ours && (len = getline(&line, &size, f)) > 0;) {
    bool whole = line[len - 1] == '\n', ours = is_ours(line, (size_t)len);
    if (!whole) x.is_ours = ours;
    at += len;
    if (whole && !(ours && strtoull(line + START, NULL, 10) > first)) x.kept = at;
  }
  x.readable = !ferror(f) && feof(f);
  free(line);
  return x;
}

static bool fail(const char *path, const char *why) {
  rt_error("--log %s: %s", path, why);
  return false;
}

/* Of a file that was there. */
static bool cut(const char *path, uint64_t first) {
  FILE *f = fopen(path, "re");
  struct stat st;
  if (!f) return fail(path, strerror(errno));
  Extent x = read_extent(f, first);
  bool known = fstat(fileno(f), &st) == 0;
  int why = errno;
  fclose(f);
  if (!x.is_ours)
    return fail(
        path,
        "found a file that is no log of train, expected one, whose lines begin with {\"step\":, or nothing "
        "there");
  if (!x.readable || !known) return fail(path, strerror(why ? why : ENOMEM));
  return x.kept == st.st_size || truncate(path, x.kept) == 0 || fail(path, strerror(errno));
}

bool rt_log_open(RtLog *l, const char *path, uint64_t first) {
  OutFile place;
  *l = (RtLog){.path = path, .fd = -1};
  if (!path) return true;
  if (!outfile_find(&place, path)) return fail(path, place.why);
  if (infile_lost(path, true)) return fail(path, "the run reads that file, or writes it as something else");
  if (place.in_place) {
    if (!outfile_open(&place, path, 0, NULL)) return fail(path, place.why);
    l->fd = place.fd;
    return true;
  }
  if (access(path, F_OK) == 0 && !cut(path, first ? first : UINT64_MAX)) return false;
  l->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (l->fd < 0) return fail(path, strerror(errno));
  infile_note(path, path);
  return true;
}

static void lose(RtLog *l, const char *why) {
  if (!l->broken) rt_error("%s: the log is not complete: %s", l->path, why);
  l->broken = true;
}

FILE *rt_log_begin(RtLog *l) {
  if (l->fd < 0) return NULL;
  l->line = open_memstream(&l->text, &l->len);
  if (!l->line) lose(l, strerror(errno));
  return l->line;
}

/* What arrived of a line that did not is taken back. */
static bool write_line(const RtLog *l) {
  struct stat st;
  bool regular = fstat(l->fd, &st) == 0 && S_ISREG(st.st_mode);
  for (size_t done = 0; done < l->len;) {
    ssize_t w = write(l->fd, l->text + done, l->len - done);
    if (w < 0 && errno == EINTR) continue;
    if (w <= 0) {
      int why = errno;
      if (regular && done && ftruncate(l->fd, st.st_size) != 0) why = errno;
      errno = why;
      return false;
    }
    done += (size_t)w;
  }
  return true;
}

void rt_log_end(RtLog *l) {
  bool whole = !ferror(l->line);
  if (fclose(l->line) != 0 || !whole)
    lose(l, "out of memory");
  else if (!write_line(l))
    lose(l, strerror(errno));
  free(l->text);
}

bool rt_log_close(RtLog *l) {
  if (l->fd >= 0 && close(l->fd) != 0) lose(l, strerror(errno));
  l->fd = -1;
  return !l->broken;
}
