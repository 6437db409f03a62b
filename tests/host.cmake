tessera_test(manifest_test codegen)

# host_test links programs to the reader in place of the runtime archive.
add_library(host_reader STATIC host_reader.c)
tessera_test(host_test codegen)
add_dependencies(host_test host_reader)
target_compile_definitions(host_test PRIVATE HOST_READER="$<TARGET_FILE:host_reader>"
                           SANITIZED=$<BOOL:${TESSERA_SANITIZE}>)

# The driver and the programs that it builds, as users see them.
foreach(name driver_test spine_test)
  tessera_test(${name} ir_graph ir_kern)
  add_dependencies(${name} tessera)
  target_compile_definitions(${name} PRIVATE SANITIZED=$<BOOL:${TESSERA_SANITIZE}>)
  set_tests_properties(${name} PROPERTIES TIMEOUT 900)
endforeach()
