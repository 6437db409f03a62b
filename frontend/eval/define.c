/* Reading -D arguments. */
#include "frontend/eval/define.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/eval/metadata.h"

static void push(Arena *a, Defines *d, Define one) {
  ARENA_GROW(a, d->v, d->n, d->cap);
  d->v[d->n++] = one;
}

static bool read_typed(Arena *a, const char *arg, Defines *out) {
  const char *line = arena_printf(a, "-D %s", arg), *eq = strchr(arg, '=');
  Loc loc = {.src = diag_source(a, "command line", line, strlen(line)), .line = 1, .col = 4};
  if (!eq || eq == arg) {
    diag_error(loc, "expected NAME=VALUE or @FILE.safetensors after -D, found \"%s\"", arg);
    return false;
  }
  loc.col += (int)(eq - arg) + 1;
  push(
      a, out,
      (Define){.name = arena_strndup(a, arg, (size_t)(eq - arg)), .text = eq + 1, .loc = loc, .typed = true});
  return true;
}

static bool read_from_file(Arena *a, const char *path, Defines *out) {
  Metadata m;
  if (!metadata_read(a, path, &m)) return false;
  Loc loc = {.src = diag_source(a, path, "", 0)};
  for (int i = m.n - 1; i >= 0; i--)
    push(a, out, (Define){.name = m.v[i].key, .text = m.v[i].value, .loc = loc});
  return true;
}

bool define_read(Arena *a, const FrontArgs *args, Defines *out) {
  bool ok = true;
  *out = (Defines){0};
  for (int i = args->ndefine - 1; i >= 0; i--)
    if (args->define[i][0] != '@') ok = read_typed(a, args->define[i], out) && ok;
  for (int i = args->ndefine - 1; i >= 0; i--)
    if (args->define[i][0] == '@') ok = read_from_file(a, args->define[i] + 1, out) && ok;
  return ok;
}

Define *define_find(Defines *d, const char *name) {
  for (int i = 0; i < d->n; i++)
    if (!strcmp(d->v[i].name, name)) return &d->v[i];
  return NULL;
}

static Val scalar_value(const char *text) {
  char *end;
  double v = strtod(text, &end);
  if (end != text && !*end && isfinite(v)) return val_number(v);
  if (!strcmp(text, "true") || !strcmp(text, "false")) return val_bool(text[0] == 't');
  return val_text(text);
}

/* "6, 8" or "(6, 8)": the items between commas, without spaces around them */
static Val list_value(Eval *ev, const Define *d) {
  int n = 0, cap = 0;
  Val *item = NULL;
  const char *s = d->text, *stop = s + strlen(s);
  if (stop - s >= 2 && ((*s == '(' && stop[-1] == ')') || (*s == '[' && stop[-1] == ']'))) s++, stop--;
  while (s < stop) {
    const char *comma = memchr(s, ',', (size_t)(stop - s)), *end = comma ? comma : stop, *next = end + 1;
    while (s < end && *s == ' ') s++;
    while (end > s && end[-1] == ' ') end--;
    ARENA_GROW(ev->arena, item, n, cap);
    item[n++] = scalar_value(arena_strndup(ev->arena, s, (size_t)(end - s)));
    s = next;
  }
  return eval_list(ev, d->loc, item, n);
}

Val define_value(Eval *ev, const Define *d, Val like) {
  Val v = scalar_value(d->text);
  if (like.kind == VAL_TEXT) return val_text(d->text);
  if (like.kind == VAL_LIST || (like.kind == VAL_ERROR && strchr(d->text, ','))) v = list_value(ev, d);
  if (like.kind == VAL_ERROR || v.kind == VAL_ERROR) return v;
  bool same = v.kind == like.kind;
  for (int i = 0; same && v.kind == VAL_LIST && like.n && i < v.n; i++)
    same = v.u.item[i].kind == like.u.item[0].kind;
  if (same) return v;
  return eval_fail(d->loc, "parameter \"%s\": expected %s as in %s, found \"%s\"", d->name,
                   val_kind_name(like.kind), val_show(ev->arena, like), d->text);
}

/* Is it no whole number where the other is one, or not positive where that is? */
static bool odd_number(Val v, Val like) {
  if (v.kind != VAL_NUMBER || like.kind != VAL_NUMBER) return false;
  bool whole = like.u.number == floor(like.u.number) && v.u.number != floor(v.u.number);
  return whole || (like.u.number > 0 && v.u.number <= 0);
}

void define_compare(Eval *ev, Define *d, Val v, Val like) {
  bool odd = odd_number(v, like);
  for (int i = 0; v.kind == VAL_LIST && like.kind == VAL_LIST && like.n && i < v.n; i++)
    odd = odd || odd_number(v.u.item[i], like.u.item[0]);
  d->had = odd ? val_show(ev->arena, like) : NULL;
}

void define_note_odd(const Defines *d) {
  for (int i = d->n - 1; i >= 0; i--)
    if (d->v[i].had)
      diag_note(d->v[i].loc, "%s = %s comes from here; the description has %s", d->v[i].name, d->v[i].text,
                d->v[i].had);
}

bool define_all_used(Arena *a, const Defines *d, const Signature *sig, const char *block) {
  bool ok = true;
  const char **names = ARENA_ARRAY(a, sig->n + 1, const char *);
  for (int i = 0; i < sig->n; i++) names[i] = sig->v[i].name;
  for (int i = d->n - 1; i >= 0; i--) {
    const Define *one = &d->v[i];
    if (!one->typed || one->used) continue;
    bool shadowed = false;
    for (int k = 0; k < sig->n; k++) shadowed = shadowed || !strcmp(names[k], one->name);
    if (shadowed) continue;
    Loc loc = {one->loc.src, 1, 4};
    diag_error(loc, "train block \"%s\" has no parameter \"%s\"%s", block, one->name,
               eval_suggest(a, one->name, names, sig->n));
    ok = false;
  }
  return ok;
}
