/* The difference of two dumps whose nodes are numbered differently. */
#include "passes/dump_diff.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text_diff.h"

enum { CONTEXT = 3 };

/* "%12", and nothing inside quotes: a node's number. */
static bool is_number(const char *p, bool quoted) {
  return !quoted && p[0] == '%' && isdigit((unsigned char)p[1]);
}

/* Numbers of nodes by their numbers after; `most` is the largest. */
typedef struct Names {
  int most;
  int *to;
} Names;

enum { LONGEST = 6 }; /* how many times longer a number may become: "%1" to "%2147483647" */

/* The line with each node's number changed (names NULL: left out). */
static char *renumber(Arena *a, const char *line, const Names *names) {
  char *out = arena_alloc(a, LONGEST * strlen(line) + 1), *o = out;
  bool quoted = false;
  for (const char *p = line; *p;) {
    if (*p == '"' && (p == line || p[-1] != '\\')) quoted = !quoted;
    bool number = is_number(p, quoted);
    *o++ = *p++;
    if (!number) continue;
    char *end;
    long id = strtol(p, &end, 10);
    p = end;
    if (names && id <= names->most) o += sprintf(o, "%d", names->to[id]);
  }
  return out;
}

static DiffLines renumber_all(Arena *a, const DiffLines *d, const Names *names) {
  DiffLines out = {.n = d->n, .line = ARENA_ARRAY(a, d->n + 1, char *)};
  for (int i = 0; i < d->n; i++) out.line[i] = renumber(a, d->line[i], names);
  return out;
}

/* The node that a line is about, the one it starts with, or -1. */
static int node_of(const char *line) {
  while (*line == ' ') line++;
  return is_number(line, false) ? atoi(line + 1) : -1;
}

static int most_number(const DiffLines *d) {
  int most = -1;
  for (int i = 0; i < d->n; i++)
    if (node_of(d->line[i]) > most) most = node_of(d->line[i]);
  return most;
}

/* The next number in a line, from *p, which it moves behind it; -1 at the end. */
static int next_number(const char **p) {
  bool quoted = false;
  for (; **p; ++*p) {
    if (**p == '"') quoted = !quoted;
    if (is_number(*p, quoted)) return atoi(++*p);
  }
  return -1;
}

/* What names are given from: numbers before that are taken, by number. */
typedef struct Naming {
  Names names;
  int most_before;
  bool *taken;
} Naming;

static void give(Naming *n, int after, int before) {
  if (after < 0 || after > n->names.most || before < 0 || before > n->most_before) return;
  if (n->names.to[after] >= 0 || n->taken[before]) return;
  n->names.to[after] = before;
  n->taken[before] = true;
}

/* A line with its numbers left out, and where it is. */
typedef struct Masked {
  const char *text;
  int line;
} Masked;

static int by_text(const void *x, const void *y) {
  const Masked *a = x, *b = y;
  int order = strcmp(a->text, b->text);
  return order ? order : a->line - b->line;
}

/* The lines that have no partner, by their texts. */
static Masked *leftover(Arena *a, const DiffLines *masked, const bool *paired, int *n) {
  Masked *out = ARENA_ARRAY(a, masked->n + 1, Masked);
  *n = 0;
  for (int i = 0; i < masked->n; i++)
    if (!paired[i]) out[(*n)++] = (Masked){masked->line[i], i};
  qsort(out, (size_t)*n, sizeof *out, by_text);
  return out;
}

/* pair[i]: the line after that says what line i before does, numbers apart, or -1: those of a longest common
 * subsequence, then lines that moved, in order. */
static int *match_lines(Arena *a, const DiffLines *before, const DiffLines *after) {
  int *pair = ARENA_ARRAY(a, before->n + 1, int), n, m;
  bool *from = ARENA_ARRAY(a, before->n + 1, bool), *to = ARENA_ARRAY(a, after->n + 1, bool);
  DiffLines was = renumber_all(a, before, NULL), is = renumber_all(a, after, NULL);
  diff_match(&was, &is, pair);
  for (int i = 0; i < before->n; i++)
    if (pair[i] >= 0) from[i] = to[pair[i]] = true;
  Masked *x = leftover(a, &was, from, &n), *y = leftover(a, &is, to, &m);
  for (int i = 0, j = 0; i < n && j < m;) {
    int order = strcmp(x[i].text, y[j].text);
    if (order == 0) pair[x[i].line] = y[j].line;
    i += order <= 0, j += order >= 0;
  }
  return pair;
}

/* Nodes of matched lines first; then each new node that a matched line reads where it read one that is gone
 * stands for that one. */
static void give_matched(Naming *n, const DiffLines *before, const DiffLines *after, const int *pair) {
  for (int i = 0; i < before->n; i++)
    if (pair[i] >= 0) give(n, node_of(after->line[pair[i]]), node_of(before->line[i]));
  for (int i = 0; i < before->n; i++) {
    const char *was = before->line[i], *is = pair[i] < 0 ? "" : after->line[pair[i]];
    for (int old, new; (old = next_number(&was)) >= 0 && (new = next_number(&is)) >= 0;) give(n, new, old);
  }
}

static Names make_names(Arena *a, const DiffLines *before, const DiffLines *after) {
  int most = most_number(after), next = most_number(before) + 1;
  Naming n = {{most, ARENA_ARRAY(a, most + 1, int)}, next - 1, ARENA_ARRAY(a, next + 1, bool)};
  for (int i = 0; i <= most; i++) n.names.to[i] = -1;
  give_matched(&n, before, after, match_lines(a, before, after));
  for (int i = 0; i <= most; i++)
    if (n.names.to[i] < 0) n.names.to[i] = next++;
  return n.names;
}

/* A node's line and where it goes. */
typedef struct Placed {
  int at, line;
  char *text;
} Placed;

static int by_place(const void *x, const void *y) {
  const Placed *a = x, *b = y;
  return a->at != b->at ? (a->at > b->at) - (a->at < b->at) : a->line - b->line;
}

/* Puts each run of nodes in the order before, a new node in front of the one that follows it: the order of
 * nodes means nothing. `first_new` is the first number that the text before does not use. */
static void sort_nodes(Arena *a, DiffLines *d, int first_new) {
  Placed *p = ARENA_ARRAY(a, d->n + 1, Placed);
  for (int start = 0, end; start < d->n; start = end + 1) {
    for (end = start; end < d->n && node_of(d->line[end]) >= 0;) end++;
    for (int i = end - 1, at = INT_MAX; i >= start; i--) {
      if (node_of(d->line[i]) < first_new) at = node_of(d->line[i]);
      p[i] = (Placed){at, i, d->line[i]};
    }
    qsort(p + start, (size_t)(end - start), sizeof *p, by_place);
    for (int i = start; i < end; i++) d->line[i] = p[i].text;
  }
}

char *dump_diff(Arena *a, const char *pass, const char *before, const char *after) {
  DiffLines was = diff_lines(a, before), is = diff_lines(a, after);
  Names names = make_names(a, &was, &is);
  DiffLines named = renumber_all(a, &is, &names);
  sort_nodes(a, &named, most_number(&was) + 1);
  char *text = diff_unified(a, &was, &named, CONTEXT);
  if (!*text) return arena_printf(a, "# %s changed nothing\n", pass);
  return arena_printf(a, "--- before %s\n+++ after %s\n%s", pass, pass, text);
}
