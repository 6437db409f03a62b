tessera_test(graph_elt_test passes)
tessera_test(graph_ops_test passes)
tessera_test(graph_simplify_test passes)
tessera_test(autodiff_test passes)
