/* The whole way from a description to its graph. */
#include "frontend/frontend.h"

#include <string.h>

#include "frontend/syntax/load.h"
#include "frontend/syntax/unread.h"
#include "frontend/train/train.h"

enum { BUDGET = 4000000, MOST_CHAIN = 16 };

static void list_sources(Arena *a, const Files *files, FrontInfo *info) {
  FrontSource *list = ARENA_ARRAY(a, files->n, FrontSource);
  for (int i = 0; i < files->n; i++) list[i] = (FrontSource){files->v[i]->src, files->v[i]->relative};
  info->nsource = files->n;
  info->source = list;
}

/* The train block to build: the one that is named, else the file's only one. */
static const Decl *choose_train(Arena *a, const File *f, const char *wanted) {
  const char **names = ARENA_ARRAY(a, f->ndecl + 1, const char *), *all = "";
  const Decl *chosen = NULL;
  int n = 0;
  for (int i = 0; i < f->ndecl; i++) {
    const Decl *d = f->decl[i];
    if (d->kind != DECL_TRAIN) continue;
    all = arena_printf(a, "%s%s\"%s\"", all, n ? ", " : "", d->name);
    names[n++] = d->name;
    if (!wanted || !strcmp(wanted, d->name)) chosen = d;
  }
  Loc file = {.src = f->src};
  if (n == 0)
    diag_error(file, "the file has no train block");
  else if (wanted && !chosen)
    diag_error(file, "there is no train block \"%s\"%s; found %s", wanted, eval_suggest(a, wanted, names, n),
               all);
  else if (!wanted && n > 1)
    diag_error(file, "found several train blocks (%s): choose one with --block NAME", all);
  return wanted || n == 1 ? chosen : NULL;
}

/* The chosen block and what it is based on, up to the one with a body; 0 after an error. */
static int follow(const Decl *d, const Decl **chain) {
  for (int n = 0; n < MOST_CHAIN; n++) {
    chain[n] = d;
    if (!d->u.train.base) return n + 1;
    const Decl *base = eval_find_decl(d->file, d->u.train.base, true);
    if (!base) {
      diag_error(d->loc, "there is no train block \"%s\"", d->u.train.base);
      return 0;
    }
    d = base;
  }
  diag_error(d->loc, "the train block is based on itself");
  return 0;
}

static Graph *build(Arena *a, const Files *files, const FrontArgs *args, FrontInfo *info) {
  const Decl *chain[MOST_CHAIN], *chosen = choose_train(a, files->v[0], args->train);
  int n = chosen ? follow(chosen, chain) : 0;
  TrainDefines d;
  bool ok = train_defines(a, args, &d);
  if (n == 0 || !ok) return NULL;
  Graph *g = graph_new(a);
  g->refused = args->refused;
  Eval ev = {.arena = a, .graph = g, .path = "", .draw_root = "step", .budget = BUDGET};
  Scope *file = scope_new(a, NULL), *params = scope_new(a, file);
  file->file = chain[n - 1]->file;
  g->name_of_block = graph_intern(g, chosen->name);
  if (!train_params(&ev, chain, n, &d, params, info) || !train_build(&ev, chain[n - 1], params, info)) {
    train_note_odd(&d);
    return NULL;
  }
  graph_prune(g);
  return g;
}

Graph *front_build_source(Arena *a, const Source *src, const FrontArgs *args, FrontInfo *info) {
  FrontInfo unused;
  Files files;
  int errors = diag_count();
  if (!info) info = &unused;
  *info = (FrontInfo){0};
  load_files(a, src, args->library, &files);
  list_sources(a, &files, info);
  if (diag_count() == errors) unread_check(a, &files);
  if (diag_count() > errors) return NULL;
  Graph *g = build(a, &files, args, info);
  return diag_count() > errors ? NULL : g;
}

Graph *front_build(Arena *a, const char *path, const FrontArgs *args, FrontInfo *info) {
  const Source *src = diag_read(a, path);
  return src ? front_build_source(a, src, args, info) : NULL;
}
