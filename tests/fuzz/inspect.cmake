tessera_fuzzer(inspect codegen SEEDS tests/fuzz/seed/*.manifest)
