/* Text that grows at its end. */
#include "codegen/cuda/text/cuda_text.h"

#include <string.h>

void ctext_add(CudaText *t, const char *s) {
  size_t len = strlen(s);
  while (t->cap <= t->n + (int)len) ARENA_GROW(t->a, t->s, t->cap, t->cap);
  memcpy(t->s + t->n, s, len + 1);
  t->n += (int)len;
}

void ctext_vprintf(CudaText *t, const char *fmt, va_list ap) {
  ctext_add(t, arena_vprintf(t->a, fmt, ap));
}

void ctext_printf(CudaText *t, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  ctext_vprintf(t, fmt, ap);
  va_end(ap);
}
