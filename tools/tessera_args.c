/* Reading a command line. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/tessera.h"

Args args_start(const char *verb, int argc, char **argv) {
  return (Args){.argc = argc, .argv = argv, .verb = verb};
}

bool args_more(const Args *a) {
  return a->at < a->argc && !a->wrong;
}

void args_fail(Args *a, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  fprintf(stderr, "tessera %s: ", a->verb);
  vfprintf(stderr, fmt, ap);
  fprintf(stderr, "\n\"tessera %s --help\" shows examples.\n", a->verb);
  va_end(ap);
  a->wrong = true;
}

bool args_flag(Args *a, const char *name) {
  if (!args_more(a) || strcmp(a->argv[a->at], name) != 0) return false;
  a->at++;
  return true;
}

bool args_option(Args *a, const char *name, const char **value) {
  if (!args_more(a)) return false;
  const char *arg = a->argv[a->at];
  size_t n = strlen(name);
  bool letter = name[1] != '-'; /* "-DNAME" as well as "-D NAME" */
  if (strncmp(arg, name, n) != 0 || (!letter && arg[n] && arg[n] != '=')) return false;
  a->at++;
  if (arg[n])
    *value = arg + n + !letter;
  else if (a->at < a->argc)
    *value = a->argv[a->at++];
  else
    *value = "";
  if (!**value) args_fail(a, "%s wants a value", name);
  return true;
}

const char *args_word(Args *a) {
  const char *arg = a->argv[a->at++];
  if (arg[0] == '-' && arg[1]) args_fail(a, "unknown option %s", arg);
  if (!arg[0]) args_fail(a, "found an empty argument");
  return arg;
}

void args_only(Args *a, const char **word) {
  const char *next = args_word(a);
  if (!a->wrong && *word) args_fail(a, "one at a time; found \"%s\" after \"%s\"", next, *word);
  *word = next;
}

long args_number(Args *a, const char *option, const char *text, long least) {
  char *end;
  errno = 0;
  long n = strtol(text, &end, 10);
  if (errno || *end || end == text || n < least || n > INT_MAX)
    args_fail(a, "%s wants a whole number of at least %ld, found \"%s\"", option, least, text);
  return n;
}
