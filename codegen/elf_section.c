/* Finds a section by name. Headers are copied out, since the file's may lie at any address and say anything.
 */
#include "codegen/elf_section.h"

#include <elf.h>
#include <stdbool.h>
#include <string.h>

typedef struct Elf {
  const unsigned char *bytes;
  size_t size;
  Elf64_Ehdr head;
} Elf;

static bool inside(const Elf *e, uint64_t offset, uint64_t size) {
  return offset <= e->size && size <= e->size - offset;
}

static bool open_elf(Elf *e) {
  if (e->size < sizeof e->head) return false;
  memcpy(&e->head, e->bytes, sizeof e->head);
  const unsigned char *id = e->head.e_ident;
  return memcmp(id, ELFMAG, SELFMAG) == 0 && id[EI_CLASS] == ELFCLASS64 && id[EI_DATA] == ELFDATA2LSB &&
         e->head.e_shentsize == sizeof(Elf64_Shdr);
}

/* Section header number i, whose contents lie in the file. */
static bool section(const Elf *e, unsigned i, Elf64_Shdr *s) {
  uint64_t table = e->head.e_shoff, at = (uint64_t)i * sizeof *s;
  if (i >= e->head.e_shnum || !inside(e, table, at + sizeof *s)) return false;
  memcpy(s, e->bytes + table + at, sizeof *s);
  return s->sh_type != SHT_NOBITS && inside(e, s->sh_offset, s->sh_size);
}

static bool named(const Elf *e, const Elf64_Shdr *names, const Elf64_Shdr *s, const char *name) {
  size_t len = strlen(name) + 1;
  if (s->sh_name > names->sh_size || len > names->sh_size - s->sh_name) return false;
  return memcmp(e->bytes + names->sh_offset + s->sh_name, name, len) == 0;
}

const unsigned char *elf_section(const unsigned char *file, size_t size, const char *name, size_t *found) {
  Elf e = {.bytes = file, .size = size};
  Elf64_Shdr names, s;
  if (!open_elf(&e) || !section(&e, e.head.e_shstrndx, &names)) return NULL;
  for (unsigned i = 0; i < e.head.e_shnum; i++) {
    if (!section(&e, i, &s) || !named(&e, &names, &s, name)) continue;
    *found = s.sh_size;
    return file + s.sh_offset;
  }
  return NULL;
}
