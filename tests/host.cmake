tessera_test(manifest_test codegen)

# host_test links programs to the reader in place of the runtime archive.
add_library(host_reader STATIC host_reader.c)
tessera_test(host_test codegen)
add_dependencies(host_test host_reader)
target_compile_definitions(host_test PRIVATE HOST_READER="$<TARGET_FILE:host_reader>"
                           SANITIZED=$<BOOL:${TESSERA_SANITIZE}>)

# The driver, as users see it; the programs that it builds are tests/e2e's.
tessera_test(driver_test ir_graph ir_kern)
add_dependencies(driver_test tessera)
set_tests_properties(driver_test PROPERTIES TIMEOUT 900)
