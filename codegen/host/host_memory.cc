/* The handlers that C++ and LLVM ask before they give up. */
#include "codegen/host/host_memory.h"

#include <cstring>
#include <new>

#include <llvm/Support/ErrorHandling.h>

extern "C" {
#include "base/diag.h"
}

namespace {

void no_memory() {
  diag_no_memory();
}

void no_memory_in_llvm(void *, const char *, bool) {
  diag_no_memory();
}

void fault_in_llvm(void *, const char *reason, bool) {
  if (std::strstr(reason, "memory")) diag_no_memory();
  ice("LLVM: %s", reason);
}

} // namespace

void host_memory_guard() {
  std::set_new_handler(no_memory);
  llvm::install_bad_alloc_error_handler(no_memory_in_llvm);
  llvm::install_fatal_error_handler(fault_in_llvm);
}
