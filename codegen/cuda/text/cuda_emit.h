/* A kernel being written as CUDA C, shared by the emitter's files.
 *
 * Text is written into nested scopes, one a brace. A value is computed where it is first needed, into a
 * constant named after it, in the outermost scope that binds the axes it depends on; so what does not change
 * in a loop stands before the loop, and no value is computed twice at one place. Nothing moves out of a
 * branch: a select's branch that is not taken must not read. */
#ifndef CODEGEN_CUDA_EMIT_H
#define CODEGEN_CUDA_EMIT_H

#include <stdarg.h>

#include "codegen/cuda/cuda.h"

/* Text that grows at its end, in an arena. */
typedef struct CudaText {
  Arena *a;
  char *s; /* NUL-terminated once something was added; NULL before */
  int n, cap;
} CudaText;

void ctext_add(CudaText *t, const char *s);
void ctext_vprintf(CudaText *t, const char *fmt, va_list ap);
void ctext_printf(CudaText *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A value that already has a C expression at these indices. */
typedef struct CudaBound {
  int val;
  const Ix *const *idx;
  const char *text;
} CudaBound;

typedef struct CudaScope CudaScope;
struct CudaScope {
  CudaScope *up;
  CudaText text;
  int depth;   /* of indentation */
  bool closed; /* nothing is computed outside on its account: a branch, or a row, which has held values */
  int *axis;   /* axes that have a C variable from here on */
  int naxis, cap_axis;
  CudaBound *bound;
  int nbound, cap_bound;
};

/* A value held for a row by the whole block: an array over `axis` in shared memory, or a scalar when there
 * are none. Its other axes are the row's. */
typedef struct CudaHeld {
  int val, naxis, axis[KERN_MAX_DOMAIN];
  const char *name;
} CudaHeld;

/* A name and the scope it is declared in, which it is free after; NULL: the whole function. */
typedef struct CudaUsed {
  const char *name;
  const CudaScope *scope;
} CudaUsed;

typedef struct CudaFn {
  const Kernel *k;
  Arena *a;
  const char *const *setting;
  int nsetting;
  CudaScope *scope;
  const char *index; /* the C type of indices: "int", or "long long" where an extent or a buffer needs it */
  int naxis, cap_axis;
  const char **axis_name; /* of the kernel's axes, then of copies made for reductions inside reductions */
  int64_t *axis_extent;
  int cap_extent;
  const char **buf_name;
  const char **word_name, **key_name; /* each word, and of a stream the key made of it at the start */
  CudaUsed *used;                     /* names taken so far */
  int nused, cap_used;
  CudaHeld *held;
  int nheld, cap_held;
  int block;
} CudaFn;

/* Scopes (codegen/cuda/text/cuda_scope.c). cuda_open writes its header, "for (..)", before the brace; NULL:
 * none. */
void cuda_open(CudaFn *f, bool closed, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void cuda_push(CudaFn *f, bool closed);
/* Leaves the innermost scope; its text is the caller's to use. */
void cuda_pop(CudaFn *f);
/* Ends the innermost scope: its text goes to the one around it. */
void cuda_close(CudaFn *f);
void cuda_line(CudaFn *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void cuda_bind_axis(CudaFn *f, int axis);
bool cuda_axis_bound(const CudaFn *f, int axis);
void cuda_bind(CudaScope *s, Arena *a, int val, const Ix *const *idx, const char *text);
/* The text of a value that is bound here or around; NULL when there is none. */
const char *cuda_lookup(const CudaFn *f, int val, const Ix *const *idx);
/* The outermost scope where a value at idx can be computed. */
CudaScope *cuda_home(const CudaFn *f, int nidx, const Ix *const *idx);

/* Names (codegen/cuda/text/cuda_scope.c): like `want`, an identifier that nothing declared in an open scope
 * has. */
const char *cuda_name(CudaFn *f, const char *want);
/* The name taken last belongs to the scope that was opened since. */
void cuda_move_name(CudaFn *f);
/* Frees the names declared in the innermost scope. */
void cuda_release_names(CudaFn *f);
/* Names the kernel's arguments and axes and chooses the index type. */
void cuda_name_all(CudaFn *f);
/* A copy of an axis, so that a reduction over it can stand inside a loop over it. */
int cuda_fresh_axis(CudaFn *f, int axis);
const Ix *cuda_axis_ix(CudaFn *f, int axis);

/* Whether the text is a name or a plain number, which may be repeated without computing anything twice. */
bool cuda_simple(const char *text);
/* The text without parentheses around all of it. */
const char *cuda_bare(CudaFn *f, const char *text);

/* Types (codegen/cuda/text/cuda_expr.c): C types in memory and in registers, and conversions of register
 * texts. bf16 and f16 are float in registers, rounded after each operation, and 16-bit words in memory. */
const char *cuda_memory_type(DType t);
const char *cuda_register_type(DType t);
const char *cuda_load(CudaFn *f, DType t, const char *memory);
const char *cuda_to_memory(CudaFn *f, DType t, const char *value);
const char *cuda_round(CudaFn *f, DType t, const char *value);
const char *cuda_cast(CudaFn *f, DType to, DType from, const char *value);
const char *cuda_constant(CudaFn *f, DType t, double v);

/* Expressions (codegen/cuda/text/cuda_expr.c, cuda_value.c) at the axes' current variables. */
const char *cuda_index(CudaFn *f, const Ix *ix);
/* "x[m * 768 + k]". */
const char *cuda_element(CudaFn *f, int buf, const Ix *const *idx);
const char *cuda_expr(CudaFn *f, const KExpr *e);
/* The operation to type t in C, with its operands as %1, %2, %3. */
const char *cuda_elt_form(EltOp op, DType t);
/* Value number val at idx: its name once it is computed. */
const char *cuda_value(CudaFn *f, int val, const Ix *const *idx);
/* A value's own axes as indices. */
const Ix *const *cuda_own_axes(CudaFn *f, int val);
/* The value's expression with its axes replaced by idx; red[i] gets the axis that stands for reduction axis
 * i, a copy where that is bound already. lo and hi of a reduction likewise. */
const KExpr *cuda_body(CudaFn *f, int val, const Ix *const *idx, KRed *red);
/* Opens the serial loops of a reduction and binds their axes; as many cuda_close end them. */
void cuda_open_loops(CudaFn *f, int n, const KRed *red);
/* The statement that adds a term to an accumulator, "s += x;", and the accumulator's first value. */
void cuda_accumulate(CudaFn *f, const KVal *v, const char *acc, const char *term);
const char *cuda_identity(CudaFn *f, const KVal *v);
/* Declares variables for axes from a row-major position; the last one declared is the fastest. */
void cuda_split(CudaFn *f, const char *position, int n, const int *axis);
int64_t cuda_product(const CudaFn *f, int n, const int *axis);
/* Executes store s at the current point. The two steps of several stores at one point: all values first,
 * since a buffer may be both read and written there. */
void cuda_write_stores(CudaFn *f, int n, const int *store);

/* The plain rule (codegen/cuda/text/cuda_plain_loop.c): writes the function's body and fills the launch in.
 */
void cuda_plain(CudaFn *f, CudaLaunch *l);
/* The same for the tensor-core dot (codegen/cuda/text/cuda_dot_loop.c). */
typedef struct CudaDot CudaDot;
void cuda_dot(CudaFn *f, const CudaDot *d, CudaLaunch *l);
/* Takes the names that it uses; comes before cuda_name_all. */
void cuda_dot_words(CudaFn *f);

/* Device functions that every unit begins with, in pieces, NULL-ended (codegen/cuda/text/cuda_prelude.c). */
extern const char *const cuda_prelude[];

#endif
