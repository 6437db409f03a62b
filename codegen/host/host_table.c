/* Constant tables: runs of bytes with pointers between them, as one packed structure. */
#include "codegen/host/host_table.h"

#include <string.h>

#include "base/diag.h"

_Static_assert(sizeof(void *) == 8, "tables are laid out for 64-bit targets");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tables are laid out for little-endian targets");

HostTable host_table(Arena *a, LLVMModuleRef mod, size_t count, size_t size) {
  return (HostTable){.arena = a, .mod = mod, .bytes = arena_array(a, count, size), .size = count * size};
}

/* Pointers are kept in ascending order; fields are mostly filled in that order already. */
void host_point(HostTable *t, const void *field, LLVMValueRef to) {
  size_t at = (size_t)((const char *)field - t->bytes);
  if (at > t->size - sizeof(void *) || at % sizeof(void *)) ice("pointer outside its table: %zu", at);
  if (!to) return;
  ARENA_GROW(t->arena, t->pointer, t->npointer, t->cap_pointer);
  int i = t->npointer++;
  for (; i > 0 && t->pointer[i - 1].at > at; i--) t->pointer[i] = t->pointer[i - 1];
  t->pointer[i] = (HostPointer){at, to};
}

static LLVMValueRef add_constant(LLVMModuleRef mod, LLVMValueRef init, const char *symbol) {
  LLVMValueRef g = LLVMAddGlobal(mod, LLVMTypeOf(init), symbol ? symbol : "");
  LLVMSetInitializer(g, init);
  LLVMSetGlobalConstant(g, 1);
  if (!symbol) LLVMSetLinkage(g, LLVMPrivateLinkage);
  return g;
}

LLVMValueRef host_bytes(LLVMModuleRef mod, const void *bytes, size_t size, const char *section) {
  LLVMContextRef cx = LLVMGetModuleContext(mod);
  LLVMValueRef g = add_constant(mod, LLVMConstStringInContext2(cx, bytes, size, 1), NULL);
  LLVMSetAlignment(g, section ? 16 : 1);
  if (section) LLVMSetSection(g, section);
  return g;
}

void host_text(HostTable *t, const void *field, const char *s) {
  LLVMValueRef g = host_bytes(t->mod, s, strlen(s) + 1, NULL);
  LLVMSetUnnamedAddress(g, LLVMGlobalUnnamedAddr);
  host_point(t, field, g);
}

LLVMValueRef host_table_emit(HostTable *t, const char *symbol) {
  if (!t->size) return NULL;
  LLVMContextRef cx = LLVMGetModuleContext(t->mod);
  LLVMValueRef *piece = ARENA_ARRAY(t->arena, 2 * t->npointer + 1, LLVMValueRef);
  unsigned n = 0;
  size_t at = 0;
  for (int i = 0; i <= t->npointer; i++) {
    size_t end = i < t->npointer ? t->pointer[i].at : t->size;
    if (end > at) piece[n++] = LLVMConstStringInContext2(cx, t->bytes + at, end - at, 1);
    if (i < t->npointer) piece[n++] = t->pointer[i].to;
    at = end + sizeof(void *);
  }
  LLVMValueRef g = add_constant(t->mod, LLVMConstStructInContext(cx, piece, n, 1), symbol);
  LLVMSetAlignment(g, 16);
  return g;
}
