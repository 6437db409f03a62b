tessera_fuzzer(data tessera_rt SEEDS tests/fuzz/seed/*.idx tests/fuzz/seed/*.idx.gz tests/fuzz/seed/*.safetensors)
