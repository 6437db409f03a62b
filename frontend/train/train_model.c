/* What a model is, for files with its weights: its module, the arguments, and a hash of the text that both
 * come from. Sizes, heads, rates and functions are arguments; an activation or a norm that the text has
 * changes the hash. Comments and layout do not. */
#include <string.h>

#include "base/sha256.h"
#include "frontend/syntax/lex.h"
#include "frontend/train/train.h"

/* Files that the hash has seen. */
typedef struct Seen {
  Arena *arena;
  const File **v;
  int n, cap;
  Sha256 hash;
} Seen;

static bool is_seen(const Seen *s, const File *f) {
  for (int i = 0; i < s->n; i++)
    if (s->v[i] == f) return true;
  return false;
}

/* The words of the file, a NUL behind each. */
static void add_words(Seen *s, const File *f) {
  for (const Token *t = lex(s->arena, f->src); t->kind != TOK_END; t++)
    sha256_add(&s->hash, t->text, strlen(t->text) + 1);
}

/* The file and all that it imports, each once. */
static const char *text_hash(Arena *a, const File *f) {
  enum { DIGITS = 16 };
  Seen s = {.arena = a};
  char *hex = arena_alloc(a, 65);
  sha256_start(&s.hash);
  ARENA_GROW(a, s.v, s.n, s.cap);
  s.v[s.n++] = f;
  for (int at = 0; at < s.n; at++) {
    const File *one = s.v[at];
    add_words(&s, one);
    for (int i = 0; i < one->nimport; i++) {
      if (is_seen(&s, one->import[i].file)) continue;
      ARENA_GROW(a, s.v, s.n, s.cap);
      s.v[s.n++] = one->import[i].file;
    }
  }
  sha256_finish(&s.hash, hex);
  return arena_strndup(a, hex, DIGITS);
}

void train_describe(Train *t, const char *name, const Inst *m) {
  Arena *a = t->ev->arena;
  const Signature *sig = &m->decl->u.module.sig;
  FrontParam *arg = ARENA_ARRAY(a, sig->n + 1, FrontParam);
  for (int i = 0; i < sig->n; i++) {
    const Bind *b = scope_own(m->scope, sig->v[i].name);
    arg[i] = (FrontParam){sig->v[i].name, val_full(a, b->val)};
  }
  FrontInfo *info = t->info;
  ARENA_GROW(a, info->model, info->nmodel, info->cap_model);
  info->model[info->nmodel++] = (FrontModel){
      .name = name, .module = m->decl->name, .text = text_hash(a, m->decl->file), .narg = sig->n, .arg = arg};
}
