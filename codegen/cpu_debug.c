/* Line tables: each kernel is a subprogram named after it, so that perf and gdb show it and the description's
 * line. Paths stand as the user gave them. */
#include <llvm-c/DebugInfo.h>
#include <string.h>

#include "codegen/cpu_impl.h"

static LLVMMetadataRef file_of(LLVMDIBuilderRef b, const Source *src) {
  const char *path = src ? src->path : "kernel";
  return LLVMDIBuilderCreateFile(b, path, strlen(path), "", 0);
}

static void flag(CpuModule *m, const char *name, unsigned value) {
  LLVMValueRef v = LLVMConstInt(LLVMInt32TypeInContext(m->cx), value, false);
  LLVMAddModuleFlag(m->mod, LLVMModuleFlagBehaviorWarning, name, strlen(name), LLVMValueAsMetadata(v));
}

void cpu_debug_open(CpuModule *m) {
  size_t len;
  const char *name = LLVMGetModuleIdentifier(m->mod, &len);
  m->dib = LLVMCreateDIBuilder(m->mod);
  LLVMMetadataRef file = LLVMDIBuilderCreateFile(m->dib, name, len, "", 0);
  m->unit = LLVMDIBuilderCreateCompileUnit(m->dib, LLVMDWARFSourceLanguageC, file, "tessera", 7, true, "", 0,
                                           0, "", 0, LLVMDWARFEmissionFull, 0, false, false, "", 0, "", 0);
  flag(m, "Debug Info Version", LLVMDebugMetadataVersion());
  flag(m, "Dwarf Version", 4);
}

void cpu_debug_function(CpuModule *m, CpuFn *f, const char *symbol) {
  LLVMMetadataRef file = file_of(m->dib, f->k->loc.src);
  LLVMMetadataRef type = LLVMDIBuilderCreateSubroutineType(m->dib, file, NULL, 0, LLVMDIFlagZero);
  unsigned line = f->k->loc.line > 0 ? (unsigned)f->k->loc.line : 0;
  f->scope = LLVMDIBuilderCreateFunction(m->dib, file, symbol, strlen(symbol), symbol, strlen(symbol), file,
                                         line, type, false, true, line, LLVMDIFlagZero, true);
  f->dib = m->dib;
  LLVMSetSubprogram(f->fn, f->scope);
  cpu_at_loc(f, f->k->loc);
}

void cpu_at_loc(CpuFn *f, Loc loc) {
  LLVMMetadataRef scope = f->scope;
  if (loc.src && loc.src != f->k->loc.src)
    scope = LLVMDIBuilderCreateLexicalBlockFile(f->dib, scope, file_of(f->dib, loc.src), 0);
  unsigned line = loc.line > 0 ? (unsigned)loc.line : 0, col = loc.col > 0 ? (unsigned)loc.col : 0;
  LLVMSetCurrentDebugLocation2(f->b, LLVMDIBuilderCreateDebugLocation(f->cx, line, col, scope, NULL));
}

void cpu_debug_close(CpuModule *m) {
  LLVMDIBuilderFinalize(m->dib);
  LLVMDisposeDIBuilder(m->dib);
  m->dib = NULL;
}
