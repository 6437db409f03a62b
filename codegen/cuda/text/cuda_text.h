/* Text that grows at its end, in an arena. */
#ifndef CODEGEN_CUDA_TEXT_H
#define CODEGEN_CUDA_TEXT_H

#include <stdarg.h>

#include "base/arena.h"

typedef struct CudaText {
  Arena *a;
  char *s; /* NUL-terminated once something was added; NULL before */
  int n, cap;
} CudaText;

void ctext_add(CudaText *t, const char *s);
void ctext_vprintf(CudaText *t, const char *fmt, va_list ap);
void ctext_printf(CudaText *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
