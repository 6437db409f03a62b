tessera_fuzzer(strategy passes SEEDS models/fusion/*.fuse tests/fuzz/seed/*.fuse)
