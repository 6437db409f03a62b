/* Strategy files as text: reading, which row is whose, and writing. */
#include "passes/place/strategy.h"

#include <string.h>

#include "base/nearest.h"

const char *const strategy_saves[] = {[SS_CHEAPEST] = "", [SS_KEEP] = "keep", [SS_RECOMPUTE] = "recompute"};

/* A line being read, word by word. */
typedef struct Line {
  Arena *arena;
  const Source *src;
  int number;
  const char *at, *end; /* what is left, without its comment */
  const char *begin;
  bool first; /* the word being read is the first behind the pattern: it may be KINDS */
} Line;

typedef struct Word {
  const char *text; /* NULL: none is left */
  Loc loc;
} Word;

static bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

static Word next_word(Line *x) {
  while (x->at < x->end && is_space(*x->at)) x->at++;
  Word w = {.loc = {.src = x->src, .line = x->number, .col = (int)(x->at - x->begin) + 1}};
  const char *from = x->at;
  while (x->at < x->end && !is_space(*x->at)) x->at++;
  if (x->at > from) w.text = arena_strndup(x->arena, from, (size_t)(x->at - from));
  return w;
}

/* A comment begins with # at the line's start or after a space: names of classes have it inside. */
static const char *without_comment(const char *begin, const char *end) {
  for (const char *p = begin; p < end; p++)
    if (*p == '#' && (p == begin || is_space(p[-1]))) return p;
  return end;
}

static int kind_named(const char *text, size_t len) {
  for (int k = 0; k < NK_COUNT; k++)
    if (strlen(node_kinds[k]) == len && strncmp(node_kinds[k], text, len) == 0) return k;
  return NK_COUNT;
}

/* The first of a list that is no kind, or NULL. */
static const char *read_kinds(Arena *a, const char *list, unsigned *kinds) {
  *kinds = 0;
  for (const char *p = list;; p++) {
    size_t len = strcspn(p, ",");
    int kind = kind_named(p, len);
    if (kind == NK_COUNT) return arena_strndup(a, p, len);
    *kinds |= 1u << kind;
    p += len;
    if (!*p) return NULL;
  }
}

static const char *kinds_expected(Arena *a) {
  const char *text = node_kinds[0];
  for (int k = 1; k < NK_COUNT; k++) text = arena_printf(a, "%s, %s", text, node_kinds[k]);
  return text;
}

static bool unknown_kind(Line *x, Word w, const char *wrong) {
  diag_error(w.loc, "rule F3: found kind \"%s\" in \"%s\", expected some of %s", wrong, w.text,
             kinds_expected(x->arena));
  return false;
}

/* The kinds after "inline:", or all of them after "inline" itself. */
static bool read_sides(Line *x, Word w, size_t word, unsigned *sides) {
  if (!w.text[word]) {
    *sides = STRATEGY_ALL_KINDS;
    return true;
  }
  const char *wrong = read_kinds(x->arena, w.text + word + 1, sides);
  return !wrong || unknown_kind(x, w, wrong);
}

/* "inline", "inline:maps,draws". */
static bool is_word(const char *text, const char *word) {
  size_t len = strlen(word);
  return strncmp(text, word, len) == 0 && (!text[len] || text[len] == ':');
}

static bool unknown_word(Line *x, Word w) {
  static const char *const words[] = {"auto", "inline", "join", "buffer", "keep", "recompute"};
  enum { WORDS = sizeof words / sizeof *words };
  unsigned kinds;
  if (x->first && strchr(w.text, ',')) return unknown_kind(x, w, read_kinds(x->arena, w.text, &kinds));
  const char *name[WORDS + NK_COUNT];
  for (int i = 0; i < WORDS; i++) name[i] = words[i];
  for (int k = 0; k < NK_COUNT; k++) name[WORDS + k] = node_kinds[k];
  const char *near = nearest_name(w.text, name, x->first ? WORDS + NK_COUNT : WORDS);
  diag_error(w.loc,
             "rule F3: found \"%s\", expected %s%s%sauto, inline, inline:KINDS, join, join:KINDS, "
             "join=CLASS, buffer, keep or recompute%s",
             w.text, x->first ? "kinds of values (some of " : "", x->first ? kinds_expected(x->arena) : "",
             x->first ? ") or " : "", near ? arena_printf(x->arena, "; did you mean \"%s\"?", near) : "");
  return false;
}

/* One word of a row's placement. */
static bool read_place(Line *x, Word w, StrategyRow *r) {
  if (is_word(w.text, "inline")) return read_sides(x, w, strlen("inline"), &r->inline_into);
  if (strncmp(w.text, "join=", strlen("join=")) == 0) {
    r->target = w.text + strlen("join=");
    r->join = STRATEGY_ALL_KINDS;
    return *r->target || unknown_word(x, w);
  }
  if (is_word(w.text, "join")) return read_sides(x, w, strlen("join"), &r->join);
  if (strcmp(w.text, "auto") == 0) r->inline_into = r->join = STRATEGY_ALL_KINDS;
  return strcmp(w.text, "auto") == 0 || strcmp(w.text, "buffer") == 0 || unknown_word(x, w);
}

/* "keep" and "recompute" say nothing of places and stand beside any words that do. */
static bool read_save(Word w, StrategyRow *r) {
  for (int k = SS_KEEP; k <= SS_RECOMPUTE; k++)
    if (strcmp(w.text, strategy_saves[k]) == 0) r->save = (StrategySave)k;
  return r->save && strcmp(w.text, strategy_saves[r->save]) == 0;
}

static bool stands_alone(const char *word) {
  return strcmp(word, "auto") == 0 || strcmp(word, "buffer") == 0 || strncmp(word, "join=", 5) == 0;
}

/* PATTERN [KINDS] PLACE.. */
static bool read_row(Line *x, Word pattern, StrategyRow *r) {
  *r = (StrategyRow){.loc = pattern.loc, .pattern = pattern.text, .kinds = STRATEGY_ALL_KINDS};
  Word w = next_word(x);
  unsigned kinds;
  x->first = w.text && read_kinds(x->arena, w.text, &kinds);
  if (w.text && !x->first) {
    r->kinds = kinds;
    w = next_word(x);
  }
  if (!w.text) {
    diag_error(pattern.loc, "rule F2: found \"%s\" and no placement, expected PATTERN [KINDS] PLACE",
               pattern.text);
    return false;
  }
  const char *first = NULL;
  for (; w.text; w = next_word(x)) {
    if (read_save(w, r)) continue;
    if (first && (stands_alone(first) || stands_alone(w.text))) {
      diag_error(w.loc,
                 "rule F2: found \"%s\" after \"%s\", expected the end of the line: auto, buffer and "
                 "join=CLASS stand alone",
                 w.text, first);
      return false;
    }
    if (!first) first = w.text;
    if (!read_place(x, w, r)) return false;
    x->first = false;
  }
  if (!first) r->inline_into = r->join = STRATEGY_ALL_KINDS;
  r->must_inline = r->inline_into == STRATEGY_ALL_KINDS && !r->join;
  return true;
}

static bool read_header(Line *x, Word w) {
  static const char *const want[] = {"tessera", "fusion", "1"};
  Loc loc = w.loc;
  const char *found = "";
  bool good = true;
  for (int i = 0; w.text; i++, w = next_word(x)) {
    good = good && i < 3 && strcmp(w.text, want[i]) == 0;
    found = arena_printf(x->arena, "%s%s%s", found, *found ? " " : "", w.text);
  }
  good = good && strcmp(found, "tessera fusion 1") == 0;
  if (!good) diag_error(loc, "rule F1: found \"%s\", expected \"tessera fusion 1\"", found);
  return good;
}

Strategy *strategy_parse(Arena *a, const Source *src) {
  Strategy *s = ARENA_NEW(a, Strategy);
  s->src = src;
  int errors = diag_count();
  bool header = false;
  const char *p = src->text, *stop = src->text + src->len;
  for (int number = 1; p < stop; number++) {
    const char *end = memchr(p, '\n', (size_t)(stop - p));
    if (!end) end = stop;
    Line x = {.arena = a, .src = src, .number = number, .at = p, .begin = p, .end = without_comment(p, end)};
    Word w = next_word(&x);
    StrategyRow r;
    if (w.text && !header) {
      header = true;
      if (!read_header(&x, w)) return NULL;
    } else if (w.text && read_row(&x, w, &r)) {
      ARENA_GROW(a, s->row, s->nrow, s->cap_row);
      s->row[s->nrow++] = r;
    }
    p = end + 1;
  }
  if (!header)
    diag_error((Loc){.src = src}, "rule F1: found no row, expected \"tessera fusion 1\" in the first line");
  return diag_count() == errors ? s : NULL;
}

/* Patterns against the names of classes. */

/* One more piece of the pattern: which beginnings of the text, by length, are matched now, given which were
 * before it. A star keeps on while the text gives no dot. */
static void match_piece(bool *matched, const char *text, size_t len, char piece, bool dots) {
  if (piece == '*') {
    for (size_t i = 0; i < len; i++) matched[i + 1] |= matched[i] && (dots || text[i] != '.');
    return;
  }
  for (size_t i = len; i > 0; i--)
    matched[i] = matched[i - 1] && (piece == text[i - 1] || (piece == '?' && text[i - 1] != '.'));
  matched[0] = false;
}

bool strategy_glob(const char *pattern, const char *text) {
  Arena *a = arena_new();
  size_t len = strlen(text);
  bool *matched = ARENA_ARRAY(a, len + 1, bool);
  matched[0] = true;
  for (const char *p = pattern; *p; p++) {
    bool dots = p[0] == '*' && p[1] == '*';
    match_piece(matched, text, len, *p, dots);
    p += dots;
  }
  bool whole = matched[len];
  arena_free(a);
  return whole;
}

static const ValueClass *class_named(const ValueClasses *classes, const char *name) {
  for (int i = 0; i < classes->n; i++)
    if (strcmp(classes->class[i].name, name) == 0) return &classes->class[i];
  return NULL;
}

/* Names have stars in them, so that the name of a class is no pattern but means that class. */
static int give(const StrategyRow *r, ValueClasses *classes) {
  const ValueClass *exact = class_named(classes, r->pattern);
  int n = 0;
  for (int i = 0; i < classes->n; i++) {
    ValueClass *c = &classes->class[i];
    if (!(r->kinds >> c->kind & 1)) continue;
    if (exact ? c != exact : !strategy_glob(r->pattern, c->name)) continue;
    c->row = r;
    n++;
  }
  return n;
}

static const char *nearest(Arena *a, const ValueClasses *classes, const char *text) {
  const char **name = ARENA_ARRAY(a, classes->n + 1, const char *);
  for (int i = 0; i < classes->n; i++) name[i] = classes->class[i].name;
  const char *near = nearest_name(text, name, classes->n);
  return near ? arena_printf(a, "; did you mean \"%s\"?", near) : "";
}

static void report_stale(Arena *a, const StrategyRow *r, const ValueClasses *classes) {
  const ValueClass *exact = class_named(classes, r->pattern);
  if (exact)
    diag_error(r->loc, "rule F4: found \"%s\" among other kinds, but it is one of the %s", r->pattern,
               node_kinds[exact->kind]);
  else
    diag_error(r->loc,
               "rule F4: found \"%s\", which no value of the description is called; expected a class that "
               "\"tessera explain --write FILE\" lists, or a pattern of some%s",
               r->pattern, nearest(a, classes, r->pattern));
}

void strategy_bind_early(const Strategy *s, ValueClasses *classes) {
  for (int i = 0; i < s->nrow; i++) give(&s->row[i], classes);
}

bool strategy_bind(const Strategy *s, ValueClasses *classes) {
  bool good = true;
  Arena *a = arena_new();
  for (int i = 0; i < s->nrow; i++) {
    const StrategyRow *r = &s->row[i];
    if (!give(r, classes) && strcmp(r->pattern, "**") != 0) {
      report_stale(a, r, classes);
      good = false;
    }
    if (r->target && !class_named(classes, r->target)) {
      diag_error(r->loc,
                 "rule F8: found join=%s, expected the name of a class that \"tessera explain --write FILE\" "
                 "lists%s",
                 r->target, nearest(a, classes, r->target));
      good = false;
    }
  }
  arena_free(a);
  return good;
}

/* Decisions as a file. */

/* A class' rows of all entries as one. */
typedef struct Members {
  int members, inlined;
} Members;

static void print_kinds(FILE *f, const char *word, unsigned kinds) {
  const char *before = ":";
  fputs(word, f);
  for (int k = 0; kinds != STRATEGY_ALL_KINDS && k < NK_COUNT; k++) {
    if (!(kinds >> k & 1)) continue;
    fprintf(f, "%s%s", before, node_kinds[k]);
    before = ",";
  }
}

/* What the class' own row says, where the members differ and only the same words decide them alike. */
static void print_row(FILE *f, const StrategyRow *r) {
  bool all = r->inline_into == STRATEGY_ALL_KINDS && r->join == STRATEGY_ALL_KINDS;
  if (all || (!r->inline_into && !r->join)) {
    fputs(all ? "auto" : "buffer", f);
    return;
  }
  if (r->inline_into) print_kinds(f, "inline", r->inline_into);
  if (r->inline_into && r->join) fputc(' ', f);
  if (r->join) print_kinds(f, "join", r->join);
}

static void print_place(FILE *f, const ValueClass *c, const Members *s) {
  StrategyRow r = {.inline_into = STRATEGY_ALL_KINDS, .join = STRATEGY_ALL_KINDS};
  if (c->row) r = *c->row;
  if (r.target) {
    fprintf(f, "join=%s", r.target);
    return;
  }
  if (s->inlined == s->members) r.join = 0, r.inline_into = STRATEGY_ALL_KINDS;
  if (!s->inlined && c->kind != NK_COPY) r.inline_into = 0;
  print_row(f, &r);
}

static void print_class(FILE *f, const ValueClass *c, const Members *s) {
  const Loc *at = &c->first->loc;
  fprintf(f, "%s ", c->name);
  print_place(f, c, s);
  if (c->row && c->row->save) fprintf(f, " %s", strategy_saves[c->row->save]);
  fprintf(f, "  # %d of the %s", s->members, node_kinds[c->kind]);
  if (at->src) fprintf(f, ", %s:%d", at->src->path, at->line);
  fputc('\n', f);
}

static const ValueClasses *classes_decided(const Decisions *const of[EN_COUNT]) {
  for (int e = 0; e < EN_COUNT; e++)
    if (of[e]) return of[e]->classes;
  return NULL;
}

char *strategy_print(Arena *a, const Decisions *const of[EN_COUNT]) {
  const ValueClasses *classes = classes_decided(of);
  Members *sum = ARENA_ARRAY(a, classes ? classes->n + 1 : 1, Members);
  for (int e = 0; e < EN_COUNT; e++)
    for (int i = 0; of[e] && i < of[e]->nrow; i++) {
      Members *s = &sum[of[e]->row[i].class - classes->class];
      s->members += of[e]->row[i].members;
      s->inlined += of[e]->row[i].inlined_members;
    }
  TextStream text;
  arena_text_open(&text);
  fputs("tessera fusion 1\n", text.f);
  for (int i = 0; classes && i < classes->n; i++)
    if (sum[i].members) print_class(text.f, &classes->class[i], &sum[i]);
  return arena_text_close(a, &text);
}
