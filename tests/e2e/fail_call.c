/* Loaded before the C library (LD_PRELOAD): of the calls that open, write, flush, name, lock or close files,
 * number FAIL_CALL fails with what a full disk, a lost server or a spent table gives, or with FAIL_KILL set
 * the process is killed there. FAIL_COUNT names a file that gets how many there were. Children of the process
 * are left alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static long count, chosen;
static bool kills, ready;
static pid_t own;

__attribute__((constructor)) static void begin(void) {
  const char *n = getenv("FAIL_CALL");
  chosen = n ? atol(n) : 0;
  kills = getenv("FAIL_KILL") != NULL;
  own = getpid();
  unsetenv("LD_PRELOAD");
  ready = true;
}

__attribute__((destructor)) static void end(void) {
  const char *path = getenv("FAIL_COUNT");
  char text[32];
  if (!path || getpid() != own) return;
  int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  int n = snprintf(text, sizeof text, "%ld\n", count);
  syscall(SYS_write, fd, text, (size_t)n);
}

static bool fails(int error) {
  if (!ready || getpid() != own || ++count != chosen) return false;
  if (kills) syscall(SYS_kill, own, SIGKILL);
  errno = error;
  return true;
}

/* The C library's function of a name. */
#define REAL(name)                                                                                           \
  __extension__({                                                                                            \
    static __typeof__(&name) real;                                                                           \
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name);                                                    \
    real;                                                                                                    \
  })

static mode_t mode_of(int flags, va_list ap) {
  return flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
}

int open(const char *path, int flags, ...) {
  va_list ap;
  va_start(ap, flags);
  mode_t mode = mode_of(flags, ap);
  va_end(ap);
  return fails(flags & O_CREAT ? ENOSPC : EMFILE) ? -1 : REAL(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  va_list ap;
  va_start(ap, flags);
  mode_t mode = mode_of(flags, ap);
  va_end(ap);
  return fails(flags & O_CREAT ? ENOSPC : EMFILE) ? -1 : REAL(open64)(path, flags, mode);
}

FILE *fopen(const char *path, const char *mode) {
  return fails(EMFILE) ? NULL : REAL(fopen)(path, mode);
}

FILE *fopen64(const char *path, const char *mode) {
  return fails(EMFILE) ? NULL : REAL(fopen64)(path, mode);
}

/* What is said on standard error is how failures are known. */
ssize_t write(int fd, const void *data, size_t n) {
  return fd != STDERR_FILENO && fails(ENOSPC) ? -1 : REAL(write)(fd, data, n);
}

int fsync(int fd) {
  return fails(EIO) ? -1 : REAL(fsync)(fd);
}

int rename(const char *from, const char *to) {
  return fails(EIO) ? -1 : REAL(rename)(from, to);
}

int link(const char *from, const char *to) {
  return fails(EPERM) ? -1 : REAL(link)(from, to);
}

int mkdir(const char *path, mode_t mode) {
  return fails(ENOSPC) ? -1 : REAL(mkdir)(path, mode);
}

int ftruncate(int fd, off_t size) {
  return fails(EIO) ? -1 : REAL(ftruncate)(fd, size);
}

int truncate(const char *path, off_t size) {
  return fails(EIO) ? -1 : REAL(truncate)(path, size);
}

int flock(int fd, int how) {
  return fails(ENOLCK) ? -1 : REAL(flock)(fd, how);
}

int fchmod(int fd, mode_t mode) {
  return fails(EIO) ? -1 : REAL(fchmod)(fd, mode);
}

/* A descriptor is gone even where its last writes were not taken. */
int close(int fd) {
  bool failing = fails(EIO);
  int result = REAL(close)(fd);
  if (failing) errno = EIO;
  return failing ? -1 : result;
}

/* A stream of memory writes no file. */
int fclose(FILE *f) {
  bool failing = fileno(f) >= 0 && fails(ENOSPC);
  int result = REAL(fclose)(f);
  if (failing) errno = ENOSPC;
  return failing ? EOF : result;
}
