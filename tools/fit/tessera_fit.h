/* tessera fit: what it is told, and what it tries. */
#ifndef TOOLS_TESSERA_FIT_H
#define TOOLS_TESSERA_FIT_H

#include "tools/build/tessera_build.h"

enum { FIT_MOST_BATCH = 1 << 20 };

typedef struct FitOptions {
  BuildOptions build;
  int64_t memory; /* bytes */
  int cores;      /* that the prediction is for */
  bool json;
} FitOptions;

typedef enum FitMode {
  FIT_FASTEST, /* the saved set of the least time: a build without limit */
  FIT_AGAIN,   /* as much made again as it takes: a build with --max-memory */
  FIT_MODES
} FitMode;

/* A batch as it would be built; bytes as build announces them: the arena and the scratch of all threads. */
typedef struct FitPoint {
  int64_t batch, images; /* images a step: of all its micro-batches */
  int64_t bytes;         /* where nothing fits, the least that there is; then the rest is not known */
  int64_t arena, scratch;
  double seconds; /* a step, predicted (passes/explain/roofline.h); 0: not asked for */
  char target[80];
} FitPoint;

typedef enum FitResult {
  FIT_FAILED, /* errors were reported */
  FIT_NONE,   /* batch 1 does not fit */
  FIT_FOUND,  /* the batch fits and the next one does not */
  FIT_ALL     /* FIT_MOST_BATCH fits */
} FitResult;

/* Plans programs of several batches. `best` is the largest that fits, with its prediction; for FIT_NONE it is
 * batch 1. */
FitResult fit_search(const FitOptions *o, FitMode mode, FitPoint *best);

/* What both searches found, by mode; not for FIT_FAILED (tessera_fit_print.c). */
void fit_print(const FitOptions *o, const FitResult result[FIT_MODES], const FitPoint point[FIT_MODES]);
void fit_print_json(const FitOptions *o, const FitResult result[FIT_MODES], const FitPoint point[FIT_MODES]);

#endif
