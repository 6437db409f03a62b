/* Kernel text read in a test: an arena, what is reported, and two targets made up for tests, whose plans
 * are called "cpu" and "gpu". */
#ifndef TESTS_KERN_READER_H
#define TESTS_KERN_READER_H

#include "ir/kernel/kern.h"

extern Arena *arena;
/* Number and place of the targets' tables: "mr" of cpu, "acc" of both. */
enum { READER_MR, READER_ACC = KPLAN_INLINE + 1 };
extern const KPlanRules reader_cpu, reader_gpu;

/* A fixture for each test. */
void reader_open(void);
void reader_close(void);
/* Everything reported so far. */
const char *reader_said(void);
/* NULL where the text, of "k.kern", is wrong. */
KernList *reader_parse(const char *text);
/* Its first kernel; the test fails where it is wrong. */
Kernel *reader_kernel(const char *text);

#endif
