# Contractions and attention against the peak: see bench/README.md.
add_library(measure STATIC measure.c)
target_link_libraries(measure PUBLIC codegen base)
add_executable(gates gates.c)
target_link_libraries(gates PRIVATE measure)
add_executable(attention attention.c)
target_link_libraries(attention PRIVATE measure)
