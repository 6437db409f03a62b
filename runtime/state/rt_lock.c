#define _GNU_SOURCE /* flock's declarations, O_NOFOLLOW */
#include "runtime/state/rt_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/rt_base.h"
#include "runtime/rt_output.h"

enum { MOST_NAME = 200, MOST_TEXT = 600, MOST_TRIES = 100, MOST_WAITS = 100 /* 5 s */ };

static const char head[] = "tessera: locked by pid ", mark[] = "\ntoken ";

/* What the file says: "tessera: locked by pid 123 on HOST", a line of the token. "" for a new one. */
static void read_text(const RtLock *l, char text[MOST_TEXT]) {
  ssize_t n = pread(l->fd, text, MOST_TEXT - 1, 0);
  text[n > 0 ? n : 0] = '\0';
}

static bool write_text(const RtLock *l) {
  char host[256] = "", text[MOST_TEXT];
  if (gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
  int n = snprintf(text, sizeof text, "%s%ld on %s%s%s\n", head, (long)getpid(), host, mark, l->token);
  return ftruncate(l->fd, 0) == 0 && pwrite(l->fd, text, (size_t)n, 0) == n;
}

static void remove_one(const RtLock *l, const char *token, const char *ending) {
  char whole[2 * OUTFILE_TOKEN], left[PATH_MAX];
  struct stat st;
  snprintf(whole, sizeof whole, "%s%s", token, ending);
  if (outfile_beside(left, l->target, whole) && lstat(left, &st) == 0 && S_ISREG(st.st_mode)) unlink(left);
}

/* The unfinished files of a run that was killed, known by the token that it had noted. */
static void remove_left(const RtLock *l, const char *text) {
  char token[OUTFILE_TOKEN] = "";
  const char *at = strstr(text, mark);
  if (!at || sscanf(at + strlen(mark), "%16[a-z2-7]", token) != 1 || strlen(token) != OUTFILE_TOKEN - 1)
    return;
  remove_one(l, token, "");
  remove_one(l, token, OUTFILE_ALSO);
}

static bool refuse(const char *option, const char *path, const char *text) {
  const char *who = strncmp(text, head, strlen(head)) == 0 ? text + strlen(head) : NULL;
  int n = who ? (int)strcspn(who, "\n") : 0;
  rt_error("%s %s: another run writes it%s%.*s; give this one a checkpoint of its own", option, path,
           who ? ": pid " : "", n, who ? who : "");
  return false;
}

/* A run that was killed a moment ago has the lock until its memory is free again. */
static bool lock_in_time(int fd) {
  const struct timespec moment = {.tv_nsec = 50000000};
  for (int i = 0; i < MOST_WAITS; i++) {
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return true;
    if (errno != EWOULDBLOCK) return false;
    nanosleep(&moment, NULL);
  }
  errno = EWOULDBLOCK;
  return false;
}

/* Opens and locks: 1, 0 when another run has it, -1 with errno. A run that ends removes its file: then the
 * lock is one of a file that is no longer there. */
static int open_locked(RtLock *l) {
  struct stat mine, there;
  for (int i = 0; i < MOST_TRIES; i++) {
    l->fd = open(l->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (l->fd < 0) return -1;
    if (!lock_in_time(l->fd)) return errno == EWOULDBLOCK ? 0 : -1;
    if (fstat(l->fd, &mine) == 0 && stat(l->path, &there) == 0 && mine.st_ino == there.st_ino) return 1;
    close(l->fd);
  }
  l->fd = -1;
  errno = EBUSY;
  return -1;
}

static bool let_go(RtLock *l) {
  if (l->fd >= 0) close(l->fd);
  l->fd = -1;
  return false;
}

static bool take(RtLock *l, const char *option, const char *path) {
  char text[MOST_TEXT];
  int locked = open_locked(l), why = errno;
  if (locked < 0 && l->fd < 0) {
    rt_error("%s %s: cannot write there: %s", option, path, strerror(why));
    return false;
  }
  if (locked < 0) {
    rt_note("%s %s: its file system has no locks (%s): see that no other run writes it", option, path,
            strerror(why));
    unlink(l->path);
    let_go(l);
    return true;
  }
  read_text(l, text);
  if (!locked) return let_go(l), refuse(option, path, text);
  if (*text && strncmp(text, head, strlen(head)) != 0) {
    rt_error("%s %s: found %s, expected a lock of a run or nothing there", option, path, l->path);
    return let_go(l);
  }
  remove_left(l, text);
  return true;
}

/* A name that is too long for a lock's is cut: at worst two checkpoints share one. */
static void name_lock(RtLock *l) {
  const char *slash = strrchr(l->target, '/'), *base = slash ? slash + 1 : l->target;
  snprintf(l->path, sizeof l->path, "%.*s.%.*s.lock", (int)(base - l->target), l->target, MOST_NAME, base);
}

bool rt_lock_take(RtLock *l, const char *option, const char *path) {
  OutFile o;
  *l = (RtLock){.fd = -1};
  if (!outfile_find(&o, path) || o.in_place) return rt_can_write(option, path, NULL, NULL);
  memcpy(l->target, o.target, sizeof l->target);
  name_lock(l);
  if (!take(l, option, path)) return false;
  rt_lock_token(l);
  if (rt_can_write(option, path, l->token, NULL)) return true;
  rt_lock_give(l);
  return false;
}

/* A note that cannot be written costs no more than a file left behind if the run is killed. */
const char *rt_lock_token(RtLock *l) {
  outfile_token(l->token);
  if (l->fd >= 0) write_text(l);
  return l->token;
}

void rt_lock_give(RtLock *l) {
  if (l->fd >= 0) unlink(l->path);
  let_go(l);
}
