tessera_test(lower_test passes)
