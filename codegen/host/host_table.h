/* Constant tables in LLVM's module. A table is filled in as the C struct that the runtime will read, so that
 * its layout cannot differ; where a struct holds a pointer, the bytes stay zero and the pointed-to global is
 * noted beside them. Target and host are both 64-bit and little-endian. */
#ifndef CODEGEN_HOST_TABLE_H
#define CODEGEN_HOST_TABLE_H

#include <llvm-c/Core.h>

#include "base/arena.h"

typedef struct HostPointer {
  size_t at; /* bytes from the table's start */
  LLVMValueRef to;
} HostPointer;

typedef struct HostTable {
  Arena *arena;
  LLVMModuleRef mod;
  char *bytes;
  size_t size;
  int npointer, cap_pointer;
  HostPointer *pointer;
} HostTable;

/* A zeroed table of `count` elements of `size` bytes. */
HostTable host_table(Arena *a, LLVMModuleRef mod, size_t count, size_t size);
/* Makes the pointer field, which lies in t->bytes, point to the global; NULL leaves it null. */
void host_point(HostTable *t, const void *field, LLVMValueRef to);
/* The same for a string, which is added to the module. */
void host_text(HostTable *t, const void *field, const char *s);
/* Adds the table as a constant: under an exported name, or under none. NULL when it has no elements. */
LLVMValueRef host_table_emit(HostTable *t, const char *symbol);

/* Bytes as a constant of their own, in a section of that name (NULL: the usual one). */
LLVMValueRef host_bytes(LLVMModuleRef mod, const void *bytes, size_t size, const char *section);

#endif
