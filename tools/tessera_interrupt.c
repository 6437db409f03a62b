/* Signals that end a build leave nothing of it behind. */
#include "tools/tessera_interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
enum { ENDING = sizeof ending / sizeof *ending };

/* Read by the handler. */
static const char *volatile unfinished;

static void remove_and_end(int received) {
  const char *path = unfinished;
  if (path) unlink(path);
  signal(received, SIG_DFL);
  raise(received);
}

void interrupt_removes(const char *path) {
  struct sigaction to = {.sa_handler = remove_and_end}, old;
  unfinished = path;
  for (int i = 0; path && i < ENDING; i++) {
    sigaction(ending[i], NULL, &old);
    if (old.sa_handler == SIG_DFL) sigaction(ending[i], &to, NULL);
  }
}

void interrupt_wait(bool wait) {
  sigset_t set;
  sigemptyset(&set);
  for (int i = 0; i < ENDING; i++) sigaddset(&set, ending[i]);
  sigprocmask(wait ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}
