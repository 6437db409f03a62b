/* Reading a section of a program from outside. */
#ifndef CODEGEN_ELF_SECTION_H
#define CODEGEN_ELF_SECTION_H

#include <stddef.h>

/* The contents of the first section of that name, inside the `size` bytes of an ELF file of 64 bits, or NULL
 * when there is none or the file is not one. Any bytes are harmless. */
const unsigned char *elf_section(const unsigned char *file, size_t size, const char *name, size_t *found);

#endif
