/* What is inside a cubin, an ELF file for machine 190 whose .nv.info sections say how its kernels are called;
 * and what a build asserts of the machine code it made, since no GPU is there to show it. */
#include <string.h>

#include "codegen/cuda/cuda.h"
#include "codegen/host/elf_section.h"

enum { REGISTER_FILE = 65536 };

enum { MACHINE_CUDA = 190, FORMAT_VALUE = 3, FORMAT_BYTES = 4, INSTRUCTION = 16 };
enum {
  INFO_MAX_THREADS = 0x05,
  INFO_FRAME = 0x11,
  INFO_PARAM = 0x17,
  INFO_PARAM_BYTES = 0x19,
  INFO_REGISTERS = 0x2f
};

/* The name of symbol number i. */
static const char *symbol(const Elf *e, uint32_t i) {
  Elf64_Shdr s, names;
  for (unsigned n = 0; n < e->head.e_shnum; n++) {
    if (!elf_header(e, n, &s) || s.sh_type != SHT_SYMTAB || !elf_header(e, s.sh_link, &names)) continue;
    Elf64_Sym sym;
    if (i >= s.sh_size / sizeof sym) return "";
    memcpy(&sym, e->bytes + s.sh_offset + i * sizeof sym, sizeof sym);
    return elf_string(e, &names, sym.st_name);
  }
  return "";
}

static CudaCode *named(CudaCode *code, int n, const char *name) {
  for (int i = 0; i < n; i++)
    if (!strcmp(code[i].name, name)) return &code[i];
  return NULL;
}

static uint32_t word(const char *p) {
  uint32_t v;
  memcpy(&v, p, sizeof v);
  return v;
}

static uint16_t half(const char *p) {
  uint16_t v;
  memcpy(&v, p, sizeof v);
  return v;
}

/* One attribute of one kernel's .nv.info. */
static void take_attribute(CudaCode *c, int attribute, const char *p, size_t size) {
  if (attribute == INFO_MAX_THREADS && size >= 12)
    c->max_threads = (int)(word(p) * word(p + 4) * word(p + 8));
  if (attribute != INFO_PARAM || size < 12) return;
  int i = half(p + 4);
  if (i >= c->nparam) c->nparam = i + 1;
  if (i >= 64) return;
  c->param_offset[i] = half(p + 6);
  c->param_size[i] = (int)(word(p + 8) >> 18);
}

/* One attribute of the cubin's .nv.info, which names its kernel by a symbol. */
static void take_global(const Elf *e, CudaCode *code, int n, int attribute, const char *p, size_t size) {
  if (size < 8 || (attribute != INFO_REGISTERS && attribute != INFO_FRAME)) return;
  CudaCode *c = named(code, n, symbol(e, word(p)));
  if (c) *(attribute == INFO_FRAME ? &c->frame : &c->registers) = (int)word(p + 4);
}

/* c NULL: the section is of the cubin as a whole. */
static void take_info(const Elf *e, const Elf64_Shdr *s, CudaCode *c, CudaCode *code, int n) {
  const char *p = (const char *)elf_contents(e, s), *end = p ? p + s->sh_size : NULL;
  while (end - p >= 4) {
    int format = (unsigned char)p[0], attribute = (unsigned char)p[1];
    size_t value = half(p + 2), size = format == FORMAT_BYTES ? value : 0;
    p += 4;
    if ((size_t)(end - p) < size) return;
    if (c && format == FORMAT_VALUE && attribute == INFO_PARAM_BYTES) c->param_bytes = (int)value;
    if (c && format == FORMAT_BYTES) take_attribute(c, attribute, p, size);
    if (!c && format == FORMAT_BYTES) take_global(e, code, n, attribute, p, size);
    p += size;
  }
}

static const char *after(const char *s, const char *prefix) {
  size_t n = strlen(prefix);
  return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

static int find_kernels(Arena *a, const Elf *e, CudaCode *code) {
  Elf64_Shdr s;
  int n = 0;
  for (unsigned i = 0; i < e->head.e_shnum; i++) {
    const char *name = elf_header(e, i, &s) ? after(elf_section_name(e, &s), ".text.") : NULL;
    if (!name || s.sh_type != SHT_PROGBITS) continue;
    code[n++] =
        (CudaCode){.name = arena_strdup(a, name), .text = elf_contents(e, &s), .text_bytes = s.sh_size};
  }
  return n;
}

int cuda_cubin(Arena *a, const void *bytes, size_t size, CudaCode **code) {
  Elf e;
  if (!elf_open(&e, bytes, size) || e.head.e_machine != MACHINE_CUDA) return -1;
  *code = ARENA_ARRAY(a, e.head.e_shnum + 1, CudaCode);
  int n = find_kernels(a, &e, *code);
  for (unsigned i = 0; i < e.head.e_shnum; i++) {
    Elf64_Shdr s;
    if (!elf_header(&e, i, &s)) continue;
    const char *name = elf_section_name(&e, &s), *of = after(name, ".nv.info."),
               *shared = after(name, ".nv.shared.");
    if (!strcmp(name, ".nv.info")) take_info(&e, &s, NULL, *code, n);
    CudaCode *c = of || shared ? named(*code, n, of ? of : shared) : NULL;
    if (c && of) take_info(&e, &s, c, *code, n);
    if (c && shared) c->shared = (int)s.sh_size;
  }
  return n;
}

int cuda_count(const CudaCode *c, unsigned opcode) {
  int n = 0;
  for (size_t i = 0; i + INSTRUCTION <= c->text_bytes; i += INSTRUCTION)
    n += (half((const char *)c->text + i) & 0xfffu) == opcode;
  return n;
}

int cuda_params(const Kernel *k) {
  return k->nbuf + 1 + k->nword;
}

/* The launcher packs words of 8 bytes, one after the other. */
static bool check_parameters(const CudaCode *c, const char *arch, Loc at, int want) {
  bool ok = c->nparam == want && c->param_bytes == 8 * want;
  for (int i = 0; i < want && i < 64; i++) ok &= c->param_offset[i] == 8 * i && c->param_size[i] == 8;
  if (!ok)
    diag_error(at, "%s: kernel %s takes %d parameters in %d bytes; the launcher packs %d of 8 bytes", arch,
               c->name, c->nparam, c->param_bytes, want);
  return ok;
}

static bool check_code(const CudaCode *c, const CudaLaunch *l, const char *arch, Loc at) {
  bool ok = true;
  bool local = cuda_count(c, CUDA_LDL) + cuda_count(c, CUDA_STL) || c->frame;
  if (l->mma && local) {
    diag_error(at, "%s: kernel %s spills: %d bytes a thread in local memory, expected none", arch, c->name,
               c->frame);
    ok = false;
  }
  if (c->registers * l->block > REGISTER_FILE) {
    diag_error(at, "%s: kernel %s needs %d registers for each of %d threads; a block has %d", arch, c->name,
               c->registers, l->block, REGISTER_FILE);
    ok = false;
  }
  if (l->mma && !cuda_count(c, CUDA_HMMA)) {
    diag_error(at, "%s: kernel %s has no tensor-core instruction, though its plan is a dot", arch, c->name);
    ok = false;
  }
  return ok;
}

bool cuda_check(Arena *a, const CudaImage *image, const Source *text, int n, const CudaLaunch *launch,
                const int *nparam) {
  Loc at = {text, 0, 0};
  CudaCode *code;
  int ncode = cuda_cubin(a, image->bytes, image->size, &code);
  bool ok = ncode >= 0;
  if (!ok) diag_error(at, "%s: what NVRTC made is not a cubin", image->arch);
  for (int i = 0; i < n && ncode >= 0; i++) {
    const CudaCode *c = named(code, ncode, launch[i].name);
    if (!c) diag_error(at, "%s: kernel %s is not in the cubin", image->arch, launch[i].name);
    ok &= c && check_parameters(c, image->arch, at, nparam[i]) && check_code(c, &launch[i], image->arch, at);
  }
  return ok;
}
