/* A kernel read from a text, with memory for its buffers: what the kernel tests share. */
#ifndef TESTS_KERN_CASE_H
#define TESTS_KERN_CASE_H

#include "ir/kernel/kern.h"

typedef struct KCase {
  Arena *arena;
  const Kernel *k;
  void **mem; /* of each buffer: doubles where it holds floats */
  KStepEnv env;
} KCase;

/* The kernel named `name` of the file tests/PATH: it must parse, verify, and print as a text that parses and
 * prints the same again. Float buffers hold random numbers in -1 .. 1 that an f32 holds exactly, others 0. */
KCase *kcase_file(const char *path, const char *name);
KCase *kcase_text(const char *text, const char *name);
void kcase_free(KCase *c);

double *kcase_floats(KCase *c, const char *buf);
int32_t *kcase_ints(KCase *c, const char *buf);
uint8_t *kcase_bytes(KCase *c, const char *buf);
int64_t kcase_count(const KCase *c, int buf);
int kcase_buf(const KCase *c, const char *name);

/* Interprets in f64, and before that in the buffers' own types on copies; written float buffers of both must
 * agree within `tolerance` of their greatest size, or of 1: sums of numbers in -1 .. 1 may cancel. */
void kcase_run(KCase *c, double tolerance);
/* The buffer must hold want[] within `tolerance`, relative to its greatest size. */
void kcase_expect(KCase *c, const char *buf, const double *want, double tolerance);

#endif
