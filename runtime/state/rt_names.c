#include "runtime/state/rt_names.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/rt_base.h"

enum { FEW = 8 };

void rt_names_add(RtNames *l, const char *prefix, const char *name) {
  if (!l->most) l->most = FEW;
  if (l->n < l->most) {
    char *more = rt_format("%s%s%s%s", l->n ? l->text : "", l->n ? ", " : "", prefix, name);
    free(l->text);
    l->text = more;
  }
  l->n++;
}

void rt_names_say(RtNames *l, void (*say)(const char *fmt, ...), const char *path, const char *what) {
  if (l->n > l->most)
    say("%s: %s: %s and %d more", path, what, l->text, l->n - l->most);
  else if (l->n)
    say("%s: %s: %s", path, what, l->text);
  free(l->text);
}

const char *rt_state_name(const TessState *s, int i) {
  if (i == 0) return s->name;
  return s->alias ? s->alias[i - 1] : NULL;
}

/* Whether the pattern is the name's, or that of a module which it lies in. */
static bool matches(const char *pattern, const char *name) {
  char *part = rt_format("%s", name);
  bool found = fnmatch(pattern, part, 0) == 0;
  for (char *dot; !found && (dot = strrchr(part, '.'));) {
    *dot = '\0';
    found = fnmatch(pattern, part, 0) == 0;
  }
  free(part);
  return found;
}

/* Whether --skip names it. */
static bool skipped(RtOptions *o, const char *name) {
  for (int i = 0; i < o->nrule; i++)
    if (!o->rule[i].to && matches(o->rule[i].from, name)) {
      o->rule[i].taken++;
      return true;
    }
  return false;
}

/* The first rule that the name begins with renames it. */
static char *renamed(void *options, const char *name) {
  RtOptions *o = options;
  for (int i = 0; i < o->nrule; i++) {
    RtRule *r = &o->rule[i];
    size_t len = strlen(r->from);
    if (!r->to || strncmp(name, r->from, len) != 0) continue;
    r->taken++;
    return rt_format("%s%s", r->to, name + len);
  }
  return NULL;
}

bool rt_rules_apply(RtOptions *o, RtFile *f) {
  RtNames left_out = {0};
  if (!rt_file_rename(f, renamed, o)) return false;
  for (int i = 0; i < f->ntensor; i++) {
    RtTensor *t = &f->tensor[i];
    if (!skipped(o, t->name)) continue;
    t->used = true;
    rt_names_add(&left_out, "", t->name);
  }
  if (f->nrenamed) rt_note("%s: %d of %d tensors are renamed", f->path, f->nrenamed, f->ntensor);
  rt_names_say(&left_out, rt_note, f->path, "skipped");
  return true;
}

bool rt_rules_skip(RtOptions *o, const TessState *s) {
  const char *name;
  for (int i = 0; (name = rt_state_name(s, i)); i++)
    if (skipped(o, name)) return true;
  return false;
}

bool rt_rules_taken(const RtOptions *o) {
  bool ok = true;
  for (int i = 0; i < o->nrule; i++) {
    const RtRule *r = &o->rule[i];
    if (r->taken) continue;
    rt_error("--%s %s: no tensor has such a name", r->to ? "rename" : "skip", r->from);
    ok = false;
  }
  return ok;
}

/* Whether `name` lies below `list`, which ends with a dot, at the item of `digits`, or at any for NULL. */
static bool in_list(const char *name, const char *list, size_t len, const char *item, size_t digits) {
  if (strncmp(name, list, len) != 0 || !isdigit((unsigned char)name[len])) return false;
  size_t n = strspn(name + len, "0123456789");
  return (name[len + n] == '.' || !name[len + n]) && (!item || (n == digits && !memcmp(name + len, item, n)));
}

typedef bool Wanted(const TessState *s, const char *module);

/* Whether some wanted state lies there. */
static bool has_item(Wanted *wanted, const char *module, const char *list, size_t len, const char *item,
                     size_t digits) {
  const char *name;
  for (uint32_t i = 0; i < tess_program.nstate; i++) {
    const TessState *s = &tess_program.state[i];
    if (!wanted(s, module)) continue;
    for (int a = 0; (name = rt_state_name(s, a)); a++)
      if (in_list(name, list, len, item, digits)) return true;
  }
  return false;
}

/* Whether the name is that of a further item: "blocks.7.norm1.weight" where the program has blocks up to 5.
 */
static bool is_further(const char *name, Wanted *wanted, const char *module) {
  for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.')) {
    size_t len = (size_t)(dot + 1 - name), digits = strspn(dot + 1, "0123456789");
    if (!in_list(name, name, len, NULL, 0)) continue;
    if (has_item(wanted, module, name, len, NULL, 0) && !has_item(wanted, module, name, len, dot + 1, digits))
      return true;
  }
  return false;
}

bool rt_unused_say(const RtFile *f, Wanted *wanted, const char *module) {
  RtNames unused = {0}, further = {0};
  for (int i = 0; i < f->ntensor; i++) {
    const char *name = f->tensor[i].name;
    if (f->tensor[i].used || !strncmp(name, "slot.", 5)) continue;
    rt_names_add(is_further(name, wanted, module) ? &further : &unused, "", name);
  }
  bool ok = further.n == 0;
  rt_names_say(&unused, rt_note, f->path, "unused");
  rt_names_say(&further, rt_error, f->path,
               "further items of lists that the program has (--skip leaves names out)");
  return ok;
}
