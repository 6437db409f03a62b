tessera_test(cpu_dot_test codegen)
tessera_test(cpu_attn_test cpu_case)
