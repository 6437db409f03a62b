/* A target: a machine that programs are built for, as the passes and the driver see it. Passes ask it and
 * name none; each lies in a folder of its own in codegen/. */
#ifndef IR_TARGET_H
#define IR_TARGET_H

#include "ir/graph/graph.h"
#include "ir/kernel/kern.h"

/* What the machine can do at most. Of one whose kernels run on threads: a thread on a core of its own, and
 * what all cores get from memory together. */
typedef struct TargetSpeed {
  const char *machine;      /* which one the numbers are of, and where they come from */
  double flop;              /* a second, of contractions, a multiply and an add counting two */
  double operations;        /* a second, elementwise, in additions */
  double bytes, most_bytes; /* a second, from and to memory */
  double launch;            /* seconds a launch */
} TargetSpeed;

/* What placement weighs, in bytes moved to or from memory in the same time. */
typedef struct TargetCost {
  double operation; /* an addition on one element */
  double launch;    /* starting a kernel */
} TargetCost;

/* What a chain may keep resident. */
typedef struct TargetChain {
  int64_t least_batches; /* with fewer there are too few tasks, since a task is whole batches */
  int64_t most_resident; /* bytes that a batch's packed operands and resident rows may take */
  int64_t block_rows;    /* rows of a block, at most */
  int64_t element_bytes; /* of what is resident */
} TargetChain;

typedef struct Target Target;
struct Target {
  const char *name;      /* in full, as --target takes it: "cpu:znver4", "cuda:sm_80,sm_90a" */
  const char *plan_word; /* of its kernels' plans; NULL: they have none */
  bool threaded;         /* kernels run on the process' threads (--threads), over its memory */
  TargetSpeed speed;
  TargetCost cost;
  TargetChain chain;
  /* Whether node n, which is computed, may be part of the expression that a contraction evaluates for an
   * operand. */
  bool (*in_operand)(const Node *n);
  /* Adds the plan of a kernel, given the axes of each role, whether it is a chain, and else the value of its
   * contraction. */
  void (*plan)(const Target *t, Kernel *k, const KRoleAxes role[ROLE_COUNT], bool chain, int contraction);
};

#endif
