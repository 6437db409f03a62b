/* The targets that there are, a row each. */
#ifndef TOOLS_TARGET_ROWS_H
#define TOOLS_TARGET_ROWS_H

#include "ir/target.h"

typedef struct TargetRow {
  const char *prefix; /* "cpu" of "cpu:znver4" */
  const char *form;   /* how it is asked for: "cpu:NAME" */
  const char *help;   /* what is built for then, for --help */
  /* The target of what stands behind the colon; NULL after reporting what is wrong with it. */
  const Target *(*open)(Arena *a, const char *text);
  const char *text,
      *ending; /* of its kernels' text: --emit=TEXT, and the file's ending; NULL: they have none */
} TargetRow;

/* Ends with a row without a prefix. */
extern const TargetRow target_rows[];

#endif
