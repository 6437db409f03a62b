/* Reading ELF files of 64 bits from outside: programs and cubins. Any bytes are harmless. */
#ifndef CODEGEN_ELF_SECTION_H
#define CODEGEN_ELF_SECTION_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct Elf {
  const unsigned char *bytes;
  size_t size;
  Elf64_Ehdr head;
} Elf;

/* False when the bytes are no such file. */
bool elf_open(Elf *e, const void *bytes, size_t size);
/* Header of section number i; false when there is none, or its contents do not lie in the file. */
bool elf_header(const Elf *e, unsigned i, Elf64_Shdr *s);
/* A section's contents, s->sh_size bytes; NULL when it has none in the file (.bss). */
const unsigned char *elf_contents(const Elf *e, const Elf64_Shdr *s);
/* The string at `at` of a string table, or "" where there is none. */
const char *elf_string(const Elf *e, const Elf64_Shdr *table, uint64_t at);
const char *elf_section_name(const Elf *e, const Elf64_Shdr *s);

/* The contents of the first section of that name which has any in the file, or NULL. */
const unsigned char *elf_section(const void *file, size_t size, const char *name, size_t *found);

#endif
