tessera_fuzzer(graph ir_graph passes SEEDS tests/ir/graph/*.graph)
