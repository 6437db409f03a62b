tessera_test(ix_test ir_base)

# kern_case: a kernel read from a text, with memory for its buffers.
add_library(kern_case STATIC kern_case.c)
target_link_libraries(kern_case PUBLIC ir_kern PkgConfig::CHECK)
target_compile_definitions(kern_case PRIVATE TESTS_DIR="${CMAKE_CURRENT_SOURCE_DIR}")
tessera_test(kern_hard_test kern_case)
tessera_test(kern_verify_test ir_kern)
tessera_test(kern_text_test ir_kern)
tessera_test(kern_interp_test kern_case)
