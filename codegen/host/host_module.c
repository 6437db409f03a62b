/* LLVM's context and machine for one processor, the pass pipeline, and what comes out of it: text, a
 * relocatable object, or that very object linked into this process. */
#include <errno.h>
#include <llvm-c/Analysis.h>
#include <llvm-c/DebugInfo.h>
#include <llvm-c/Error.h>
#include <llvm-c/Target.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "codegen/host/host_llvm.h"

static const char triple[] = "x86_64-pc-linux-gnu";

static LLVMTargetMachineRef make_machine(const Processor *t) {
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
  LLVMTargetRef target;
  char *message = NULL;
  if (LLVMGetTargetFromTriple(triple, &target, &message)) ice("LLVM: %s", message);
  return LLVMCreateTargetMachine(target, triple, t->llvm_cpu, t->features, LLVMCodeGenLevelDefault,
                                 LLVMRelocPIC, LLVMCodeModelDefault);
}

static void flag(HostModule *m, const char *name, unsigned value) {
  LLVMValueRef v = LLVMConstInt(LLVMInt32TypeInContext(m->cx), value, false);
  LLVMAddModuleFlag(m->mod, LLVMModuleFlagBehaviorWarning, name, strlen(name), LLVMValueAsMetadata(v));
}

/* Line tables have one compile unit a module. */
static void open_lines(HostModule *m) {
  size_t len;
  const char *name = LLVMGetModuleIdentifier(m->mod, &len);
  m->dib = LLVMCreateDIBuilder(m->mod);
  LLVMMetadataRef file = LLVMDIBuilderCreateFile(m->dib, name, len, "", 0);
  m->unit = LLVMDIBuilderCreateCompileUnit(m->dib, LLVMDWARFSourceLanguageC, file, "tessera", 7, true, "", 0,
                                           0, "", 0, LLVMDWARFEmissionFull, 0, false, false, "", 0, "", 0);
  flag(m, "Debug Info Version", LLVMDebugMetadataVersion());
  flag(m, "Dwarf Version", 4);
}

static void close_lines(HostModule *m) {
  LLVMDIBuilderFinalize(m->dib);
  LLVMDisposeDIBuilder(m->dib);
  m->dib = NULL;
}

HostModule *host_module_new(Arena *a, const Processor *t, const char *name) {
  HostModule *m = ARENA_NEW(a, HostModule);
  m->arena = a;
  m->cpu = t;
  m->cx = LLVMContextCreate();
  m->mod = LLVMModuleCreateWithNameInContext(name, m->cx);
  m->machine = make_machine(t);
  LLVMSetTarget(m->mod, triple);
  LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(m->machine);
  LLVMSetModuleDataLayout(m->mod, layout);
  LLVMDisposeTargetData(layout);
  open_lines(m);
  return m;
}

void host_module_settings(HostModule *m, const char *const *names, int n) {
  m->setting = names;
  m->nsetting = n;
}

static void verify(HostModule *m) {
  char *message = NULL;
  if (LLVMVerifyModule(m->mod, LLVMReturnStatusAction, &message)) {
    char *text = LLVMPrintModuleToString(m->mod);
    fputs(text, stderr);
    LLVMDisposeMessage(text);
    ice("LLVM refuses the module: %s", message);
  }
  LLVMDisposeMessage(message);
}

/* Variables to registers, what does not change out of loops, and duplicates away; the kernels are otherwise
 * written as they should be. */
static const char pipeline[] = "function(sroa,early-cse,instcombine<no-verify-fixpoint>,loop-mssa(licm),"
                               "early-cse<memssa>,instcombine<no-verify-fixpoint>,simplifycfg)";

/* Verifies and optimises once. */
static void finish(HostModule *m) {
  if (m->optimised) return;
  m->optimised = true;
  close_lines(m);
  verify(m);
  LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
  LLVMErrorRef e = LLVMRunPasses(m->mod, pipeline, m->machine, options);
  LLVMDisposePassBuilderOptions(options);
  if (e) ice("LLVM's passes: %s", LLVMGetErrorMessage(e));
}

/* LLVM ends the process when it cannot write a file, so it writes to memory. */
static LLVMMemoryBufferRef machine_code(HostModule *m, LLVMCodeGenFileType type) {
  finish(m);
  char *message = NULL;
  LLVMMemoryBufferRef out = NULL;
  if (LLVMTargetMachineEmitToMemoryBuffer(m->machine, m->mod, type, &message, &out)) ice("LLVM: %s", message);
  if (!out) diag_no_memory();
  return out;
}

bool host_module_object(HostModule *m, const char *path) {
  LLVMMemoryBufferRef code = machine_code(m, LLVMObjectFile);
  size_t size = LLVMGetBufferSize(code);
  FILE *f = fopen(path, "wb");
  bool ok = f && fwrite(LLVMGetBufferStart(code), 1, size, f) == size;
  if (f && fclose(f)) ok = false;
  Source file = {.path = path};
  if (!ok) diag_error((Loc){.src = &file}, "cannot write the file: %s", strerror(errno));
  LLVMDisposeMemoryBuffer(code);
  return ok;
}

char *host_module_asm(HostModule *m) {
  LLVMMemoryBufferRef out = machine_code(m, LLVMAssemblyFile);
  char *text = arena_strndup(m->arena, LLVMGetBufferStart(out), LLVMGetBufferSize(out));
  LLVMDisposeMemoryBuffer(out);
  return text;
}

char *host_module_ir(HostModule *m) {
  finish(m);
  char *text = LLVMPrintModuleToString(m->mod);
  if (!text) diag_no_memory();
  char *copy = arena_strdup(m->arena, text);
  LLVMDisposeMessage(text);
  return copy;
}

void host_module_free(HostModule *m) {
  if (m->jit) LLVMConsumeError(LLVMOrcDisposeLLJIT(m->jit));
  if (m->dib) close_lines(m);
  LLVMDisposeTargetMachine(m->machine);
  LLVMDisposeModule(m->mod);
  LLVMContextDispose(m->cx);
}

static void must(LLVMErrorRef e) {
  if (e) ice("LLVM's JIT: %s", LLVMGetErrorMessage(e));
}

static void start_jit(HostModule *m) {
  finish(m);
  char *message = NULL;
  LLVMMemoryBufferRef object = NULL;
  if (LLVMTargetMachineEmitToMemoryBuffer(m->machine, m->mod, LLVMObjectFile, &message, &object))
    ice("LLVM: %s", message);
  if (!object) diag_no_memory();
  must(LLVMOrcCreateLLJIT(&m->jit, NULL));
  LLVMOrcJITDylibRef lib = LLVMOrcLLJITGetMainJITDylib(m->jit);
  LLVMOrcDefinitionGeneratorRef process;
  char prefix = LLVMOrcLLJITGetGlobalPrefix(m->jit);
  must(LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(&process, prefix, NULL, NULL));
  LLVMOrcJITDylibAddGenerator(lib, process);
  must(LLVMOrcLLJITAddObjectFile(m->jit, lib, object));
}

void *host_module_jit(HostModule *m, const char *symbol) {
  if (!m->jit) start_jit(m);
  LLVMOrcExecutorAddress at = 0;
  LLVMErrorRef e = LLVMOrcLLJITLookup(m->jit, &at, symbol);
  if (e) {
    LLVMConsumeError(e);
    return NULL;
  }
  return (void *)(uintptr_t)at;
}
