# Contractions against the peak: see bench/README.md.
add_executable(gates gates.c)
target_link_libraries(gates PRIVATE codegen peak)
