/* Line tables: each kernel is a subprogram named after it, so that perf and gdb show it and the description's
 * line. Paths stand as the user gave them. */
#include <llvm-c/DebugInfo.h>
#include <string.h>

#include "codegen/cpu/cpu_impl.h"

static LLVMMetadataRef file_of(LLVMDIBuilderRef b, const Source *src) {
  const char *path = src ? src->path : "kernel";
  return LLVMDIBuilderCreateFile(b, path, strlen(path), "", 0);
}

/* A function at the kernel's place. */
static LLVMMetadataRef add_function(CpuFn *f, LLVMValueRef fn, const char *symbol, unsigned line) {
  LLVMMetadataRef file = file_of(f->dib, f->k->loc.src);
  LLVMMetadataRef type = LLVMDIBuilderCreateSubroutineType(f->dib, file, NULL, 0, LLVMDIFlagZero);
  LLVMMetadataRef scope =
      LLVMDIBuilderCreateFunction(f->dib, file, symbol, strlen(symbol), symbol, strlen(symbol), file, line,
                                  type, false, true, line, LLVMDIFlagZero, true);
  LLVMSetSubprogram(fn, scope);
  return scope;
}

static unsigned line_of(const CpuFn *f) {
  return f->k->loc.line > 0 ? (unsigned)f->k->loc.line : 0;
}

void cpu_debug_function(HostModule *m, CpuFn *f, const char *symbol) {
  f->dib = m->dib;
  f->scope = add_function(f, f->fn, symbol, line_of(f));
  cpu_at_loc(f, f->k->loc);
}

void cpu_debug_helper(CpuFn *f, LLVMValueRef fn, LLVMBuilderRef b) {
  size_t len;
  unsigned line = line_of(f);
  LLVMMetadataRef scope = add_function(f, fn, LLVMGetValueName2(fn, &len), line);
  LLVMSetCurrentDebugLocation2(b, LLVMDIBuilderCreateDebugLocation(f->cx, line, 0, scope, NULL));
}

void cpu_at_loc(CpuFn *f, Loc loc) {
  LLVMMetadataRef scope = f->scope;
  if (loc.src && loc.src != f->k->loc.src)
    scope = LLVMDIBuilderCreateLexicalBlockFile(f->dib, scope, file_of(f->dib, loc.src), 0);
  unsigned line = loc.line > 0 ? (unsigned)loc.line : 0, col = loc.col > 0 ? (unsigned)loc.col : 0;
  LLVMSetCurrentDebugLocation2(f->b, LLVMDIBuilderCreateDebugLocation(f->cx, line, col, scope, NULL));
}
