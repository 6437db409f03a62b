tessera_fuzzer(graph ir_graph passes SEEDS tests/graph/*.graph)
