tessera_test(lower_test passes codegen)
tessera_test(passes_case_test passes)
target_sources(lower_test PRIVATE random_graph.c)
