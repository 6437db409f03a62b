/* A module of kernels: LLVM's context and machine, the pass pipeline, and what comes out of it: text, a
 * relocatable object, or that very object linked into this process. */
#include <errno.h>
#include <llvm-c/Analysis.h>
#include <llvm-c/Error.h>
#include <llvm-c/Target.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <stdio.h>
#include <string.h>

#include "codegen/cpu/cpu.h"
#include "codegen/cpu/cpu_impl.h"

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

CpuModule *cpu_module_new(Arena *a, const Processor *t, const char *name) {
  CpuModule *m = ARENA_NEW(a, CpuModule);
  m->arena = a;
  m->cpu = t;
  m->cx = LLVMContextCreate();
  m->mod = LLVMModuleCreateWithNameInContext(name, m->cx);
  m->machine = make_machine(t);
  LLVMSetTarget(m->mod, triple);
  LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(m->machine);
  LLVMSetModuleDataLayout(m->mod, layout);
  LLVMDisposeTargetData(layout);
  cpu_debug_open(m);
  return m;
}

void cpu_module_settings(CpuModule *m, const char *const *names, int n) {
  m->setting = names;
  m->nsetting = n;
}

void *cpu_module_llvm(CpuModule *m) {
  return m->mod;
}

static void verify(CpuModule *m) {
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

void cpu_module_finish(CpuModule *m) {
  if (m->optimised) return;
  m->optimised = true;
  cpu_debug_close(m);
  verify(m);
  LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
  LLVMErrorRef e = LLVMRunPasses(m->mod, pipeline, m->machine, options);
  LLVMDisposePassBuilderOptions(options);
  if (e) ice("LLVM's passes: %s", LLVMGetErrorMessage(e));
}

/* LLVM ends the process when it cannot write a file, so it writes to memory. */
static LLVMMemoryBufferRef machine_code(CpuModule *m, LLVMCodeGenFileType type) {
  cpu_module_finish(m);
  char *message = NULL;
  LLVMMemoryBufferRef out = NULL;
  if (LLVMTargetMachineEmitToMemoryBuffer(m->machine, m->mod, type, &message, &out)) ice("LLVM: %s", message);
  return out;
}

bool cpu_module_object(CpuModule *m, const char *path) {
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

char *cpu_module_asm(CpuModule *m) {
  LLVMMemoryBufferRef out = machine_code(m, LLVMAssemblyFile);
  char *text = arena_strndup(m->arena, LLVMGetBufferStart(out), LLVMGetBufferSize(out));
  LLVMDisposeMemoryBuffer(out);
  return text;
}

char *cpu_module_ir(CpuModule *m) {
  cpu_module_finish(m);
  char *text = LLVMPrintModuleToString(m->mod);
  char *copy = arena_strdup(m->arena, text);
  LLVMDisposeMessage(text);
  return copy;
}

void cpu_module_free(CpuModule *m) {
  if (m->jit) LLVMConsumeError(LLVMOrcDisposeLLJIT(m->jit));
  if (m->dib) cpu_debug_close(m);
  LLVMDisposeTargetMachine(m->machine);
  LLVMDisposeModule(m->mod);
  LLVMContextDispose(m->cx);
}

static void must(LLVMErrorRef e) {
  if (e) ice("LLVM's JIT: %s", LLVMGetErrorMessage(e));
}

static void start_jit(CpuModule *m) {
  cpu_module_finish(m);
  char *message = NULL;
  LLVMMemoryBufferRef object = NULL;
  if (LLVMTargetMachineEmitToMemoryBuffer(m->machine, m->mod, LLVMObjectFile, &message, &object))
    ice("LLVM: %s", message);
  must(LLVMOrcCreateLLJIT(&m->jit, NULL));
  LLVMOrcJITDylibRef lib = LLVMOrcLLJITGetMainJITDylib(m->jit);
  LLVMOrcDefinitionGeneratorRef process;
  char prefix = LLVMOrcLLJITGetGlobalPrefix(m->jit);
  must(LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(&process, prefix, NULL, NULL));
  LLVMOrcJITDylibAddGenerator(lib, process);
  must(LLVMOrcLLJITAddObjectFile(m->jit, lib, object));
}

void *cpu_module_jit(CpuModule *m, const char *symbol) {
  if (!m->jit) start_jit(m);
  LLVMOrcExecutorAddress at = 0;
  LLVMErrorRef e = LLVMOrcLLJITLookup(m->jit, &at, symbol);
  if (e) {
    LLVMConsumeError(e);
    return NULL;
  }
  return (void *)(uintptr_t)at;
}
