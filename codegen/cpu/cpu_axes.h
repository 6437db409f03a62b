/* Loop axes: the axes of a role, which of a kernel's axes can run as one, and how the outer ones of a flat or
 * row kernel are dealt out to tasks. Decisions depend on the plan and the shape alone, never on the target.
 */
#ifndef CODEGEN_CPU_AXES_H
#define CODEGEN_CPU_AXES_H

#include "codegen/cpu/cpu_emit.h"

/* Vectors are judged, and work is cut, in units of this many elements whatever the target. */
enum { CPU_GRAIN = 16, CPU_TASK_WORK = 16384, CPU_MAX_TASKS = 1024 };

/* Loop axes, outermost first. Numbers from the kernel's naxes on stand for several axes run as one. */
typedef struct CpuAxes {
  int n;
  int axis[CPU_MAX_AXES];
  int64_t extent[CPU_MAX_AXES];
} CpuAxes;

/* What CpuFn.sub is made of: sub[i] is axis i in terms of fused axes, or NULL. */
typedef struct CpuFusion {
  Arena *arena;
  const Kernel *k;
  int next; /* number of the next fused axis */
  const Ix *sub[KERN_MAX_AXES];
} CpuFusion;

void cpu_fusion_init(CpuFusion *u, Arena *a, const Kernel *k);
/* Fuses neighbours in `axes` where every index stays affine; the innermost ones also where it does not but
 * they alone would leave much of a vector empty, when `fill` says so. */
void cpu_fuse(CpuFusion *u, CpuAxes *axes, bool fill);

void cpu_axes_add(CpuAxes *axes, const Kernel *k, int axis);
int64_t cpu_axes_count(const CpuAxes *axes);
/* The axes of a role; none where the plan does not have it. */
CpuAxes cpu_axes_of(const Kernel *k, const KRoleAxes *r);
/* Runs the axes of a role as one, whatever that does to indices: its number, which is `fresh` unless there is
 * a single one, and its extent; to[i] becomes axis i in terms of it. */
int cpu_role_as_one(Arena *a, const Kernel *k, const KRoleAxes *r, int fresh, const Ix **to, int64_t *extent);
/* Sets f->axis to the point of that number in row-major order. */
void cpu_axes_set(CpuFn *f, const CpuAxes *axes, LLVMValueRef number);
/* What the kernel's accesses cost with lanes along an axis, in vector accesses: a gather is worth eight, and
 * what does not run along the axis is done one by one. */
double cpu_lane_cost(Arena *a, const Kernel *k, int axis);

/* Tasks for that many units of work, which are dealt out whole; `work` counts elements. */
int64_t cpu_task_count(const KPlan *p, int64_t units, int64_t work);
/* Opens the loop over this launch's units, each a point of `outer` (set in f->axis) and a chunk number. */
CpuLoop cpu_unit_loop(CpuFn *f, const CpuAxes *outer, int64_t chunks, int64_t tasks, LLVMValueRef *chunk);

#endif
