/* Tokens of a description. Newlines are white space, but every token knows whether it opens its line, since
 * a call's parenthesis or an index's bracket must stand on the line of what it applies to. */
#ifndef FRONTEND_LEX_H
#define FRONTEND_LEX_H

#include "base/diag.h"

typedef enum TokKind { TOK_END, TOK_NAME, TOK_NUMBER, TOK_STRING, TOK_SIGN } TokKind;

typedef struct Token {
  TokKind kind;
  const char *text; /* NUL-terminated; of a string without its quotes */
  double number;
  bool line_start;
  Loc loc;
} Token;

/* All tokens of the source, the last of kind TOK_END; arena-owned. Characters that begin none are reported
 * and left out. */
Token *lex(Arena *a, const Source *src);

#endif
