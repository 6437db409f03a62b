tessera_test(ix_test ir_base)
