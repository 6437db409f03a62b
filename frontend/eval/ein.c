/* Reading patterns, and giving their axes the sizes of tensors. */
#include "frontend/eval/ein.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

static void report(const EinPattern *p, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

static void report(const EinPattern *p, const char *fmt, va_list ap) {
  char text[512];
  vsnprintf(text, sizeof text, fmt, ap);
  eval_refuse(p->loc, "pattern \"%.200s\": %s", p->text, text);
}

Val ein_fail(const EinPattern *p, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  report(p, fmt, ap);
  va_end(ap);
  return (Val){0};
}

bool ein_refuse(const EinPattern *p, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  report(p, fmt, ap);
  va_end(ap);
  return false;
}

int ein_axis_of(const EinSide *s, const char *name) {
  for (int i = 0; i < s->naxis; i++)
    if (!strcmp(s->axis[i], name)) return i;
  return -1;
}

static bool add_axis(Eval *ev, EinPattern *p, EinSide *s, const char *name, size_t len) {
  if (s->naxis == EIN_AXES || len > 64) {
    ein_fail(p, "more than %d axes, or a name of more than 64 letters", EIN_AXES);
    return false;
  }
  const char *axis = arena_strndup(ev->arena, name, len);
  bool may_repeat = p->repeats && s != &p->right && axis[0] != '.';
  if (ein_axis_of(s, axis) >= 0 && !may_repeat) {
    ein_fail(p, "axis \"%s\" stands twice on one side", axis);
    return false;
  }
  s->group[s->naxis] = s->ngroup;
  s->axis[s->naxis++] = axis;
  return true;
}

static size_t name_length(const char *t) {
  size_t n = 0;
  if (!isalpha((unsigned char)*t) && *t != '_') return 0;
  while (isalnum((unsigned char)t[n]) || t[n] == '_') n++;
  return n;
}

/* side = { NAME | "..." | "1" | "(" {NAME} ")" } */
static const char *parse_side(Eval *ev, EinPattern *p, const char *t, EinSide *s) {
  bool open = false;
  for (; *t && *t != ',' && strncmp(t, "->", 2) != 0;) {
    size_t len = name_length(t);
    bool rest = !open && !strncmp(t, "...", 3), one = !open && t[0] == '1' && !isalnum((unsigned char)t[1]);
    if (*t == ' ') {
      t++;
    } else if (*t == '(' && !open) {
      open = true, t++;
    } else if (*t == ')' && open) {
      open = false, t++, s->ngroup++;
    } else if (one) {
      t++, s->ngroup++;
    } else if (len || rest) {
      if (!add_axis(ev, p, s, t, len ? len : 3)) return NULL;
      t += len ? len : 3;
      if (!open) s->ngroup++;
    } else {
      ein_fail(p, "unexpected \"%c\"", isprint((unsigned char)*t) ? *t : '?');
      return NULL;
    }
  }
  if (open) ein_fail(p, "a parenthesis is not closed");
  return open ? NULL : t;
}

/* False after an error. */
static bool parse_pattern(Eval *ev, const char *text, Loc loc, EinPattern *p) {
  *p = (EinPattern){.text = text, .loc = loc, .repeats = p->repeats};
  const char *t = text;
  do {
    if (p->nleft == EIN_OPERANDS) return ein_refuse(p, "more than %d operands", EIN_OPERANDS);
    if (*t == ',') t++;
    t = parse_side(ev, p, t, &p->left[p->nleft++]);
  } while (t && *t == ',');
  if (!t) return false;
  if (strncmp(t, "->", 2) != 0) return ein_refuse(p, "expected \"->\" between two sides");
  t = parse_side(ev, p, t + 2, &p->right);
  if (t && *t) ein_fail(p, "unexpected \"%c\" on the right side", *t);
  return t && !*t;
}

int ein_rest(const EinSide *s, int rank) {
  int at = ein_axis_of(s, "...");
  if (at < 0) return s->ngroup == rank ? 0 : -1;
  return rank >= s->ngroup - 1 ? rank - (s->ngroup - 1) : -1;
}

bool ein_spread(Eval *ev, const EinPattern *p, EinSide *s, int count, int most) {
  int at = ein_axis_of(s, "...");
  EinSide out = {.ngroup = s->ngroup};
  for (int i = 0; i < s->naxis; i++) {
    int copies = i == at ? count : 1;
    if (out.naxis + copies > EIN_AXES || s->ngroup + count > EIN_AXES)
      return ein_refuse(p, "more than %d axes", EIN_AXES);
    for (int k = 0; k < copies; k++) {
      out.axis[out.naxis] = i == at ? arena_printf(ev->arena, "...%d", most - count + k) : s->axis[i];
      out.group[out.naxis++] = s->group[i] + (i == at ? k : at >= 0 && i > at ? count - 1 : 0);
    }
  }
  if (at >= 0) out.ngroup += count - 1;
  *s = out;
  return true;
}

int64_t *ein_size(EinNames *names, const char *name) {
  for (int i = 0; i < names->n; i++)
    if (!strcmp(names->name[i], name)) return &names->size[i];
  if (names->n == EIN_NAMES) return NULL;
  names->name[names->n] = name;
  names->size[names->n] = 0;
  return &names->size[names->n++];
}

/* One dimension of size n: its group's axes multiply to it, and at most one of them is unknown. */
static bool bind_group(const EinPattern *p, const EinSide *s, int group, int64_t n, EinNames *names) {
  const char *unknown = NULL;
  int64_t known = 1;
  for (int i = 0; i < s->naxis; i++) {
    if (s->group[i] != group) continue;
    int64_t *size = ein_size(names, s->axis[i]);
    if (!size) return ein_refuse(p, "more than %d axes", EIN_NAMES);
    if (!*size && unknown)
      return ein_refuse(p, "the sizes of \"%s\" and \"%s\" are both unknown; give one: \"%s = ..\"", unknown,
                        s->axis[i], s->axis[i]);
    if (!*size)
      unknown = s->axis[i];
    else if (*size > n)
      known = n + 1;
    else
      known = known > n ? known : known * *size;
  }
  bool fits = unknown ? known <= n && n % known == 0 : known == n;
  if (fits && unknown) *ein_size(names, unknown) = n / known;
  return fits;
}

/* "(h = 3, d)": what is known of a group, for the message. */
static const char *group_text(Arena *a, const EinSide *s, int group, EinNames *names) {
  const char *text = "1";
  bool any = false, many = false;
  for (int i = 0; i < s->naxis; i++) {
    if (s->group[i] != group) continue;
    int64_t *size = ein_size(names, s->axis[i]);
    const char *one = size && *size ? arena_printf(a, "%s = %lld", s->axis[i], (long long)*size) : s->axis[i];
    text = any ? arena_printf(a, "%s, %s", text, one) : one;
    many = any;
    any = true;
  }
  return many ? arena_printf(a, "(%s)", text) : text;
}

bool ein_bind(Eval *ev, const EinPattern *p, const EinSide *s, const Node *x, EinNames *names) {
  for (int g = 0; g < s->ngroup; g++) {
    int errors = diag_count();
    if (bind_group(p, s, g, x->shape.dim[g], names)) continue;
    if (diag_count() == errors)
      ein_fail(p, "dimension %d of %s is %lld, expected %s", g,
               val_show(ev->arena, (Val){.kind = VAL_TENSOR, .u.node = (Node *)x}),
               (long long)x->shape.dim[g], group_text(ev->arena, s, g, names));
    return false;
  }
  return true;
}

bool ein_pattern(Eval *ev, const Arg *a, EinPattern *p) {
  if (a->val.kind == VAL_TEXT) return parse_pattern(ev, a->val.u.text, a->loc, p);
  eval_fail(a->loc, "expected a pattern in quotes, found %s", val_kind_name(a->val.kind));
  return false;
}
