tessera_fuzzer(kern ir_kernel SEEDS tests/ir/kern/*.kern tests/ir/kern/hard/*.kern)
