/* Running programs and making their files, for the runtime's tests. */
#ifndef TESTS_RT_RUN_H
#define TESTS_RT_RUN_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A folder of this test's own, removed by run_clean. */
static char run_dir[256];

/* What the last command printed. */
static char run_out[1 << 16], run_err[1 << 16];

static inline void run_fresh(void) {
  snprintf(run_dir, sizeof run_dir, "%s/rt_test.XXXXXX", BUILD_DIR);
  if (!mkdtemp(run_dir)) abort();
}

static inline int run_shell(const char *command) {
  int status = system(command); /* NOLINT: the test's own strings */
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static inline void run_clean(void) {
  char command[300];
  snprintf(command, sizeof command, "rm -rf '%s'", run_dir);
  run_shell(command);
}

static inline size_t run_read(const char *name, char *to, size_t most) {
  char path[600];
  snprintf(path, sizeof path, "%s/%s", run_dir, name);
  FILE *f = fopen(path, "rb");
  size_t n = f ? fread(to, 1, most - 1, f) : 0;
  if (f) fclose(f);
  to[n] = '\0';
  return n;
}

/* The floats after a safetensors file's header, for the caller to free. */
static inline float *run_floats(const char *name, size_t *n) {
  enum { MOST = 1 << 22 };
  char *bytes = malloc(MOST);
  uint64_t header = 0;
  size_t size = bytes ? run_read(name, bytes, MOST) : 0;
  if (size > sizeof header) memcpy(&header, bytes, sizeof header);
  if (size <= sizeof header + header || size == MOST - 1) abort();
  *n = (size - sizeof header - header) / sizeof(float);
  memmove(bytes, bytes + sizeof header + header, *n * sizeof(float));
  return (float *)(void *)bytes;
}

static inline void run_write(const char *name, const void *data, size_t n) {
  char path[600];
  snprintf(path, sizeof path, "%s/%s", run_dir, name);
  FILE *f = fopen(path, "wb");
  if (!f || fwrite(data, 1, n, f) != n || fclose(f) != 0) abort();
}

static inline bool run_exists(const char *name) {
  char path[600];
  snprintf(path, sizeof path, "%s/%s", run_dir, name);
  return access(path, F_OK) == 0;
}

/* Runs a command in the folder; its status, 128 + signal when it was killed. */
__attribute__((format(printf, 1, 2))) static inline int run(const char *fmt, ...) {
  char command[2048], whole[4096];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(command, sizeof command, fmt, ap);
  va_end(ap);
  snprintf(whole, sizeof whole, "cd '%s' && { %s ; } >out 2>err", run_dir, command);
  int status = run_shell(whole);
  run_read("out", run_out, sizeof run_out);
  run_read("err", run_err, sizeof run_err);
  return status;
}

/* Whether two files of the folder have the same bytes. */
static inline bool run_same(const char *a, const char *b) {
  static char x[1 << 20], y[1 << 20];
  size_t n = run_read(a, x, sizeof x), m = run_read(b, y, sizeof y);
  return n > 0 && n == m && memcmp(x, y, n) == 0;
}

/* An IDX file of unsigned bytes. */
static inline void run_write_idx(const char *name, int rank, const uint32_t *dim, const uint8_t *data) {
  static uint8_t bytes[1 << 20];
  size_t n = 4, count = 1;
  bytes[0] = bytes[1] = 0;
  bytes[2] = 8;
  bytes[3] = (uint8_t)rank;
  for (int i = 0; i < rank; i++) {
    for (int k = 3; k >= 0; k--) bytes[n++] = (uint8_t)(dim[i] >> (8 * k));
    count *= dim[i];
  }
  if (n + count > sizeof bytes) abort();
  memcpy(bytes + n, data, count);
  run_write(name, bytes, n + count);
}

#endif
