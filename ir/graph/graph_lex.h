/* A cursor over a graph's text, a line at a time: the first thing wrong in a line is reported, the rest of
 * the line skipped. Every reader skips blanks first and changes nothing when what it looks for is absent. */
#ifndef IR_GRAPH_LEX_H
#define IR_GRAPH_LEX_H

#include "ir/graph/graph.h"

typedef struct GraphLex {
  Arena *arena;
  const Source *src;
  const char *p, *line_start, *end;
  int line;
  bool failed; /* something in this line was reported */
} GraphLex;

GraphLex graph_lex(Arena *a, const Source *src);
Loc graph_lex_loc(const GraphLex *l);
/* Reports "expected WHAT" with what is found here, once a line; returns false. */
bool graph_lex_wrong(GraphLex *l, const char *expected);
/* Nothing but blanks and a comment before the end of the line. */
bool graph_lex_at_end(GraphLex *l);
/* On to the next line; what is left of this one is an error. False at the end of the text. */
bool graph_lex_next_line(GraphLex *l);

bool graph_lex_char(GraphLex *l, char c);
/* Exactly this word of letters, digits and underscores. */
bool graph_lex_is(GraphLex *l, const char *word);
/* Any run of characters that are not blanks; its length, 0 at the end of the line. */
int graph_lex_token(GraphLex *l, const char **start);
bool graph_lex_int(GraphLex *l, int64_t *v);
/* A number after a letter: "s12", "%7". */
bool graph_lex_ref(GraphLex *l, char sigil, int *v);

/* These report when what they read is absent. */
bool graph_lex_expect(GraphLex *l, char c);
bool graph_lex_need_int(GraphLex *l, int64_t *v);
bool graph_lex_need_real(GraphLex *l, double *v);
bool graph_lex_need_string(GraphLex *l, const char **s);
bool graph_lex_need_hex(GraphLex *l, uint64_t *v);
/* ": f32[2, 3]" */
bool graph_lex_need_type(GraphLex *l, DType *t, Shape *s);

#endif
