/* The flat skeleton: a map over one domain, which all stores share; no reduction. Neighbouring axes run as
 * one where every access allows; the innermost is cut into vectors, the rest and long innermost axes into
 * units that tasks share. Role `lane` (else the first store's contiguous axis) names the axis in vectors;
 * number `tasks` (else one for every 16 K elements) how many there are. */
#include "base/i64.h"
#include "codegen/cpu/cpu_axes.h"

enum { CHUNK = 4096 };

typedef struct Flat {
  CpuFusion fusion;
  CpuAxes outer;
  int lane;
  int64_t extent; /* of the lane axis */
  int64_t chunks, tasks;
} Flat;

/* Where an axis goes: by the distance of the first store's elements along it, the lane axis last, what is not
 * affine first. */
static int64_t rank(const Kernel *k, const KPlan *p, int axis) {
  if (krole_has(&p->role[ROLE_LANE], axis)) return INT64_MIN;
  const KStore *st = &k->store[0];
  const KBuf *b = &k->buf[st->buf];
  int64_t step = 0, coef;
  for (int d = 0; d < b->rank; d++) {
    if (!ix_coef(st->idx[d], axis, &coef)) return INT64_MAX;
    step += coef * b->stride[d];
  }
  return step;
}

/* The axes in the order of the first store's memory, so that writes are sequential. */
static CpuAxes order(const Kernel *k, const KPlan *p) {
  const KVal *v = &k->val[k->store[0].val];
  int axis[KERN_MAX_DOMAIN];
  for (int i = 0; i < v->naxes; i++) {
    int at = i;
    for (; at > 0 && rank(k, p, axis[at - 1]) < rank(k, p, v->axis[i]); at--) axis[at] = axis[at - 1];
    axis[at] = v->axis[i];
  }
  CpuAxes axes = {0};
  for (int i = 0; i < v->naxes; i++) cpu_axes_add(&axes, k, axis[i]);
  return axes;
}

static void check_domains(const Kernel *k) {
  const KVal *first = &k->val[k->store[0].val];
  for (int s = 0; s < k->nstore; s++) {
    const KVal *v = &k->val[k->store[s].val];
    bool same = v->naxes == first->naxes;
    for (int i = 0; same && i < v->naxes; i++) {
      bool found = false;
      for (int j = 0; j < v->naxes; j++) found |= first->axis[j] == v->axis[i];
      same = found;
    }
    if (!same) kern_misfit(k, "%s and %s have different domains", first->name, v->name);
  }
}

static Flat shape(Arena *a, const Kernel *k, const KPlan *p) {
  Flat s = {.lane = -1, .extent = 1};
  if (!k->nstore) ice("flat kernel %s stores nothing", k->name);
  check_domains(k);
  cpu_fusion_init(&s.fusion, a, k);
  s.outer = order(k, p);
  cpu_fuse(&s.fusion, &s.outer, true);
  if (s.outer.n) {
    s.lane = s.outer.axis[--s.outer.n];
    s.extent = s.outer.extent[s.outer.n];
  }
  s.chunks = s.extent >= 2 * CHUNK ? i64_ceil_div(s.extent, CHUNK) : 1;
  int64_t points = cpu_axes_count(&s.outer);
  s.tasks = cpu_task_count(p, points * s.chunks, points * s.extent);
  return s;
}

int64_t cpu_flat_tasks(Arena *a, const Kernel *k, const KPlan *p) {
  return shape(a, k, p).tasks;
}

static void map_all(CpuFn *f, const int *all) {
  cpu_store_together(f, all, f->k->nstore);
}

/* Vectors from lo to hi, the last one masked where the extent needs it. */
static void map_chunk(CpuFn *f, const Flat *s, LLVMValueRef lo, LLVMValueRef hi, const int *all) {
  int lanes = f->lanes = f->lane_align = f->cpu->lanes;
  f->lane_axis = s->lane;
  LLVMValueRef whole = LLVMBuildAnd(f->b, LLVMBuildSub(f->b, hi, lo, ""), cpu_i64(f, -(int64_t)lanes), "");
  LLVMValueRef full = LLVMBuildAdd(f->b, lo, whole, "full");
  if (s->extent >= lanes) {
    CpuLoop l = cpu_loop(f, lo, full, lanes, "lane");
    f->axis[s->lane] = l.i;
    map_all(f, all);
    cpu_loop_end(f, &l);
  }
  if (s->extent % lanes) {
    LLVMBasicBlockRef after = cpu_if(f, LLVMBuildICmp(f->b, LLVMIntSLT, full, hi, ""), "tail");
    f->axis[s->lane] = full;
    f->mask = cpu_tail_mask(f, full, hi);
    map_all(f, all);
    f->mask = NULL;
    cpu_if_end(f, after);
  }
  f->lanes = 1;
}

static void map_unit(CpuFn *f, const Flat *s, LLVMValueRef chunk, const int *all) {
  if (s->extent == 1) {
    if (s->lane >= 0) f->axis[s->lane] = cpu_i64(f, 0);
    map_all(f, all);
    return;
  }
  LLVMValueRef hi = cpu_i64(f, s->extent), lo = cpu_i64(f, 0);
  if (s->chunks > 1) {
    LLVMValueRef size = cpu_i64(f, CHUNK);
    lo = LLVMBuildMul(f->b, chunk, size, "lo");
    LLVMValueRef end = LLVMBuildAdd(f->b, lo, size, "");
    hi = LLVMBuildSelect(f->b, LLVMBuildICmp(f->b, LLVMIntSLT, end, hi, ""), end, hi, "hi");
  }
  map_chunk(f, s, lo, hi, all);
}

void cpu_flat(CpuFn *f) {
  Flat s = shape(f->arena, f->k, f->plan);
  int *all = ARENA_ARRAY(f->arena, f->k->nstore, int);
  for (int i = 0; i < f->k->nstore; i++) all[i] = i;
  f->sub = s.fusion.sub;
  f->nsub = f->k->naxes;
  LLVMValueRef chunk;
  CpuLoop l = cpu_unit_loop(f, &s.outer, s.chunks, s.tasks, &chunk);
  map_unit(f, &s, chunk, all);
  cpu_loop_end(f, &l);
  f->sub = NULL;
}
