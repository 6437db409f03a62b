tessera_fuzzer(safetensors tessera_rt SEEDS tests/fuzz/seed/*.safetensors)
