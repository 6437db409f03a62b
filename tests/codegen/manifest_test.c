/* The manifest's text and JSON, and its refusal of bytes that lie. Also the section reader and SHA-256. */
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/sha256.h"
#include "codegen/host/elf_section.h"
#include "codegen/host/manifest.h"
#include "tests/suite.h"

static unsigned char *manifest(size_t *size) {
  static const char *const origin[] = {"blocks.*.mlp.fc1", NULL};
  Manifest *m = manifest_new();
  manifest_define(m, "dim", "128");
  manifest_state(m, &(ManifestState){"fc.weight", "student", "slot", "m", "f32", 2, (int64_t[]){3, 5}, 4096});
  manifest_state(m, &(ManifestState){"count", "student", "slot", "", "u64", 0, NULL, 8192});
  manifest_kernel(m, &(ManifestKernel){"fc1_3", "digpt.tess:41", "compute \"x\" {\n}\n", origin, 1, 640});
  manifest_entry(m, "init");
  manifest_entry(m, "micro");
  manifest_launch(m, &(ManifestLaunch){0, "blocks.0.mlp.fc1", "digpt.tess:41", 7, 3e6, 4.5e6, 2,
                                       (int32_t[]){0, 0}, 1, (uint64_t[]){0xfedcba9876543210u}});
  manifest_buffer(m, &(ManifestBuffer){"hidden", "f32", 128, 60, "launches", "micro", 3, 9});
  ManifestHead head = {"pretrain", "digpt.tess", "tessera 0", "f00d", "avx2", 64,
                       2,          1 << 22,      1 << 21,     640,    8};
  return manifest_finish(m, &head, size);
}

static char *shown(const unsigned char *bytes, size_t size, bool json, const char **fault) {
  char *text;
  size_t len;
  FILE *f = open_memstream(&text, &len);
  *fault = manifest_show(f, bytes, size, json);
  fclose(f);
  return text;
}

static void has(const char *text, const char *part) {
  ck_assert_msg(strstr(text, part) != NULL, "missing \"%s\" in:\n%s", part, text);
}

START_TEST(text_names_everything) {
  size_t size;
  const char *fault;
  unsigned char *bytes = manifest(&size);
  char *text = shown(bytes, size, false, &fault);
  ck_assert_ptr_null(fault);
  has(text, "pretrain of digpt.tess, built by tessera 0\n");
  has(text, "-D dim=128\n");
  has(text, "4.0 MiB planned (at least 2.0 MiB live at once)");
  has(text, "slot   student  fc.weight m f32[3, 5] at 4096\n");
  has(text, "     1 fc1_3 digpt.tess:41 blocks.*.mlp.fc1\n");
  has(text, "entry init, 0 launches");
  has(text, "  fc1_3  blocks.0.mlp.fc1  digpt.tess:41  7  3.000  4.500\n");
  has(text, "128           60  f32 hidden, micro 3 to 9\n");
  free(text);
  free(bytes);
}
END_TEST

START_TEST(json_is_json) {
  size_t size;
  const char *fault;
  unsigned char *bytes = manifest(&size);
  char *text = shown(bytes, size, true, &fault);
  ck_assert_ptr_null(fault);
  FILE *f = popen("python3 -c 'import json, sys; m = json.load(sys.stdin); "
                  "assert m[\"version\"] == 1 and m[\"states\"][0][\"dim\"] == [3, 5]; "
                  "assert m[\"kernels\"][0][\"text\"] == \"compute \\\"x\\\" {\\n}\\n\"; "
                  "assert m[\"entries\"][1][\"launches\"][0][\"flop\"] == 3e6; "
                  "assert m[\"entries\"][1][\"launches\"][0][\"word\"] == [0xfedcba9876543210]'",
                  "w");
  ck_assert_ptr_nonnull(f);
  fputs(text, f);
  ck_assert_int_eq(pclose(f), 0);
  free(text);
  free(bytes);
}
END_TEST

/* Truncated at every length, with any one byte changed, or with any one word 4 less or more (offsets that
 * leave a vector of 8-byte elements misaligned), it is refused or shown, never worse (the
 * sanitizers watch); cut ones are always refused. */
START_TEST(damaged_bytes_are_harmless) {
  size_t size;
  const char *fault;
  unsigned char *bytes = manifest(&size);
  for (size_t n = 0; n < size; n++) {
    unsigned char *cut = malloc(n + 1);
    memcpy(cut, bytes, n);
    free(shown(cut, n, false, &fault));
    ck_assert_msg(n > size - 8 || fault != NULL, "%zu of %zu bytes were accepted", n, size);
    free(cut);
  }
  for (size_t i = 0; i < size; i++) {
    unsigned char old = bytes[i];
    bytes[i] = (unsigned char)draw_below(256);
    free(shown(bytes, size, draw_below(2), &fault));
    bytes[i] = old;
  }
  for (size_t i = 0; i + 4 <= size; i += 4) {
    uint32_t old, moved;
    memcpy(&old, bytes + i, 4);
    for (int by = -4; by <= 4; by += 8) {
      moved = old + (uint32_t)by;
      memcpy(bytes + i, &moved, 4);
      free(shown(bytes, size, draw_below(2), &fault));
    }
    memcpy(bytes + i, &old, 4);
  }
  free(bytes);
}
END_TEST

START_TEST(sections_are_found_by_name) {
  Arena *a = arena_new();
  Source *self = diag_read(a, "/proc/self/exe");
  size_t size = 0;
  const unsigned char *file = (const unsigned char *)self->text;
  ck_assert_ptr_nonnull(elf_section(file, self->len, ".rodata", &size));
  ck_assert_uint_gt(size, 0);
  ck_assert_ptr_null(elf_section(file, self->len, ".rodata_", &size));
  ck_assert_ptr_null(elf_section(file, self->len, ".bss", &size));
  ck_assert_ptr_null(elf_section("no ELF", 6, ".rodata", &size));
  arena_free(a);
}
END_TEST

/* Headers filled with noise, in a block of exactly the file's size. */
START_TEST(lying_elf_headers_are_harmless) {
  Arena *a = arena_new();
  Source *self = diag_read(a, "/proc/self/exe");
  size_t size, n = self->len < 40000 ? self->len : 40000;
  unsigned char *file = malloc(n);
  for (int i = 0; i < 2000; i++) {
    memcpy(file, self->text, n);
    for (int j = 0; j < 6; j++) file[24 + draw_below(40)] = (unsigned char)draw_below(256);
    elf_section(file, n, ".rodata", &size);
  }
  free(file);
  arena_free(a);
}
END_TEST

/* The examples of FIPS 180-4's companion document, and a million letters. */
START_TEST(sha256_of_known_texts) {
  static const char two[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  char out[65];
  Sha256 h;
  sha256_start(&h);
  sha256_add(&h, "abc", 3);
  sha256_finish(&h, out);
  ck_assert_str_eq(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  sha256_start(&h);
  sha256_add(&h, two, sizeof two - 1);
  sha256_finish(&h, out);
  ck_assert_str_eq(out, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  sha256_start(&h);
  for (int i = 0; i < 1000000; i++) sha256_add(&h, "a", 1);
  sha256_finish(&h, out);
  ck_assert_str_eq(out, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}
END_TEST

SUITE("manifest") {
  tcase_add_test(t, text_names_everything);
  tcase_add_test(t, json_is_json);
  tcase_add_test(t, damaged_bytes_are_harmless);
  tcase_add_test(t, sections_are_found_by_name);
  tcase_add_test(t, lying_elf_headers_are_harmless);
  tcase_add_test(t, sha256_of_known_texts);
}
