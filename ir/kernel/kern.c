/* Kernel IR: building a kernel and its plans. Names are for people: they are made identifiers and unique, so
 * that any kernel prints as text that parses. */
#include "ir/kernel/kern.h"

#include <ctype.h>
#include <string.h>

#include "ir/kernel/kern_name.h"

Kernel *kern_new(Arena *a, const char *name, Loc loc) {
  Kernel *k = ARENA_NEW(a, Kernel);
  k->arena = a;
  k->name = kern_identifier(a, name);
  k->loc = loc;
  return k;
}

static bool letter(char c) {
  return isalpha((unsigned char)c) || c == '_';
}

bool kern_is_identifier(const char *s) {
  if (!letter(*s)) return false;
  while (*++s)
    if (!letter(*s) && !isdigit((unsigned char)*s)) return false;
  return true;
}

bool kern_is_reserved(const char *s) {
  static const char *const words[] = {"inf", "nan", "true", "false", "and", "or", "sum", "max"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (!strcmp(s, words[i])) return true;
  return false;
}

const char *kern_identifier(Arena *a, const char *name) {
  if (kern_is_identifier(name) && !kern_is_reserved(name)) return arena_strdup(a, name);
  char *s = arena_printf(a, "%s%s", letter(*name) ? "" : "_", name);
  for (char *p = s; *p; p++)
    if (!letter(*p) && !isdigit((unsigned char)*p)) *p = '_';
  return kern_is_reserved(s) ? arena_printf(a, "%s_", s) : s;
}

int kern_find_axis(const Kernel *k, const char *name) {
  for (int i = 0; i < k->naxes; i++)
    if (!strcmp(k->axis[i].name, name)) return i;
  return -1;
}

int kern_find_buf(const Kernel *k, const char *name) {
  for (int i = 0; i < k->nbuf; i++)
    if (!strcmp(k->buf[i].name, name)) return i;
  return -1;
}

int kern_find_val(const Kernel *k, const char *name) {
  for (int i = 0; i < k->nval; i++)
    if (!strcmp(k->val[i].name, name)) return i;
  return -1;
}

int kern_find_stream(const Kernel *k, const char *name) {
  for (int i = 0; i < k->nstream; i++)
    if (!strcmp(k->stream[i].name, name)) return i;
  return -1;
}

/* Axes have a space of names of their own; buffers, streams and values share one. */
static bool taken(const Kernel *k, const char *name, bool axes) {
  if (axes) return kern_find_axis(k, name) >= 0;
  return kern_find_buf(k, name) >= 0 || kern_find_stream(k, name) >= 0 || kern_find_val(k, name) >= 0;
}

static const char *unique_name(const Kernel *k, const char *name, bool axes) {
  const char *first = kern_identifier(k->arena, name), *s = first;
  for (int i = 2; taken(k, s, axes); i++) s = arena_printf(k->arena, "%s_%d", first, i);
  return s;
}

int kern_axis(Kernel *k, const char *name, int64_t extent) {
  if (k->naxes == KERN_MAX_AXES) ice("kernel %s: more than %d axes", k->name, KERN_MAX_AXES);
  if (extent < 1) ice("kernel %s: axis %s of extent %lld", k->name, name, (long long)extent);
  k->axis[k->naxes] = (KAxis){unique_name(k, name, true), extent};
  return k->naxes++;
}

int kern_buf(Kernel *k, const char *name, KBufKind kind, DType t, int rank, const int64_t *dim,
             const int64_t *stride) {
  if (rank < 0 || rank > MAX_RANK) ice("kernel %s: buffer %s of rank %d", k->name, name, rank);
  ARENA_GROW(k->arena, k->buf, k->nbuf, k->cap_buf);
  KBuf *b = &k->buf[k->nbuf];
  *b = (KBuf){.name = unique_name(k, name, false), .dtype = t, .kind = kind, .rank = rank};
  int64_t row_major = 1;
  for (int i = rank - 1; i >= 0; i--) {
    b->dim[i] = dim[i];
    b->stride[i] = stride ? stride[i] : row_major;
    row_major *= dim[i];
  }
  return k->nbuf++;
}

int kern_stream(Kernel *k, const char *name, uint64_t value) {
  ARENA_GROW(k->arena, k->stream, k->nstream, k->cap_stream);
  k->stream[k->nstream] = (KStream){unique_name(k, name, false), value};
  return k->nstream++;
}

static void check_axes(const Kernel *k, const char *what, int n, const int *axis) {
  if (n < 0 || n > KERN_MAX_DOMAIN) ice("kernel %s: %s over %d axes", k->name, what, n);
  for (int i = 0; i < n; i++)
    if (axis[i] < 0 || axis[i] >= k->naxes) ice("kernel %s: %s has no axis %d", k->name, what, axis[i]);
}

static void check_value(const Kernel *k, const char *name, DType t, KReduce r, int nred, const KRed *red,
                        const KExpr *expr) {
  if (!expr || expr->dtype != t) ice("kernel %s: value %s is not of its type", k->name, name);
  if (nred < 0 || nred > KERN_MAX_DOMAIN || (r == KR_NONE) != (nred == 0))
    ice("kernel %s: value %s reduces over %d axes", k->name, name, nred);
  for (int i = 0; i < nred; i++) check_axes(k, name, 1, &red[i].axis);
  if (k->nplan) ice("kernel %s: value %s comes after a plan", k->name, name);
}

DType kern_acc(KReduce r, DType t) {
  return r == KR_SUM && dtype_is_float(t) ? DT_F32 : t;
}

int kern_val(Kernel *k, const char *name, DType t, int naxes, const int *axis, KReduce r, int nred,
             const KRed *red, const KExpr *expr) {
  check_axes(k, name, naxes, axis);
  check_value(k, name, t, r, nred, red, expr);
  ARENA_GROW(k->arena, k->val, k->nval, k->cap_val);
  KVal *v = &k->val[k->nval];
  *v = (KVal){.name = unique_name(k, name, false),
              .dtype = t,
              .acc = kern_acc(r, t),
              .naxes = naxes,
              .reduce = r,
              .nred = nred,
              .expr = expr,
              .loc = k->loc};
  for (int i = 0; i < naxes; i++) v->axis[i] = axis[i];
  for (int i = 0; i < nred; i++) v->red[i] = red[i];
  return k->nval++;
}

const Ix *const *kern_copy_indices(Arena *a, const Ix *const *idx, int n) {
  const Ix **copy = ARENA_ARRAY(a, n, const Ix *);
  for (int i = 0; i < n; i++) copy[i] = idx[i];
  return copy;
}

void kern_store(Kernel *k, int val, int buf, const Ix *const *idx) {
  if (val < 0 || val >= k->nval || buf < 0 || buf >= k->nbuf)
    ice("kernel %s: store of value %d to buffer %d", k->name, val, buf);
  ARENA_GROW(k->arena, k->store, k->nstore, k->cap_store);
  k->store[k->nstore++] = (KStore){val, buf, kern_copy_indices(k->arena, idx, k->buf[buf].rank)};
}

KPlan *kern_plan(Kernel *k, const char *target, KSkeleton s) {
  if (k->nplan == KERN_MAX_PLANS) ice("kernel %s: more than %d plans", k->name, KERN_MAX_PLANS);
  if (!k->plan) k->plan = ARENA_ARRAY(k->arena, KERN_MAX_PLANS, KPlan);
  KPlan *p = &k->plan[k->nplan++];
  *p = (KPlan){.target = arena_strdup(k->arena, target), .skeleton = s, .loc = k->loc};
  p->place = ARENA_ARRAY(k->arena, k->nval, KPlace);
  return p;
}

void kplan_role(KPlan *p, KRole r, int naxes, const int *axis) {
  if (naxes < 0 || naxes > KERN_MAX_DOMAIN) ice("role %s of %d axes", kern_role_name(r), naxes);
  if (p->role[r].naxes) ice("role %s is given twice", kern_role_name(r));
  p->role[r].naxes = naxes;
  for (int i = 0; i < naxes; i++) p->role[r].axis[i] = axis[i];
}

void kplan_num(KPlan *p, KNum n, int64_t value) {
  if (value < 1) ice("number %s is %lld", kern_num_name(n), (long long)value);
  if (p->num[n]) ice("number %s is given twice", kern_num_name(n));
  p->num[n] = value;
}

int64_t kplan_get(const KPlan *p, KNum n, int64_t otherwise) {
  return p->num[n] ? p->num[n] : otherwise;
}

bool krole_has(const KRoleAxes *r, int axis) {
  for (int i = 0; i < r->naxes; i++)
    if (r->axis[i] == axis) return true;
  return false;
}

bool kval_is_over(const KVal *v, const KRoleAxes *r) {
  for (int i = 0; i < v->naxes; i++)
    if (krole_has(r, v->axis[i])) return true;
  return false;
}

bool kval_reduces(const KVal *v, const KRoleAxes *r) {
  for (int i = 0; i < v->nred; i++)
    if (!krole_has(r, v->red[i].axis)) return false;
  return v->nred > 0;
}

int64_t kern_role_extent(const Kernel *k, const KRoleAxes *r) {
  int64_t n = 1;
  for (int i = 0; i < r->naxes; i++) n *= k->axis[r->axis[i]].extent;
  return n;
}

const char *kern_role_name(KRole r) {
  static const char *const names[ROLE_COUNT] = {
#define X(e, text) [ROLE_##e] = text,
      KERN_ROLES(X)
#undef X
  };
  return names[r];
}

KRole kern_role_named(const char *name) {
  for (int r = 0; r < ROLE_COUNT; r++)
    if (!strcmp(kern_role_name((KRole)r), name)) return (KRole)r;
  return ROLE_NONE;
}

const char *kern_num_name(KNum n) {
  static const char *const names[NUM_COUNT] = {
#define X(e, text) [NUM_##e] = text,
      KERN_NUMS(X)
#undef X
  };
  return names[n];
}

const char *kern_skeleton_name(KSkeleton s) {
  static const char *const names[SK_COUNT] = {
#define X(e, text) [SK_##e] = text,
      KERN_SKELETONS(X)
#undef X
  };
  return names[s];
}

const char *kern_place_name(KPlace p) {
  static const char *const names[KP_COUNT] = {
#define X(e, text) [KP_##e] = text,
      KERN_PLACES(X)
#undef X
  };
  return names[p];
}

const KPlan *kern_plan_for(const Kernel *k, const char *target) {
  for (int i = 0; i < k->nplan; i++)
    if (!strcmp(k->plan[i].target, target)) return &k->plan[i];
  return NULL;
}
