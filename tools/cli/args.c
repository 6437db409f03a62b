/* Reading a command line. */
#include "tools/cli/args.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/nearest.h"

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

static void know(Args *a, const char *name) {
  for (int i = 0; i < a->nknown; i++)
    if (strcmp(a->known[i], name) == 0) return;
  if (a->nknown < ARGS_MOST_KNOWN) a->known[a->nknown++] = name;
}

bool args_flag(Args *a, const char *name) {
  know(a, name);
  if (!args_more(a) || a->only_words || strcmp(a->argv[a->at], name) != 0) return false;
  a->at++;
  return true;
}

/* Not "-" and not "-5". */
static bool is_option(const char *arg) {
  return arg[0] == '-' && (arg[1] == '-' || isalpha((unsigned char)arg[1]));
}

const char *args_value(Args *a, const char *option) {
  if (a->at == a->argc)
    args_fail(a, "%s wants a value", option);
  else if (is_option(a->argv[a->at]))
    args_fail(a, "%s wants a value, found the option %s", option, a->argv[a->at]);
  return a->wrong ? "" : a->argv[a->at++];
}

bool args_option(Args *a, const char *name, const char **value) {
  know(a, name);
  if (!args_more(a) || a->only_words) return false;
  const char *arg = a->argv[a->at];
  size_t n = strlen(name);
  bool letter = name[1] != '-'; /* "-DNAME" as well as "-D NAME" */
  if (strncmp(arg, name, n) != 0 || (!letter && arg[n] && arg[n] != '=')) return false;
  a->at++;
  *value = arg[n] ? arg + n + !letter : args_value(a, name);
  if (!**value && !a->wrong) args_fail(a, "%s wants a value", name);
  return true;
}

static void fail_unknown(Args *a, const char *arg) {
  char name[64];
  snprintf(name, sizeof name, "%.*s", (int)strcspn(arg, "="), arg);
  const char *near = nearest_name(name, a->known, a->nknown);
  args_fail(a, "unknown option %s%s%s%s", arg, near ? "; did you mean " : "", near ? near : "",
            near ? "?" : "");
}

const char *args_word(Args *a) {
  if (!a->only_words && strcmp(a->argv[a->at], "--") == 0) {
    a->only_words = true;
    if (++a->at == a->argc) return args_fail(a, "-- wants a name behind it"), "";
  }
  const char *arg = a->argv[a->at++];
  if (!a->only_words && arg[0] == '-' && arg[1]) fail_unknown(a, arg);
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

static const struct {
  const char *name;
  double bytes;
} units[] = {{"", 1},         {"B", 1},    {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30},
             {"TiB", 0x1p40}, {"kB", 1e3}, {"MB", 1e6},     {"GB", 1e9},     {"TB", 1e12}};

int64_t args_bytes(Args *a, const char *option, const char *text) {
  char *end;
  double n = strtod(text, &end);
  bool digits = *text >= '0' && *text <= '9';
  for (size_t i = 0; digits && i < sizeof units / sizeof *units; i++)
    if (strcmp(end, units[i].name) == 0 && n * units[i].bytes >= 1 && n * units[i].bytes < 0x1p60)
      return (int64_t)floor(n * units[i].bytes);
  args_fail(a, "%s wants an amount of memory as in 24GiB, 800MB or 123456, found \"%s\"", option, text);
  return 0;
}
