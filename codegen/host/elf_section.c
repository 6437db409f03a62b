/* Sections by number and by name. Headers are copied out, since the file's may lie at any address and say
 * anything. */
#include "codegen/host/elf_section.h"

#include <string.h>

static bool inside(const Elf *e, uint64_t offset, uint64_t size) {
  return offset <= e->size && size <= e->size - offset;
}

bool elf_open(Elf *e, const void *bytes, size_t size) {
  *e = (Elf){.bytes = bytes, .size = size};
  if (size < sizeof e->head) return false;
  memcpy(&e->head, bytes, sizeof e->head);
  const unsigned char *id = e->head.e_ident;
  return memcmp(id, ELFMAG, SELFMAG) == 0 && id[EI_CLASS] == ELFCLASS64 && id[EI_DATA] == ELFDATA2LSB &&
         e->head.e_shentsize == sizeof(Elf64_Shdr);
}

bool elf_header(const Elf *e, unsigned i, Elf64_Shdr *s) {
  uint64_t table = e->head.e_shoff, at = (uint64_t)i * sizeof *s;
  if (i >= e->head.e_shnum || !inside(e, table, at + sizeof *s)) return false;
  memcpy(s, e->bytes + table + at, sizeof *s);
  return s->sh_type == SHT_NOBITS || inside(e, s->sh_offset, s->sh_size);
}

const unsigned char *elf_contents(const Elf *e, const Elf64_Shdr *s) {
  return s->sh_type == SHT_NOBITS ? NULL : e->bytes + s->sh_offset;
}

const char *elf_string(const Elf *e, const Elf64_Shdr *table, uint64_t at) {
  const char *strings = (const char *)elf_contents(e, table);
  if (!strings || at >= table->sh_size) return "";
  return memchr(strings + at, 0, table->sh_size - at) ? strings + at : "";
}

const char *elf_section_name(const Elf *e, const Elf64_Shdr *s) {
  Elf64_Shdr names;
  return elf_header(e, e->head.e_shstrndx, &names) ? elf_string(e, &names, s->sh_name) : "";
}

const unsigned char *elf_section(const void *file, size_t size, const char *name, size_t *found) {
  Elf e;
  Elf64_Shdr s;
  if (!elf_open(&e, file, size)) return NULL;
  for (unsigned i = 0; i < e.head.e_shnum; i++) {
    if (!elf_header(&e, i, &s) || s.sh_type == SHT_NOBITS || strcmp(elf_section_name(&e, &s), name) != 0)
      continue;
    *found = s.sh_size;
    return elf_contents(&e, &s);
  }
  return NULL;
}
