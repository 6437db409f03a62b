/* Tokens of the kernel IR's text. */
#ifndef IR_KERN_LEX_H
#define IR_KERN_LEX_H

#include "base/diag.h"

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

#endif
