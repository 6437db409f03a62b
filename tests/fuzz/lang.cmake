tessera_fuzzer(lang frontend SEEDS models/*.tess models/lib/*.tess tests/frontend/lang/*.tess)
target_compile_definitions(lang_fuzz PRIVATE SOURCE_DIR="${CMAKE_SOURCE_DIR}")
