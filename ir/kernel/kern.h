/* Kernel IR. A kernel has a `compute` part, target-free: values defined by expressions over index axes,
 * without loops; and a `plan` a target: which loop skeleton, its axes' roles, a few numbers and where each
 * value lives. Both emitters read the same compute; kern_interp is the oracle.
 *
 *   compute fc1 "digpt.tess":41:9 {
 *     axis m:592 n:3072 k:768
 *     in x[592, 768] : f32                  # a buffer: extents, row-major unless `strides` follow
 *     in w[3072, 768] : f32
 *     in b[3072] : f32
 *     out t[592, 3072] : f32
 *     out g[592, 3072] : f32
 *     s[m, n] = sum(k) x[m, k] * w[n, k]    # at most one reduction, outermost
 *     u[m, n] = s[m, n] + b[n]
 *     v[m, n] = 0.5 * u[m, n] * (1 + erf(u[m, n] * 0.7071067811865476))
 *     store u[m, n] -> t[m, n]
 *     store v[m, n] -> g[m, n]
 *   }
 *   plan fc1 cpu dot { role m: m; role n: n; role k: k; num mr 14; num nr 32; place s acc }
 *
 * docs/kernel-ir.md has the grammar, the meaning and the numbered rules that kern_verify checks. */
#ifndef IR_KERN_H
#define IR_KERN_H

#include "base/arena.h"
#include "base/diag.h"
#include "ir/eltwise.h"
#include "ir/kernel/ix.h"
#include "ir/names.h"
#include "ir/type.h"

enum { KERN_MAX_AXES = 24, KERN_MAX_DOMAIN = 12 };

typedef struct KAxis {
  const char *name;
  int64_t extent;
} KAxis;

typedef enum KBufKind { KB_IN, KB_OUT, KB_INOUT } KBufKind;

/* A buffer argument; strides are in elements, 0 allowed for KB_IN. The pointer that the host passes already
 * contains any offset. No two arguments of one launch overlap, but a KB_INOUT is one argument read and
 * written at the same index only. */
typedef struct KBuf {
  const char *name;
  DType dtype;
  KBufKind kind;
  int rank;
  int64_t dim[MAX_RANK];
  int64_t stride[MAX_RANK];
} KBuf;

/* A word that a launch passes beside memory, one of its own: by type, u64 the number of a random stream,
 * which says what draws it makes; f32 a number of its expressions, as bits in the lower half. `value` is what
 * the kernel's text says, for a run of the text alone. */
typedef struct KWord {
  const char *name;
  DType type;
  uint64_t value;
} KWord;

typedef enum KExprKind {
  KE_CONST,  /* value */
  KE_INDEX,  /* ix, as a number of type dtype */
  KE_READ,   /* bufs[ref] at idx[0..nidx) */
  KE_VALUE,  /* vals[ref] at idx[0..nidx): one index an axis of its domain */
  KE_ELT,    /* elt over arg[0..arity); select evaluates lazily: a read in the branch not taken is not made,
                so it may be out of bounds there (padding, concatenation) */
  KE_CAST,   /* arg[0] to dtype */
  KE_STEP,   /* the step block's scalar named `name`, as f32 */
  KE_RANDOM, /* uniform [0,1) f32 of the stream word[ref] at element number ix (base/random.h) */
  KE_NUMBER  /* word[ref], a number */
} KExprKind;

typedef struct KExpr KExpr;
struct KExpr {
  KExprKind kind;
  DType dtype;
  EltOp elt;
  const KExpr *arg[3];
  double value;
  const Ix *ix;
  int ref;
  int nidx;
  const Ix *const *idx;
  const char *name;
};

typedef enum KReduce { KR_NONE, KR_SUM, KR_MAX } KReduce;

/* An axis that is reduced over, from lo to hi (NULL: 0, and the extent): how a mask known when the program
 * is built becomes a loop bound. Bounds may use the value's own axes and reads of i32 inputs. */
typedef struct KRed {
  int axis;
  const Ix *lo, *hi;
} KRed;

/* name[axis...] = reduce(red...) expr. The type of `expr` is dtype; a sum accumulates in `acc`. */
typedef struct KVal {
  const char *name;
  DType dtype;
  DType acc;
  int naxes;
  int axis[KERN_MAX_DOMAIN];
  KReduce reduce;
  int nred;
  KRed red[KERN_MAX_DOMAIN];
  const KExpr *expr;
  Loc loc;
} KVal;

/* bufs[buf] at idx := vals[val], for every point of the value's domain; idx are over its axes and hit no
 * element twice. */
typedef struct KStore {
  int val, buf;
  const Ix *const *idx; /* bufs[buf].rank of them */
} KStore;

/* Loop skeletons, with what each means on a target in docs/kernel-ir.md:
 *   flat   no reduction (all reductions already stored): a map over the domain
 *   rows   reductions over a row that stays resident, then maps over it; or one reduction by columns
 *   dot    one contraction with both operands staged (packed), prologue in the stage, epilogue on the tile
 *   chain   dot, rows, dot: two contractions chained through a resident block of rows
 * Partials and combine is two kernels: the split axis is an axis of the first one's output. */
#define KERN_SKELETONS(X) X(FLAT, "flat") X(ROWS, "rows") X(DOT, "dot") X(CHAIN, "chain")

typedef enum KSkeleton {
#define X(e, text) SK_##e,
  KERN_SKELETONS(X)
#undef X
      SK_COUNT
} KSkeleton;

/* What an axis is to a skeleton. `part` is none of a plan: while a kernel is written, a reduction that is cut
 * has its partials along it. */
#define KERN_ROLES(X)                                                                                        \
  X(POINTS, "points") /* all axes of a map */                                                                \
  X(PART, "part")     /* the partials of a reduction */                                                      \
  X(OUTER, "outer")   /* one row each */                                                                     \
  X(ROW, "row")       /* reduced over, or mapped over while resident */                                      \
  X(BATCH, "batch")   /* contractions of their own */                                                        \
  X(M, "m")           /* rows of the result; of a chain: what stays resident */                              \
  X(N, "n")           /* columns; of a chain: the elements of a resident row */                              \
  X(K, "k")           /* contracted; of a chain: by the first dot */                                         \
  X(D, "d")           /* columns of the second dot's result */                                               \
  X(LANE, "lane")     /* the one axis that vector lanes run along */

typedef enum KRole {
  ROLE_NONE = -1,
#define X(e, text) ROLE_##e,
  KERN_ROLES(X)
#undef X
      ROLE_COUNT
} KRole;

/* The axes of a role, outermost first; none: the plan does not have the role. */
typedef struct KRoleAxes {
  int naxes;
  int axis[KERN_MAX_DOMAIN];
} KRoleAxes;

/* A number that plans of a target may have: in which skeletons (a set, bit SK_..), up to which value. */
typedef struct KPlanNumber {
  const char *name;
  unsigned skeletons;
  int64_t most;
} KPlanNumber;

/* A place where plans of a target may have a value live; `sums`: sums alone. */
typedef struct KPlanPlace {
  const char *name;
  unsigned skeletons;
  bool sums;
} KPlanPlace;

/* What the plans of a target may say, a table of its own (ir/target.h). Plans hold numbers and places by
 * their rows in it. */
typedef struct KPlanRules {
  const char *word;   /* what its plans are called: "cpu" */
  unsigned skeletons; /* that it has */
  int nnumber, nplace;
  const KPlanNumber *number; /* at most KPLAN_MAX_NUMBERS */
  const KPlanPlace *place;   /* row KPLAN_INLINE is nobody's */
} KPlanRules;

enum { KPLAN_MAX_NUMBERS = 16 };
/* The place of values that live nowhere: they are evaluated at each use. */
enum { KPLAN_INLINE };
#define KPLAN_RULES(...) ((const KPlanRules *const[]){__VA_ARGS__, NULL})

typedef struct KPlan {
  const KPlanRules *rules; /* the target's */
  KSkeleton skeleton;
  KRoleAxes role[ROLE_COUNT];
  int64_t num[KPLAN_MAX_NUMBERS]; /* 0: left out, the emitter's choice */
  int *place;                     /* one a value */
  Loc loc;
} KPlan;

typedef struct Kernel Kernel;
struct Kernel {
  Arena *arena;
  const char *name;
  Loc loc;                   /* in the description, for errors and line tables */
  const Source *text;        /* the kernel text it was parsed from; places in it are not printed; or NULL */
  const char *const *origin; /* names of what it computes, for explanations: "blocks.*.mlp.fc1"; NULL-ended */
  int naxes, nbuf, nword, nval, nstore, nplan;
  KAxis axis[KERN_MAX_AXES];
  KBuf *buf;
  KWord *word;
  KVal *val; /* in an order in which each uses only earlier ones */
  KStore *store;
  KPlan *plan;
  int cap_buf, cap_word, cap_val, cap_store, cap_plan;
  Names names; /* of buffers, words and values, which share a space */
};

/* Builders (ir/kernel/kern.c; of plans, ir/kernel/kern_plan.c). They check at once and ice() on misuse, since
 * only the compiler calls them; user text goes through kern_parse, which reports instead. Returned numbers
 * index the kernel's arrays. Names are made identifiers and unique. Plans come after all values. */
Kernel *kern_new(Arena *a, const char *name, Loc loc);
/* A copy to be changed: its buffers, words and values are its own, expressions, stores and plans are shared.
 */
Kernel *kern_copy(Arena *a, const Kernel *k);
int kern_axis(Kernel *k, const char *name, int64_t extent);
/* strides NULL: row-major. */
int kern_buf(Kernel *k, const char *name, KBufKind kind, DType t, int rank, const int64_t *dim,
             const int64_t *stride);
/* Words: the number of a random stream; an f32. */
int kern_stream(Kernel *k, const char *name, uint64_t value);
int kern_number(Kernel *k, const char *name, float value);
float kword_number(uint64_t value);
int kern_val(Kernel *k, const char *name, DType t, int naxes, const int *axis, KReduce r, int nred,
             const KRed *red, const KExpr *expr);
/* What a reduction to type t accumulates in unless the kernel says otherwise: sums of floats in f32. */
DType kern_acc(KReduce r, DType t);
void kern_store(Kernel *k, int val, int buf, const Ix *const *idx);
KPlan *kern_plan(Kernel *k, const KPlanRules *rules, KSkeleton s);
/* Gives the role its axes, at most once. */
void kplan_role(KPlan *p, KRole r, int naxes, const int *axis);
/* Sets number n of the target's table, positive, at most once. */
void kplan_num(KPlan *p, int n, int64_t value);
int64_t kplan_get(const KPlan *p, int n, int64_t otherwise);
bool krole_has(const KRoleAxes *r, int axis);
/* Whether the value has an axis of the role, not counting those that it is reduced over; whether it is
 * reduced, over axes of the role alone. */
bool kval_is_over(const KVal *v, const KRoleAxes *r);
bool kval_reduces(const KVal *v, const KRoleAxes *r);
/* Points along a role; 1 without it. */
int64_t kern_role_extent(const Kernel *k, const KRoleAxes *r);
/* "batch" */
const char *kern_role_name(KRole r);
const char *kern_skeleton_name(KSkeleton s);
/* The kernel's plan for that target, or NULL. */
const KPlan *kern_plan_for(const Kernel *k, const KPlanRules *rules);

const KExpr *kexpr_const(Arena *a, DType t, double v);
const KExpr *kexpr_index(Arena *a, DType t, const Ix *ix);
const KExpr *kexpr_read(Kernel *k, int buf, const Ix *const *idx);
const KExpr *kexpr_value(Kernel *k, int val, const Ix *const *idx);
const KExpr *kexpr_elt(Arena *a, EltOp op, const KExpr *x, const KExpr *y, const KExpr *z);
const KExpr *kexpr_cast(Arena *a, DType t, const KExpr *x);
const KExpr *kexpr_step(Arena *a, const char *field);
const KExpr *kexpr_random(Kernel *k, int stream, const Ix *element);
const KExpr *kexpr_number(Kernel *k, int word);
/* The value's own axes as indices, and whether an expression KE_VALUE uses its value at them. */
const Ix *const *kval_own_axes(Arena *a, const Kernel *k, const KVal *v);
bool kexpr_at_own_axes(const Kernel *k, const KExpr *use);
/* Whether two lists of n reduced axes are the same, bounds included. */
bool kred_same(int n, const KRed *x, const KRed *y);
/* The expression with axis i replaced by to[i]. */
const KExpr *kexpr_subst(Arena *a, const KExpr *e, const Ix *const *to, int n);

/* Text (ir/kernel/kern_print.c, ir/kernel/kern_parse*.c): printing then parsing gives an equal kernel, byte
 * for byte when printed again. A file holds any number of computes, and plans for the targets whose rules are
 * given (KPLAN_RULES). kern_parse reports errors with places and returns NULL when there were any. */
char *kern_print(Arena *a, const Kernel *k);
typedef struct KernList {
  int n;
  Kernel **k;
} KernList;
KernList *kern_parse(Arena *a, const Source *src, const KPlanRules *const *rules);

/* Checks every rule (K1, K2, ...: docs/kernel-ir.md) of compute and plans; reports each broken one at its
 * place with its number and returns false. */
bool kern_verify(const Kernel *k);

/* Ends the compiler: a back end finds that the kernel does not fit its plan's skeleton in a way that no rule
 * says. Of a kernel that was read from a text it is an error there; one of the compiler's own is a defect. */
__attribute__((noreturn, format(printf, 2, 3))) void kern_misfit(const Kernel *k, const char *fmt, ...);

/* A text that is equal for kernels that can share code: names, places, origin and words' values left out.
 */
char *kern_canonical(Arena *a, const Kernel *k);

/* Reference interpreter (ir/kernel/kern_interp.c). bufs[i] is the memory of buffer i, in its dtype; with
 * `f64` every float buffer is an array of doubles instead and nothing is rounded. Without it each operation
 * rounds to its type and sums accumulate in `acc` from the first term to the last. */
typedef struct KStepEnv {
  uint64_t seed, step, micro;
  double (*scalar)(void *ctx, const char *name); /* KE_STEP */
  void *ctx;
  const uint64_t *word; /* the launch's, one for each of the kernel; NULL: those of its text */
} KStepEnv;
void kern_interp(const Kernel *k, void *const *bufs, const KStepEnv *env, bool f64);

#endif
