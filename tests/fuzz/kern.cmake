tessera_fuzzer(kern codegen SEEDS tests/ir/kern/*.kern tests/ir/kern/hard/*.kern)
