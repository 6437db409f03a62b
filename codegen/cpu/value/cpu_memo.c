/* Remembers what was computed at a point, so that a value used many times is emitted once and a tower of
 * values that each use the one below twice does not grow without bound. */
#include <string.h>

#include "codegen/cpu/cpu_impl.h"

/* The point that an entry holds for. */
typedef struct State {
  int lanes, lane_axis;
  LLVMValueRef mask, guard;
  LLVMValueRef axis[CPU_MAX_AXES];
} State;

typedef struct Entry {
  const void *what; /* an expression; NULL: value val at idx */
  int val, nidx;
  const Ix *const *idx;
  int state;
  LLVMValueRef v;
} Entry;

struct CpuMemo {
  Arena *arena;
  LLVMBasicBlockRef region, tail; /* straight-line code runs from region to tail */
  int nstate, cap_state, nentry, cap_entry;
  State *state;
  Entry *entry;
};

CpuMemo *cpu_memo_new(Arena *a) {
  CpuMemo *m = ARENA_NEW(a, CpuMemo);
  m->arena = a;
  return m;
}

LLVMBasicBlockRef cpu_memo_region(CpuFn *f) {
  LLVMBasicBlockRef now = LLVMGetInsertBlock(f->b);
  return now == f->memo->tail ? f->memo->region : now;
}

void cpu_memo_extend(CpuFn *f, LLVMBasicBlockRef region) {
  if (region == f->memo->region) f->memo->tail = LLVMGetInsertBlock(f->b);
}

static void enter_region(CpuFn *f) {
  CpuMemo *m = f->memo;
  LLVMBasicBlockRef region = cpu_memo_region(f);
  if (region == m->region) return;
  m->region = region;
  m->tail = LLVMGetInsertBlock(f->b);
  m->nstate = m->nentry = 0;
}

static bool holds(const CpuFn *f, const State *s) {
  return s->lanes == f->lanes && s->lane_axis == f->lane_axis && s->mask == f->mask &&
         (!s->guard || s->guard == f->guard) && !memcmp(s->axis, f->axis, sizeof s->axis);
}

static int state_of(CpuFn *f) {
  CpuMemo *m = f->memo;
  for (int i = m->nstate; i-- > 0;)
    if (m->state[i].guard == f->guard && holds(f, &m->state[i])) return i;
  ARENA_GROW(m->arena, m->state, m->nstate, m->cap_state);
  State *s = &m->state[m->nstate];
  s->lanes = f->lanes, s->lane_axis = f->lane_axis, s->mask = f->mask, s->guard = f->guard;
  memcpy(s->axis, f->axis, sizeof s->axis);
  return m->nstate++;
}

static bool same(const Entry *e, const void *what, int val, const Ix *const *idx, int nidx) {
  if (e->what != what || e->val != val || e->nidx != nidx) return false;
  for (int i = 0; i < nidx; i++)
    if (!ix_same(e->idx[i], idx[i])) return false;
  return true;
}

LLVMValueRef cpu_memo_find(CpuFn *f, const void *what, int val, const Ix *const *idx, int nidx) {
  enter_region(f);
  const CpuMemo *m = f->memo;
  for (int i = m->nentry; i-- > 0;)
    if (same(&m->entry[i], what, val, idx, nidx) && holds(f, &m->state[m->entry[i].state]))
      return m->entry[i].v;
  return NULL;
}

void cpu_memo_add(CpuFn *f, const void *what, int val, const Ix *const *idx, int nidx, LLVMValueRef v) {
  enter_region(f);
  CpuMemo *m = f->memo;
  int state = state_of(f);
  ARENA_GROW(m->arena, m->entry, m->nentry, m->cap_entry);
  m->entry[m->nentry++] = (Entry){what, val, nidx, idx, state, v};
}
