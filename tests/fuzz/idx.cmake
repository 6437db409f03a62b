tessera_fuzzer(idx tessera_rt SEEDS tests/fuzz/seed/*.idx tests/fuzz/seed/*.idx.gz)
