/* Signals that end the compiler leave nothing of its work behind. A temporary folder is worked in by a child
 * process in a group of its own, while this process does nothing but wait, end the group, and remove. */
#define _GNU_SOURCE /* nftw */
#include "tools/cli/cleanup.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/diag.h"

static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
enum { ENDING = sizeof ending / sizeof *ending, MOST_OPEN = 16 };

static sigset_t ending_set(void) {
  sigset_t set;
  sigemptyset(&set);
  for (int i = 0; i < ENDING; i++) sigaddset(&set, ending[i]);
  return set;
}

/* Read by the handler: files that are being written, and folders, which stand before what is in them. */
enum { MOST_UNFINISHED = 8 };
static const char *volatile unfinished[MOST_UNFINISHED];

static void remove_unfinished(void) {
  for (int i = MOST_UNFINISHED - 1; i >= 0; i--) {
    const char *path = unfinished[i];
    if (path && unlink(path) != 0) rmdir(path);
  }
}

static void remove_and_end(int signal_received) {
  remove_unfinished();
  signal(signal_received, SIG_DFL);
  raise(signal_received);
}

static void watch(void) {
  struct sigaction to = {.sa_handler = remove_and_end}, old;
  diag_before_end(remove_unfinished);
  for (int i = 0; i < ENDING; i++) {
    sigaction(ending[i], NULL, &old);
    if (old.sa_handler == SIG_DFL) sigaction(ending[i], &to, NULL);
  }
}

void cleanup_unfinished(const char *path) {
  watch();
  for (int i = 0; i < MOST_UNFINISHED; i++)
    if (!unfinished[i]) {
      unfinished[i] = path;
      return;
    }
  ice("more than %d files are written at once", MOST_UNFINISHED);
}

void cleanup_finished(const char *path) {
  for (int i = 0; i < MOST_UNFINISHED; i++)
    if (unfinished[i] == path) unfinished[i] = NULL;
}

void cleanup_hold(bool hold) {
  sigset_t set = ending_set();
  sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

/* Read by the handler of a process that waits for its child. */
static volatile sig_atomic_t group, received;

static void pass_on(int signal) {
  received = signal;
  if (group) kill(-group, SIGKILL);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at) {
  (void)st, (void)kind, (void)at;
  return remove(path);
}

/* Signals wait while the child is started, so that none falls between its start and its entry into `group`.
 */
static pid_t start(int (*work)(const char *, void *), const char *folder, void *ctx) {
  sigset_t set = ending_set(), before;
  fflush(NULL);
  sigprocmask(SIG_BLOCK, &set, &before);
  pid_t pid = fork();
  if (pid > 0) setpgid(pid, pid), group = pid;
  if (pid == 0) {
    setpgid(0, 0);
    sigprocmask(SIG_SETMASK, &before, NULL);
    exit(work(folder, ctx));
  }
  for (int i = 0; pid > 0 && i < ENDING; i++) {
    struct sigaction to = {.sa_handler = pass_on}, old;
    sigaction(ending[i], NULL, &old);
    if (old.sa_handler != SIG_IGN) sigaction(ending[i], &to, NULL);
  }
  sigprocmask(SIG_SETMASK, &before, NULL);
  return pid;
}

/* The child's status; then what it started is ended, and waited for: as a subreaper this process inherits it.
 */
static int finish(pid_t pid) {
  int status = 0, rest;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  kill(-pid, SIGKILL);
  while (waitpid(-1, &rest, 0) > 0 || errno == EINTR) errno = 0;
  return status;
}

static int result(int status) {
  if (received) {
    signal(received, SIG_DFL);
    raise(received);
  }
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  if (WTERMSIG(status) == SIGPIPE) { /* "| head" has read enough: no error to speak of */
    signal(SIGPIPE, SIG_DFL);
    raise(SIGPIPE);
  }
  diag_error((Loc){0}, "ended by signal %d, %s", WTERMSIG(status), strsignal(WTERMSIG(status)));
  return 1;
}

int cleanup_folder(int (*work)(const char *folder, void *ctx), void *ctx) {
  const char *base = getenv("TMPDIR");
  char folder[4096];
  snprintf(folder, sizeof folder, "%s/tessera.XXXXXX", base && *base ? base : "/tmp");
  Source place = {.path = folder};
  if (!mkdtemp(folder))
    return diag_error((Loc){.src = &place}, "cannot make the folder: %s", strerror(errno)), 1;
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  pid_t pid = start(work, folder, ctx);
  int why = errno, status = pid > 0 ? finish(pid) : 0;
  nftw(folder, remove_one, MOST_OPEN, FTW_DEPTH | FTW_PHYS);
  if (pid < 0) return diag_error((Loc){0}, "cannot start a process: %s", strerror(why)), 1;
  return result(status);
}
