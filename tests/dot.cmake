tessera_test(cpu_dot_test codegen)
