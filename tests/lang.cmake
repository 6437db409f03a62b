# lang_file: reference data as doubles.
add_library(lang_file STATIC ${CMAKE_CURRENT_SOURCE_DIR}/lang_file.c)
tessera_test(lang_golden_test frontend lang_file)
tessera_test(lang_error_test frontend)

# lang_case: descriptions in strings, built and interpreted.
add_library(lang_case STATIC ${CMAKE_CURRENT_SOURCE_DIR}/lang_case.c)
target_link_libraries(lang_case PUBLIC frontend PkgConfig::CHECK)
target_compile_definitions(lang_case PRIVATE SOURCE_DIR="${CMAKE_SOURCE_DIR}")
tessera_test(lang_eval_test lang_case)
tessera_test(lang_train_test lang_case)
