/* The state of a kernel parser and what its files share. Functions that fail have reported it and return NULL
 * or a neutral value; after an error nothing more is reported until the parser has found the next line. */
#ifndef IR_KERN_PARSER_H
#define IR_KERN_PARSER_H

#include "ir/kernel/kern.h"
#include "ir/kernel/kern_lex.h"

typedef struct KParser {
  Arena *arena;
  const Source *src;
  KLex lex;
  KTok tok; /* the token to be read next */
  Kernel *k;
  int64_t *below; /* for each buffer the bound of its indexed reads, or 0 */
  int cap_below;
  bool panic;
  int errors, depth, parts, ix_parts;
} KParser;

void kparse_error(KParser *p, Loc loc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void kparse_expected(KParser *p, const char *what);
void kparse_next(KParser *p);
/* Reads the token if it is `text`. */
bool kparse_accept(KParser *p, const char *text);
bool kparse_expect(KParser *p, const char *text);
/* A name, arena-owned; `what` says what for. */
const char *kparse_name(KParser *p, const char *what);
/* An integer in lo .. hi; a minus sign may come first where lo is negative. */
int64_t kparse_int(KParser *p, int64_t lo, int64_t hi, const char *what);
/* Counts one more operation or level; false (reported) when there are too many. */
bool kparse_part(KParser *p);
bool kparse_enter(KParser *p);
void kparse_leave(KParser *p);
/* The axis named by the next token, or -1. */
int kparse_axis(KParser *p);
/* Says that no `what` has that name, and which has a similar one. */
void kparse_unknown(KParser *p, Loc loc, const char *what, const char *name, const char *const *names, int n);
/* All names of buffers and values. */
const char *const *kparse_tensors(KParser *p, int *n);

/* ir/kernel/kern_parse_ix.c */
const Ix *kparse_ix(KParser *p);
/* "[ix, ix]": exactly n of them, for what is called `name`. */
const Ix *const *kparse_indices(KParser *p, int n, const char *name);

/* ir/kernel/kern_parse_expr.c */
const KExpr *kparse_expr(KParser *p);
DType kparse_dtype(KParser *p);

/* ir/kernel/kern_parse_plan.c: what follows the word "plan"; `list` holds the kernels so far. */
void kparse_plan(KParser *p, const KernList *list);

#endif
