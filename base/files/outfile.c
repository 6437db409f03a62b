#define _GNU_SOURCE /* getrandom */
#include "base/files/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/files/infile.h"

enum { MOST_LINKS = 40, PIECE = 1 << 16, READER_WAITS = 50 };

static bool fail(OutFile *o, const char *why) {
  o->why = why;
  return false;
}

static bool fail_errno(OutFile *o) {
  return fail(o, strerror(errno));
}

void outfile_token(char token[OUTFILE_TOKEN]) {
  static const char digit[] = "abcdefghijklmnopqrstuvwxyz234567";
  unsigned char byte[OUTFILE_TOKEN - 1];
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  if (getrandom(byte, sizeof byte, GRND_NONBLOCK) !=
      (ssize_t)sizeof byte) /* an old kernel: O_EXCL still holds */
    for (size_t i = 0; i < sizeof byte; i++)
      byte[i] = (unsigned char)((uint64_t)now.tv_nsec * 0x9e3779b97f4a7c15u >> (3 * i) ^ (uint64_t)getpid());
  for (size_t i = 0; i < sizeof byte; i++) token[i] = digit[byte[i] % 32];
  token[sizeof byte] = '\0';
}

static size_t folder_length(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? (size_t)(slash - path) + 1 : 0;
}

bool outfile_beside(char out[PATH_MAX], const char *target, const char *token) {
  int len = snprintf(out, PATH_MAX, "%.*s.tessera.%s", (int)folder_length(target), target, token);
  if (len > 0 && len < PATH_MAX) return true;
  errno = ENAMETOOLONG;
  return false;
}

/* One link further: true while there was one. */
static bool follow_one(OutFile *o, bool *ok) {
  char link[PATH_MAX], next[2 * PATH_MAX];
  ssize_t n = readlink(o->target, link, sizeof link - 1);
  *ok = n > 0 || errno == EINVAL || errno == ENOENT; /* no link, or nothing there */
  if (n <= 0) return false;
  link[n] = '\0';
  size_t folder = *link == '/' ? 0 : folder_length(o->target);
  snprintf(next, sizeof next, "%.*s%s", (int)folder, o->target, link);
  *ok = strlen(next) < PATH_MAX;
  if (!*ok) errno = ENAMETOOLONG;
  if (*ok) memcpy(o->target, next, strlen(next) + 1);
  return *ok;
}

/* The open descriptor that a path names, or -1. */
static int descriptor_of(const char *path) {
  static const char *const folder[] = {"/dev/fd/", "/proc/self/fd/"};
  if (!strcmp(path, "/dev/stdout")) return STDOUT_FILENO;
  if (!strcmp(path, "/dev/stderr")) return STDERR_FILENO;
  for (int i = 0; i < 2; i++) {
    size_t n = strlen(folder[i]);
    char *end;
    if (strncmp(path, folder[i], n) != 0 || path[n] < '0' || path[n] > '9') continue;
    long fd = strtol(path + n, &end, 10);
    if (!*end && fd <= INT_MAX) return (int)fd;
  }
  return -1;
}

bool outfile_find(OutFile *o, const char *path) {
  struct stat st;
  *o = (OutFile){.fd = -1};
  if (strlen(path) >= PATH_MAX || !*path) return fail(o, strerror(*path ? ENAMETOOLONG : ENOENT));
  memcpy(o->target, path, strlen(path) + 1);
  if (stat(path, &st) == 0) {
    if (S_ISDIR(st.st_mode)) return fail(o, strerror(EISDIR));
    o->in_place = !S_ISREG(st.st_mode);
  }
  bool ok = true;
  for (int i = 0; ok && !o->in_place; i++) {
    o->in_place = descriptor_of(o->target) >= 0;
    if (i > MOST_LINKS) return fail(o, strerror(ELOOP));
    if (o->in_place || !follow_one(o, &ok)) break;
  }
  return ok || fail_errno(o);
}

static bool spares_inputs(OutFile *o) {
  static char why[PATH_MAX + 100];
  const char *lost = infile_lost(o->target, o->in_place);
  if (!lost) return true;
  snprintf(why, sizeof why, "it would take the place of the input %s", lost);
  return fail(o, why);
}

/* An open descriptor is shared with whoever else writes to it, so that nothing is written over. */
static bool open_in_place(OutFile *o) {
  int open_one = descriptor_of(o->target);
  if (open_one >= 0) {
    o->fd = fcntl(open_one, F_DUPFD_CLOEXEC, 0);
    return o->fd >= 0 || fail_errno(o);
  }
  o->fd = open(o->target, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (o->fd < 0) return fail(o, errno == ENXIO ? "nobody reads that pipe" : strerror(errno));
  fcntl(o->fd, F_SETFL, 0);
  return true;
}

/* An older file leaves its mode, and a program that takes its place can be run by whoever could read that. */
static bool keep_mode(const OutFile *o, const struct stat *old, mode_t mode) {
  mode_t kept = old->st_mode & 0777;
  if (mode & 0111) kept |= 0100 | (kept & 0444) >> 2;
  return fchmod(o->fd, kept) == 0 || errno == EPERM; /* of a file system without modes */
}

static bool open_new(OutFile *o, mode_t mode, const char *token) {
  struct stat old;
  char drawn[OUTFILE_TOKEN];
  bool replaces = stat(o->target, &old) == 0;
  if (!token) outfile_token(drawn);
  if (!outfile_beside(o->temporary, o->target, token ? token : drawn)) return fail_errno(o);
  o->fd = open(o->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, replaces ? mode & 0700 : mode);
  if (o->fd < 0) return fail_errno(o);
  if (!replaces || keep_mode(o, &old, mode)) return true;
  fail_errno(o);
  outfile_drop(o);
  return false;
}

bool outfile_open(OutFile *o, const char *path, mode_t mode, const char *token) {
  return outfile_find(o, path) && spares_inputs(o) &&
         (o->in_place ? open_in_place(o) : open_new(o, mode, token));
}

/* A pipe is kept open until the process ends, so that a reader who is there at the start stays; one who was
 * started together with this process may still be on the way. */
static bool try_in_place(OutFile *o) {
  struct stat st;
  const struct timespec moment = {.tv_nsec = 20000000};
  bool pipe = stat(o->target, &st) == 0 && S_ISFIFO(st.st_mode), ok = open_in_place(o);
  for (int i = 0; !ok && pipe && errno == ENXIO && i < READER_WAITS; i++) {
    nanosleep(&moment, NULL);
    ok = open_in_place(o);
  }
  if (ok && !pipe) close(o->fd);
  o->fd = -1;
  return ok;
}

bool outfile_try(OutFile *o, const char *path, const char *token) {
  if (!outfile_find(o, path) || !spares_inputs(o)) return false;
  if (o->in_place) return try_in_place(o);
  if (!open_new(o, 0600, token)) return false;
  outfile_drop(o);
  return true;
}

bool outfile_write(OutFile *o, const void *data, size_t n) {
  for (size_t done = 0; done < n;) {
    size_t left = n - done, most = 1u << 30;
    ssize_t w = write(o->fd, (const char *)data + done, left < most ? left : most);
    if (w < 0 && errno == EINTR) continue;
    if (w <= 0) return fail_errno(o);
    done += (size_t)w;
  }
  return true;
}

bool outfile_flush(OutFile *o) {
  return o->in_place || fsync(o->fd) == 0 || fail_errno(o);
}

/* A rename is on the disk once its folder is. Some file systems have no such call for folders. */
static bool flush_folder(OutFile *o) {
  char folder[PATH_MAX] = "./";
  size_t n = folder_length(o->target);
  if (n) memcpy(folder, o->target, n), folder[n] = '\0';
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool ok = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL);
  if (!ok) fail_errno(o);
  if (fd >= 0) close(fd);
  return ok;
}

bool outfile_commit(OutFile *o) {
  bool ok = outfile_flush(o), closed = close(o->fd) == 0;
  if (ok && !closed) ok = fail_errno(o);
  o->fd = -1;
  if (ok && !o->in_place && rename(o->temporary, o->target) != 0) ok = fail_errno(o);
  if (!ok) outfile_drop(o);
  o->replaced = ok;
  return ok && (o->in_place || flush_folder(o));
}

void outfile_drop(OutFile *o) {
  if (o->fd >= 0) close(o->fd);
  if (*o->temporary) unlink(o->temporary);
  o->fd = -1;
}

bool outfile_copy(OutFile *o, int from) {
  char piece[PIECE];
  off_t at = 0;
  for (ssize_t n; (n = pread(from, piece, sizeof piece, at)) != 0; at += n)
    if (n < 0 || !outfile_write(o, piece, (size_t)n)) return n < 0 ? fail_errno(o) : false;
  return true;
}

/* Gives the open file a second name: 1, 0 when it cannot have one, -1 when the second name cannot be put
 * there. */
static int link_as(OutFile *o, const char *path, const char *token) {
  char second[PATH_MAX];
  struct stat st;
  bool is_link = lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
  if (is_link || !outfile_beside(second, path, token) || link(o->temporary, second) != 0) return 0;
  if (rename(second, path) == 0) return 1;
  fail_errno(o);
  unlink(second);
  return -1;
}

bool outfile_also(OutFile *o, const char *path) {
  OutFile copy;
  if (!outfile_find(&copy, path) || !spares_inputs(&copy)) return fail(o, copy.why);
  char token[OUTFILE_TOKEN + sizeof OUTFILE_ALSO];
  snprintf(token, sizeof token, "%s%s", o->temporary + strlen(o->temporary) - (OUTFILE_TOKEN - 1),
           OUTFILE_ALSO);
  int linked = link_as(o, path, token);
  if (linked) return linked > 0;
  if (!outfile_open(&copy, path, 0666, token)) return fail(o, copy.why);
  bool ok = outfile_copy(&copy, o->fd);
  if (!ok) outfile_drop(&copy);
  return (ok && outfile_commit(&copy)) || fail(o, copy.why);
}

bool outfile_folder(OutFile *o, const char *path, char folder[PATH_MAX]) {
  char token[OUTFILE_TOKEN];
  outfile_token(token);
  if (!outfile_find(o, path)) return false;
  return (outfile_beside(folder, o->target, token) && mkdir(folder, 0700) == 0) || fail_errno(o);
}
