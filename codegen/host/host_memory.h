/* Memory that runs out in C++ and in LLVM. */
#ifndef CODEGEN_HOST_MEMORY_H
#define CODEGEN_HOST_MEMORY_H

#ifdef __cplusplus
extern "C" {
#endif

/* From here on it ends the compiler as it does elsewhere (diag_no_memory); what else LLVM cannot go on from
 * is a fault of the compiler's. */
void host_memory_guard(void);

#ifdef __cplusplus
}
#endif

#endif
