/* Tokens of the kernel IR's text, the state of its parser, and what the parser's files share. Functions that
 * fail have reported it and return NULL or a neutral value; after an error nothing more is reported until the
 * parser has found the next line. */
#ifndef IR_KERN_PARSE_H
#define IR_KERN_PARSE_H

#include "ir/kernel/kern_impl.h"

typedef enum KTokKind { KT_END, KT_NAME, KT_INT, KT_FLOAT, KT_STRING, KT_SIGN, KT_BAD } KTokKind;

typedef struct KTok {
  KTokKind kind;
  const char *at; /* in the source, `len` characters; a string's quotes included */
  int len;
  Loc loc;
  bool first; /* first on its line */
} KTok;

/* A position in a source; copy it to look ahead. */
typedef struct KLex {
  const Source *src;
  size_t pos, line_start;
  int line;
} KLex;

KLex klex_open(const Source *src);
/* The next token; KT_END for ever at the end. '#' starts a comment that ends with the line. */
KTok klex_next(KLex *l);
bool ktok_is(const KTok *t, const char *text);
/* "'x'" or "the end of the text", cut to a readable length: for messages. */
char *ktok_show(Arena *a, const KTok *t);

typedef struct KParser {
  Arena *arena;
  const Source *src;
  const KPlanRules *const *rules; /* of the targets that there are */
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

/* ir/kernel/kern_parse_expr.c */
const Ix *kparse_ix(KParser *p);
/* "[ix, ix]": exactly n of them, for what is called `name`. */
const Ix *const *kparse_indices(KParser *p, int n, const char *name);

const KExpr *kparse_expr(KParser *p);
DType kparse_dtype(KParser *p);
/* ["-"] NUMBER, "inf", "nan", "true" or "false". */
double kparse_literal(KParser *p);

#endif
