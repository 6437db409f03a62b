tessera_fuzzer(strategy passes codegen SEEDS models/fusion/*.fuse tests/fuzz/seed/*.fuse)
