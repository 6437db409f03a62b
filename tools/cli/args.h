/* The command line of a verb. */
#ifndef TOOLS_ARGS_H
#define TOOLS_ARGS_H

#include <stdbool.h>
#include <stdint.h>

enum { ARGS_MOST_KNOWN = 32 };

/* Read from left to right. */
typedef struct Args {
  int argc, at;
  char **argv;
  const char *verb;
  bool wrong;      /* something has been reported */
  bool only_words; /* "--" was taken: no options follow */
  int nknown;
  const char *known[ARGS_MOST_KNOWN]; /* the options that were looked for: what a misspelt one may mean */
} Args;

Args args_start(const char *verb, int argc, char **argv);
/* Whether arguments are left and none was wrong. */
bool args_more(const Args *a);
/* If the next argument is this flag, takes it. */
bool args_flag(Args *a, const char *name);
/* If the next argument is this option, takes it and its value, "--name VALUE" or "--name=VALUE". An option
 * is no VALUE of the first form. */
bool args_option(Args *a, const char *name, const char **value);
/* The next argument, which is no option; reports an unknown option. */
const char *args_word(Args *a);
/* Likewise, as the only one that a verb takes. */
void args_only(Args *a, const char **word);
/* The next argument, which is the value of `option`. */
const char *args_value(Args *a, const char *option);
/* Reports a wrong command line, with the way to the verb's help. */
void args_fail(Args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A whole number of at least `least` that an int holds, or reports. */
long args_number(Args *a, const char *option, const char *text, long least);
/* Bytes: "24GiB", "800MB", "123456"; parts of a byte are dropped. Or reports. */
int64_t args_bytes(Args *a, const char *option, const char *text);

#endif
