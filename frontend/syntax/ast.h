/* The syntax tree of a description. Everything is arena-owned and never changed after parsing, except the
 * value that a file-level `let` keeps once it is evaluated. */
#ifndef FRONTEND_AST_H
#define FRONTEND_AST_H

#include "base/diag.h"
#include "frontend/syntax/name_table.h"
#include "ir/type.h"

typedef struct Expr Expr;
typedef struct Stmt Stmt;
typedef struct Decl Decl;
typedef struct File File;

typedef struct Names {
  int n, cap;
  const char **v;
} Names;

typedef struct ExprList {
  int n, cap;
  Expr **v; /* in the dimensions of an argument NULL stands for ".." */
} ExprList;

typedef struct Block {
  int n, cap;
  Stmt **v;
} Block;

/* An argument of a call: name NULL when it goes by position. Also an item of `report`. */
typedef struct CallArg {
  const char *name;
  Expr *value;
  Loc loc;
} CallArg;

typedef struct CallArgs {
  int n, cap;
  CallArg *v;
} CallArgs;

typedef enum IndexKind { INDEX_AT, INDEX_SPAN, INDEX_REST } IndexKind;

typedef struct IndexItem {
  IndexKind kind;
  Expr *lo, *hi, *step; /* AT: lo; SPAN: any may be NULL */
  Loc loc;
} IndexItem;

/* One "for NAMES in OVER [if ONLY]" of a comprehension. */
typedef struct Clause {
  Names names;
  Expr *over, *only;
} Clause;

typedef enum Sign {
  SIGN_NEG,
  SIGN_NOT,
  SIGN_ADD,
  SIGN_SUB,
  SIGN_MUL,
  SIGN_DIV,
  SIGN_INTDIV,
  SIGN_MOD,
  SIGN_POW,
  SIGN_LT,
  SIGN_LE,
  SIGN_GT,
  SIGN_GE,
  SIGN_EQ,
  SIGN_NE,
  SIGN_AND,
  SIGN_OR,
  SIGN_RANGE,
  SIGN_COUNT
} Sign;

typedef enum ExprKind {
  EX_NUMBER,
  EX_STRING,
  EX_BOOL,
  EX_NAME,
  EX_LIST,
  EX_UNARY,
  EX_BINARY,
  EX_IF,
  EX_CALL,
  EX_INDEX,
  EX_FIELD,
  EX_EACH
} ExprKind;

struct Expr {
  ExprKind kind;
  Loc loc;
  union {
    double number;
    bool truth;
    const char *text; /* STRING, NAME */
    ExprList list;
    struct {
      Sign sign;
      Expr *a, *b;
    } op;
    struct {
      Expr *cond, *yes, *no;
    } choice;
    struct {
      Expr *callee;
      CallArgs args;
    } call;
    struct {
      Expr *of;
      int n, cap;
      IndexItem *item;
    } index;
    struct {
      Expr *of;
      const char *name;
    } field;
    struct {
      Expr *item;
      int n, cap;
      Clause *clause;
    } each;
  } u;
};

/* What stands left of an operator, a call, an index or a field; NULL for the rest. Such chains may be as long
 * as the file, while all else nests only as deep as the parser allows: walk them in a loop. */
const Expr *expr_left(const Expr *e);

typedef enum StmtKind {
  SM_LET,
  SM_SET,
  SM_FOR,
  SM_IF,
  SM_RETURN,
  SM_CHECK,
  SM_PARAM,
  SM_STATE,
  SM_SUB,
  SM_DATA,
  SM_MODEL,
  SM_FROZEN,
  SM_STATE_MODEL,
  SM_SETTING,
  SM_MINIMISE,
  SM_REPORT,
  SM_OPTIMIZER,
  SM_CLIP,
  SM_EVALUATE,
  SM_UPDATE
} StmtKind;

struct Stmt {
  StmtKind kind;
  Loc loc;
  union {
    struct {
      Names names;
      Expr *value;
    } bind; /* LET, SET */
    struct {
      Names names;
      Expr *over;
      Block body;
    } loop;
    struct {
      Expr *cond;
      Block yes, no;
    } choice;
    Expr *value; /* RETURN, MINIMISE, CLIP; OPTIMIZER: a call */
    struct {
      Expr *cond, *message;
    } check;
    struct {
      const char *name;
      DType type;
      ExprList dims;
      bool fixed;
      Expr *init;
    } param; /* PARAM, STATE */
    struct {
      const char *name;
      Expr *value;
      const char *help; /* SETTING */
      Expr *from;       /* MODEL, STATE_MODEL: the module whose values are its first ones, or NULL */
    } named;            /* SUB, MODEL, FROZEN, STATE_MODEL, SETTING, UPDATE */
    struct {
      const char *name;
      DType type;
      ExprList dims;
      Expr *source; /* a call */
    } data;
    CallArgs report;
    Block body; /* EVALUATE */
  } u;
};

/* A parameter of a function, a module, an optimizer or a train block. */
typedef struct ArgDecl {
  const char *name;
  Loc loc;
  bool typed; /* has dimensions: takes a tensor */
  DType type;
  ExprList dims;
  Expr *init; /* the default, or NULL */
} ArgDecl;

typedef struct Signature {
  int n, cap;
  ArgDecl *v;
} Signature;

typedef struct FnDecl {
  const char *name; /* "" for a module's own call */
  Loc loc;
  Signature sig;
  Block body;
} FnDecl;

typedef struct ModuleDecl {
  Signature sig;
  Block member;
  int nfn, cap_fn;
  FnDecl **fn;
} ModuleDecl;

typedef struct SlotDecl {
  const char *name;
  Loc loc;
  bool scalar; /* one number for the whole group, not one an element */
  Expr *init;
} SlotDecl;

typedef struct OptDecl {
  Signature sig;
  int nslot, cap_slot;
  SlotDecl *slot;
  bool each;                /* `update each`: for every parameter in its own shape */
  const char *param, *grad; /* what `update` calls them */
  Block body;
} OptDecl;

typedef struct TrainDecl {
  Signature sig;
  Block body;
  const char *base; /* "train NAME = BASE(args)": the block whose defaults this one changes; else NULL */
  CallArgs args;
} TrainDecl;

typedef enum DeclKind { DECL_FN, DECL_MODULE, DECL_OPTIMIZER, DECL_TRAIN, DECL_LET } DeclKind;

struct Decl {
  DeclKind kind;
  const char *name;
  Loc loc;
  const File *file;
  union {
    FnDecl fn;
    ModuleDecl module;
    OptDecl opt;
    TrainDecl train;
    struct {
      Expr *value;
      struct Val *kept; /* NULL until evaluated */
      bool busy;        /* being evaluated: a second visit is a cycle */
    } let;
  } u;
};

typedef struct Import {
  const char *path; /* as written */
  Loc loc;
  const File *file; /* NULL until loaded */
} Import;

struct File {
  const Source *src;
  const char *relative; /* to the description's folder, or to the library's */
  int ndecl, cap_decl;
  Decl **decl;
  NameTable train, other; /* the same: train blocks have names of their own */
  int nimport, cap_import;
  Import *import;
};

#endif
