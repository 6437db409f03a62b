/* The driver's verbs. Each takes the arguments after its name and returns the exit status: 0, 1 for errors
 * that were reported, 2 for a wrong command line. */
#ifndef TOOLS_VERBS_H
#define TOOLS_VERBS_H

int verb_build(int argc, char **argv);
int verb_explain(int argc, char **argv);
int verb_inspect(int argc, char **argv);
int verb_compare(int argc, char **argv);
int verb_fit(int argc, char **argv);
int verb_kernel(int argc, char **argv);

#endif
