/* tessera fit: what it is told, and what it tries. */
#ifndef TOOLS_TESSERA_FIT_H
#define TOOLS_TESSERA_FIT_H

#include "tools/tessera_build.h"

enum { FIT_MOST_BATCH = 1 << 20 };

typedef struct FitOptions {
  BuildOptions build;
  int64_t memory; /* bytes */
  int cores;      /* that the prediction is for */
} FitOptions;

/* A batch as it would be built; bytes as build announces them: the arena and the scratch of all threads. */
typedef struct FitPoint {
  int64_t batch, images; /* images a step: of all its micro-batches */
  int64_t bytes, arena, scratch;
  double seconds; /* a step, predicted (passes/roofline.h); 0: not yet */
  char target[80];
} FitPoint;

typedef enum FitResult {
  FIT_FAILED, /* errors were reported */
  FIT_NONE,   /* batch 1 does not fit */
  FIT_FOUND,  /* the batch fits and the next one does not */
  FIT_ALL     /* FIT_MOST_BATCH fits */
} FitResult;

/* Plans programs of several batches. `best` is the largest that fits; for FIT_NONE it is batch 1. */
FitResult fit_search(const FitOptions *o, FitPoint *best);
/* Plans the point's batch once more and sets its seconds; false after reporting errors. */
bool fit_predict(const FitOptions *o, FitPoint *p);

#endif
