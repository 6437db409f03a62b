/* A target: a machine that programs are built for, as the passes and the driver see it. Passes ask it and
 * name none; each is one folder in codegen/ and one row of tools/build/target_rows.c. */
#ifndef IR_TARGET_H
#define IR_TARGET_H

#include "ir/prog.h"

/* What the machine can do at most. Of one whose kernels run on threads: a thread on a core of its own, and
 * what all cores get from memory together. */
typedef struct TargetSpeed {
  const char *machine;      /* which one the numbers are of, and where they come from */
  double flop;              /* a second, of contractions, a multiply and an add counting two */
  double operations;        /* a second, elementwise, in additions */
  double bytes, most_bytes; /* a second, from and to memory */
  double launch;            /* seconds a launch */
} TargetSpeed;

/* What is weighed in deciding which kernels there are: what a core does in a cycle while all others are busy
 * too. Work becomes bytes by the rate of the memory that it is weighed against: an operation costs
 * near / operations bytes, or far / operations. These are one machine's for all processors of a kind, so that
 * kernels depend on the description alone; a TargetSpeed is a machine's own, a second, with any number of
 * threads. Of the machine that both are of, with c cycles a second and n cores: flop = speed.flop / c,
 * far = speed.most_bytes / (n c), launch = speed.launch c; operations are what kernels reach of
 * speed.operations / c. */
typedef struct TargetCost {
  double flop;       /* of contractions, a multiply and an add counting two */
  double operations; /* elementwise, in additions */
  double near;       /* bytes of the second cache: what placement stores is read soon */
  double far;        /* bytes of memory: what is saved for the backward pass is read much later */
  double launch;     /* cycles, not a cycle: starting a kernel */
} TargetCost;

/* What a chain may keep resident. */
typedef struct TargetChain {
  int64_t least_batches; /* with fewer there are too few tasks, since a task is whole batches */
  int64_t most_resident; /* bytes that a batch's packed operands and resident rows may take */
  int64_t block_rows;    /* rows of a block, at most */
  int64_t element_bytes; /* of what is resident */
} TargetChain;

/* The kernels of a program as text in the target's own language, for people and for what compiles them. */
typedef struct TargetText {
  const Source *whole;       /* NULL: they have none */
  const char *const *kernel; /* the part of each kernel of the program */
  const void *own;           /* what else the target wants to know when it emits */
} TargetText;

struct HostModule; /* codegen/host/host_module.h */
struct Processor;  /* codegen/host/processor.h */

typedef struct Target Target;
struct Target {
  const char *name;        /* in full, as --target takes it: "cpu:znver4", "cuda:sm_80,sm_90a" */
  const KPlanRules *plans; /* what its kernels' plans may say; NULL: they have none */
  bool threaded;           /* kernels run on the process' threads (--threads), over its memory */
  TargetSpeed speed;
  TargetCost cost;
  TargetChain chain;
  /* Whether node n, which is computed, may be part of the expression that a contraction evaluates for an
   * operand. */
  bool (*in_operand)(const Node *n);
  /* Adds the plan of a kernel, given the axes of each role, whether it is a chain, and else the value of its
   * contraction. */
  void (*plan)(const Target *t, Kernel *k, const KRoleAxes role[ROLE_COUNT], bool chain, int contraction);
  /* How many tasks a launch of the kernel has, and the bytes of scratch that it needs beside the arena, of
   * each thread where there are threads: functions of plan and shape alone. */
  int64_t (*tasks)(const Target *t, const Kernel *k);
  int64_t (*scratch)(const Target *t, const Kernel *k);
  /* Writes the program's kernels as text; NULL: they have none. False after reporting errors. */
  bool (*write)(const Target *t, const Prog *p, TargetText *out);
  /* Adds to the module, under each kernel's name, what tess_launch takes for it (abi/program.h), and whatever
   * else the archive looks for; `text` is what `write` left. False after reporting errors. */
  bool (*emit)(const Target *t, const Prog *p, const TargetText *text, struct HostModule *m);
  const struct Processor *host; /* that host code is for */
  const char *archive;          /* linked before the runtime's own, in place of parts of it; NULL: none */
  const void *own;              /* the target's */
};

#endif
