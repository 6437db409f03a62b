/* What an expression gives while a description is built: numbers, texts and lists are known then and gone
 * afterwards; tensors are nodes of the graph. */
#ifndef FRONTEND_VALUE_H
#define FRONTEND_VALUE_H

#include "frontend/syntax/ast.h"
#include "frontend/syntax/name_table.h"
#include "ir/graph/graph.h"

typedef enum ValKind {
  VAL_ERROR, /* something is wrong and has been reported: whatever uses it stays silent */
  VAL_NONE,  /* `none`: an argument that was left out */
  VAL_NUMBER,
  VAL_BOOL,
  VAL_TEXT,
  VAL_TYPE,
  VAL_LIST,
  VAL_TENSOR,
  VAL_PARAM, /* a parameter or state: a tensor as soon as it is used */
  VAL_FN,
  VAL_MODULE, /* a declaration: calling it makes an instance */
  VAL_INST,
  VAL_BUILTIN,
  VAL_OPTIMIZER
} ValKind;

typedef struct Val Val;
typedef struct Scope Scope;
typedef struct Inst Inst;
typedef struct Param Param;
typedef struct Builtin Builtin;

/* A function with what its names refer to; `self` is the instance it belongs to, or NULL. */
typedef struct Fn {
  const FnDecl *decl;
  Scope *scope;
  Inst *self;
} Fn;

struct Val {
  ValKind kind;
  int n; /* items of a list */
  /* Of a list: values in it at all levels, however shared, and how many levels; eval_list bounds both. */
  int weight, levels;
  union {
    double number;
    bool truth;
    const char *text;
    DType type;
    const Val *item;
    Node *node;
    Param *param;
    const Fn *fn;
    const Decl *decl; /* MODULE, OPTIMIZER */
    Inst *inst;
    const Builtin *builtin;
  } u;
};

typedef struct Bind {
  const char *name;
  Val val;
  struct Bind *next;
} Bind;

/* Names in reach, innermost first. The outermost has a file, whose declarations and imports follow. */
struct Scope {
  Scope *parent;
  Bind *first; /* the newest */
  int n;
  NameTable table; /* of the names, once they are many */
  bool function;   /* the outermost scope of a function: what lies beyond cannot be assigned */
  const File *file;
};

/* A parameter or a state of an instance, or a state of a train block. The graph's state exists once the
 * instance has a place in a model. */
struct Param {
  const Stmt *decl;
  Shape shape;
  State *state;
  Node *now;     /* STATE: what it stands for at this point of the pass; NULL: what it is between steps */
  State *next;   /* STATE: what the step in hand has made of it; NULL: nothing asks */
  bool assigned; /* STATE: in this pass */
};

typedef struct Member {
  const char *name;
  Val val; /* PARAM, INST, or LIST of instances */
  Loc loc;
} Member;

/* A module with its arguments. Bound at several places it is shared: its first place names its parameters. */
struct Inst {
  const Decl *decl;
  Scope *scope;
  const char *path;   /* NULL until it has a place */
  const char *called; /* the same as nodes have it: "teacher/blocks.3" in a frozen model */
  bool frozen;        /* its first place is in a frozen model: what it computes is as in evaluation */
  int nmember, cap_member;
  Member **member;
  NameTable by_name; /* the same */
};

Val val_number(double v);
Val val_bool(bool v);
Val val_text(const char *s);
Val val_tensor(Node *n); /* ERROR for NULL */
Val val_list(const Val *item, int n);
/* Is it a whole number from lo to hi? */
bool val_whole(Val v, int64_t lo, int64_t hi, int64_t *out);
bool val_same(Val a, Val b);
const char *val_kind_name(ValKind k);
/* The value for a message or the manifest: "12", "(6, 8)", "f32 [2, 148, 48]"; long lists are cut. */
const char *val_show(Arena *a, Val v);

/* The value in full, as -D takes it where it can: "12", "vit", "(6, 8)", functions and modules by name. */
const char *val_full(Arena *a, Val v);

Scope *scope_new(Arena *a, Scope *parent);
void scope_bind(Arena *a, Scope *s, const char *name, Val v);
/* In this scope alone; in it and those around it. */
Bind *scope_own(const Scope *s, const char *name);
Bind *scope_lookup(const Scope *s, const char *name);
/* The scope as it is now, whatever is bound in it later. */
Scope *scope_snapshot(Arena *a, const Scope *s);

#endif
