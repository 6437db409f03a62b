# lang_file: reference data as doubles.
add_library(lang_file STATIC ${CMAKE_CURRENT_SOURCE_DIR}/lang_file.c)
tessera_test(lang_golden_test frontend lang_file)
