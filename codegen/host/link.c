/* Runs the system's compiler as the linker. */
#define _GNU_SOURCE /* pipe2 */
#include "codegen/host/link.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/files/infile.h"
#include "base/files/outfile.h"

#ifndef TESSERA_CC
#define TESSERA_CC "cc"
#endif

enum { MOST_SAID = 4000 };

extern char **environ;

static void fail(const char *out, const char *what, const char *why) {
  Source file = {.path = out};
  diag_error((Loc){.src = &file}, "%s: %s", what, why);
}

/* Starts the command with its output and errors going to `said`; 0 or an error number. */
static int start(const char *const *argv, int said, pid_t *pid) {
  posix_spawn_file_actions_t actions;
  int error = posix_spawn_file_actions_init(&actions);
  if (error) return error;
  error = posix_spawn_file_actions_adddup2(&actions, said, STDOUT_FILENO);
  if (!error) error = posix_spawn_file_actions_adddup2(&actions, said, STDERR_FILENO);
  if (!error) error = posix_spawnp(pid, argv[0], &actions, NULL, (char *const *)argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

/* Reads to the end, and keeps what the text has room for. */
static void listen(int from, char *text, size_t size) {
  char more[1024];
  size_t n = 0;
  for (ssize_t got; (got = read(from, more, sizeof more)) > 0 || (got < 0 && errno == EINTR);) {
    size_t take = got < 0 ? 0 : (size_t)got < size - 1 - n ? (size_t)got : size - 1 - n;
    memcpy(text + n, more, take);
    n += take;
  }
  text[n] = '\0';
}

/* Without a PATH the C compiler is found, but does not find its own parts. */
static void need_path(void) {
  char usual[256];
  size_t n = confstr(_CS_PATH, usual, sizeof usual);
  if (n && n <= sizeof usual) setenv("PATH", usual, 0);
}

/* Runs the command to its end; what it printed is part of the error when it fails. */
static bool run(const char *const *argv, const char *out) {
  char text[MOST_SAID] = "";
  pid_t pid;
  int status = 0, said[2];
  int error = pipe2(said, O_CLOEXEC) ? errno : 0;
  if (error) {
    fail(out, "cannot listen to the C compiler", strerror(error));
    return false;
  }
  need_path();
  error = start(argv, said[1], &pid);
  close(said[1]);
  if (!error) listen(said[0], text, sizeof text);
  close(said[0]);
  while (!error && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  bool ok = !error && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (error)
    fail(out, "cannot run the C compiler " TESSERA_CC " to link", strerror(error));
  else if (!ok)
    fail(out, "linking failed", text);
  return ok;
}

/* The linked program becomes `out`, as every output does. */
static bool put(const char *linked, const char *out) {
  OutFile o = {.fd = -1};
  const char *why = NULL;
  int from = infile_open_once(linked, &why);
  bool opened = from >= 0 && outfile_open(&o, out, 0777, NULL), copied = opened && outfile_copy(&o, from);
  bool ok = copied && outfile_commit(&o);
  if (opened && !copied) outfile_drop(&o);
  if (from >= 0) close(from);
  if (!ok) fail(out, "cannot write the program", why ? why : o.why);
  return ok;
}

bool link_program(const char *object, const char *device_archive, const char *runtime_archive,
                  const char *out) {
  Arena *a = arena_new();
  const char *linked = arena_printf(a, "%s.linked", object);
  const char *const argv[] = {TESSERA_CC,
                              "-no-pie",
                              "-o",
                              linked,
                              object,
                              device_archive ? device_archive : runtime_archive,
                              runtime_archive,
                              "-Wl,--build-id=none,--as-needed,--gc-sections,-z,noexecstack,-z,relro",
                              "-l:libz.a",
                              "-lm",
                              "-pthread",
#ifdef TESSERA_CC_FLAG
                              TESSERA_CC_FLAG,
#endif
                              NULL};
  bool ok = run(argv, out) && put(linked, out);
  unlink(linked);
  arena_free(a);
  return ok;
}
