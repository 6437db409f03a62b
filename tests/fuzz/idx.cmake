tessera_fuzzer(idx tessera_rt)
