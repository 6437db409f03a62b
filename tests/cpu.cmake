add_library(cpu_case STATIC ${CMAKE_CURRENT_SOURCE_DIR}/cpu_case.c)
target_link_libraries(cpu_case PUBLIC codegen PkgConfig::CHECK)
tessera_test(cpu_math_test cpu_case)
tessera_test(cpu_flat_test cpu_case)
