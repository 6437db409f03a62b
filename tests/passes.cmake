tessera_test(lower_test passes codegen)
target_sources(lower_test PRIVATE random_graph.c)
