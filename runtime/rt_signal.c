#include "runtime/rt_signal.h"

#include <signal.h>
#include <stddef.h>
#include <time.h>

static volatile sig_atomic_t asked_to_end, asked_at, asked_to_save;

enum { SAME_REQUEST = 1000 }; /* milliseconds */

static unsigned milliseconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (unsigned)t.tv_sec * 1000u + (unsigned)(t.tv_nsec / 1000000);
}

static void on_end(int sig) {
  unsigned now = milliseconds();
  if (!asked_to_end) {
    asked_to_end = sig;
    asked_at = (sig_atomic_t)now;
  } else if (now - (unsigned)asked_at > SAME_REQUEST) {
    signal(sig, SIG_DFL);
    raise(sig);
  }
}

static void on_save(int sig) {
  (void)sig;
  asked_to_save = 1;
}

static void catch_signal(int sig, void (*handler)(int)) {
  struct sigaction old, to = {.sa_handler = handler, .sa_flags = SA_RESTART};
  if (sigaction(sig, NULL, &old) == 0 && old.sa_handler != SIG_IGN) sigaction(sig, &to, NULL);
}

void rt_signals_begin(bool saves) {
  catch_signal(SIGUSR1, on_save);
  if (saves) signal(SIGPIPE, SIG_IGN);
}

void rt_signals_catch_ends(void) {
  catch_signal(SIGINT, on_end);
  catch_signal(SIGTERM, on_end);
  catch_signal(SIGHUP, on_end);
}

int rt_signal_to_end(void) {
  return asked_to_end;
}

bool rt_signal_to_save(void) {
  bool asked = asked_to_save;
  asked_to_save = 0;
  return asked;
}
