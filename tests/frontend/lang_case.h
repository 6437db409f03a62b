/* A description in a string, built and run by the interpreter in f64. */
#ifndef TESTS_LANG_CASE_H
#define TESTS_LANG_CASE_H

#include "frontend/frontend.h"

typedef struct LangCase {
  Arena *arena;
  Graph *graph;
  GraphRun *run;
  GraphEnv env;
  double lr; /* the setting's value */
} LangCase;

/* Builds (the test fails if it does not), verifies, and runs entry init. */
LangCase *lang_open(const char *text, int ndefine, const char *const *define);
/* A model of the tree: "digpt" is models/digpt.tess. */
LangCase *lang_open_model(const char *model, int ndefine, const char *const *define);
void lang_close(LangCase *c);
/* Gives a value random numbers (standard normal; whole numbers below `below` if it is positive); returns
 * them. */
const double *lang_draw(LangCase *c, const char *name, int below);
void lang_enter(LangCase *c, EntryKind e);
const double *lang_value(LangCase *c, const char *name);
const State *lang_state(const LangCase *c, const char *name);
double *lang_memory(LangCase *c, const char *name);
/* The gradient of `loss` by a parameter, which entry micro leaves in its state, is what differences of the
 * loss over twice the step are, within the bound. */
void lang_gradient(LangCase *c, const char *param, double step, double bound);
void lang_near(double found, double wanted, double bound, const char *what);

#endif
