tessera_fuzzer(kern ir_kern SEEDS tests/kern/*.kern tests/kern/hard/*.kern)
