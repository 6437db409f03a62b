/* Recursive descent over the tokens of one file. After an error the parser is `bad`: everything gives up
 * silently until the nearest list of statements or declarations skips to the next one. */
#ifndef FRONTEND_PARSE_H
#define FRONTEND_PARSE_H

#include "frontend/syntax/ast.h"
#include "frontend/syntax/lex.h"

/* Parses a file; errors are reported, what could be read is returned. Imports are not loaded. */
File *parse_file(Arena *a, const Source *src);

/* The rest is shared by the parser's own files. */
typedef struct Parser {
  Arena *arena;
  const Token *tok;
  bool bad;
  int depth; /* of nesting: bounded, so that no input overflows the stack */
} Parser;

bool parse_at(const Parser *p, const char *text); /* is the token this sign or word? */
bool parse_accept(Parser *p, const char *text);   /* steps over it if it is */
bool parse_expect(Parser *p, const char *text, const char *where);
const char *parse_name(Parser *p, const char *what);
DType parse_type(Parser *p);
void parse_fail(Parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool parse_enter(Parser *p); /* one level deeper; false, with an error, when too deep */
void parse_leave(Parser *p);
bool parse_is_keyword(const char *text);
/* Clears `bad` at the next word among `starts` (NULL-ended) that opens a line, or at the closing brace. */
void parse_recover(Parser *p, const char *const *starts);

Expr *parse_expr(Parser *p);
Expr *parse_expr_list(Parser *p); /* one, or several with commas between: a list */
ExprList parse_dims(Parser *p, bool rest_allowed);
CallArgs parse_call_args(Parser *p); /* after "(", through ")" */
void parse_name_list(Parser *p, Names *out);

Block parse_block(Parser *p);
Stmt *parse_let(Parser *p);
Block parse_members(Parser *p, ModuleDecl *m);
Block parse_train_items(Parser *p);
Signature parse_signature(Parser *p);
void parse_fn_rest(Parser *p, FnDecl *f); /* after the name */

#endif
