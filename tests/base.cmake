tessera_test(arena_test ir_base)
tessera_test(diag_test ir_base)
