/* JSON: what is written reads back, bytes and bits; what breaks the grammar is an error with its byte. The
 * headers of safetensors files: their entries in order, or passed over. */
#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/safetensors.h"
#include "tests/suite.h"

static char text[4096];

static Json parser(const char *s) {
  size_t n = strlen(s);
  ck_assert_uint_lt(n, sizeof text);
  memcpy(text, s, n + 1);
  return json_new(text, n);
}

/* A character of any length: its first and last ones, and others. */
static size_t draw_character(char *s) {
  static const uint32_t least[] = {1, 0x80, 0x800, 0x10000}, most[] = {0x7f, 0x7ff, 0xffff, 0x10ffff};
  uint32_t k = draw_below(4), cp = least[k] + draw_below(most[k] - least[k] + 1);
  if (draw_below(4) == 0) cp = draw_below(2) ? least[k] : most[k];
  if (cp >= 0xd800 && cp < 0xe000) cp = 0xd7ff + 0x801 * draw_below(2);
  char escaped[32];
  uint32_t high = 0xd7c0 + (cp >> 10), low = 0xdc00 + (cp & 0x3ff);
  if (cp < 0x10000)
    snprintf(escaped, sizeof escaped, "\"\\u%04x\"", cp);
  else
    snprintf(escaped, sizeof escaped, "\"\\u%04x\\u%04x\"", high, low);
  Json j = parser(escaped);
  const char *utf8 = json_string(&j);
  ck_assert_ptr_nonnull(utf8);
  memcpy(s, utf8, strlen(utf8) + 1);
  return strlen(utf8);
}

static const struct {
  const char *bytes, *json;
} broken_text[] = {{"\x80", "\\ufffd"},
                   {"a\xff\x62", "a\\ufffdb"},
                   {"\xc3", "\\ufffd"},
                   {"\xc3\x41", "\\ufffdA"},
                   {"\xc0\xaf", "\\ufffd\\ufffd"},
                   {"\xe0\x9f\xbf", "\\ufffd\\ufffd\\ufffd"},
                   {"\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd"},
                   {"\xf0\x8f\xbf\xbf", "\\ufffd\\ufffd\\ufffd\\ufffd"},
                   {"\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"},
                   {"\xf5\x80\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"},
                   {"\xe2\x82", "\\ufffd\\ufffd"},
                   {"\xe2\x82\xac", "\xe2\x82\xac"}};

START_TEST(what_is_no_utf8_is_replaced) {
  char s[64] = "", wanted[64];
  FILE *f = fmemopen(s, sizeof s, "w");
  json_put_string(f, broken_text[_i].bytes);
  fclose(f);
  snprintf(wanted, sizeof wanted, "\"%s\"", broken_text[_i].json);
  ck_assert_str_eq(s, wanted);
}
END_TEST

START_TEST(strings_read_back) {
  for (int i = 0; i < suite_rounds(1000); i++) {
    draw_from(suite_seed() + (uint64_t)i);
    char s[80] = "", *json = NULL;
    size_t n = 0, len;
    for (uint32_t k = draw_below(16); k; k--) n += draw_character(s + n);
    FILE *f = open_memstream(&json, &len);
    json_put_string(f, s);
    fclose(f);
    Json j = json_new(json, len);
    const char *found = json_string(&j);
    ck_assert_msg(found && strcmp(found, s) == 0 && json_end(&j), "%s", json);
    free(json);
  }
}
END_TEST

START_TEST(numbers_read_back) {
  for (int i = 0; i < suite_rounds(1000); i++) {
    draw_from(suite_seed() + (uint64_t)i);
    double v = ldexp(draw_normal(), (int)draw_below(600) - 300);
    char s[64] = "";
    FILE *f = fmemopen(s, sizeof s, "w");
    json_put_number(f, v);
    fclose(f);
    ck_assert_msg(strtod(s, NULL) == v, "%s, %a", s, v);
  }
  char s[64] = "";
  FILE *f = fmemopen(s, sizeof s, "w");
  json_put_number(f, 0.1);
  json_put_number(f, NAN);
  json_put_number(f, -INFINITY);
  json_put_string(f, NULL);
  fclose(f);
  ck_assert_str_eq(s, "0.1nullnullnull");
}
END_TEST

START_TEST(escapes_are_what_they_stand_for) {
  Json j = parser("\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\\n\\/\"");
  ck_assert_str_eq(json_string(&j), "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\n/");
}
END_TEST

static const struct {
  const char *text;
  size_t at;
  const char *error;
} broken[] = {{"[1, 2", 5, "expected ']', found the end"},
              {"{\"a\" 1}", 5, "expected ':', found '1'"},
              {"[\"\x01\"]", 2, "expected '\"', found byte 0x01"},
              {"\"\\x\"", 2, "expected an escape, found 'x'"},
              {"[1] 2", 4, "expected the end, found '2'"}};

START_TEST(the_first_error_is_kept) {
  Json j = parser(broken[_i].text);
  ck_assert(!(json_skip(&j) && json_end(&j)));
  ck_assert_str_eq(j.error, broken[_i].error);
  ck_assert_uint_eq(j.error_at, broken[_i].at);
  ck_assert(!json_take(&j, '2') && json_peek(&j) == '\0');
  ck_assert_str_eq(j.error, broken[_i].error);
}
END_TEST

static char seen[256];

static bool see_pair(void *ctx, Json *j, const char *key, const char *value) {
  (void)ctx, (void)j;
  snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%s=%s ", key, value);
  return true;
}

static bool see_tensor(void *ctx, Json *j, const SafetensorsEntry *t) {
  (void)ctx, (void)j;
  snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%s %s %u %d..%d ", t->name, t->type, t->rank,
           (int)t->begin, (int)t->end);
  return true;
}

START_TEST(headers_are_read_in_order) {
  static const char header[] =
      "{\"b\":{\"dtype\":\"F16\",\"shape\":[2,3],\"data_offsets\":[4,16]},\"__metadata__\":{\"k\":\"v\"}}";
  for (int tensors = 0; tensors < 2; tensors++) {
    seen[0] = '\0';
    Json j = parser(header);
    SafetensorsReader r = {see_pair, tensors ? see_tensor : NULL, NULL};
    ck_assert(safetensors_header(&j, &r));
    ck_assert_str_eq(seen, tensors ? "b F16 2 4..16 k=v " : "k=v ");
  }
  Json j = parser("{\"__metadata__\":{},\"__metadata__\":{}}");
  SafetensorsReader r = {.pair = see_pair};
  ck_assert(!safetensors_header(&j, &r));
  ck_assert_str_eq(j.error, "a second __metadata__");
}
END_TEST

SUITE("json") {
  tcase_add_test(t, strings_read_back);
  tcase_add_loop_test(t, what_is_no_utf8_is_replaced, 0, sizeof broken_text / sizeof *broken_text);
  tcase_add_test(t, numbers_read_back);
  tcase_add_test(t, escapes_are_what_they_stand_for);
  tcase_add_loop_test(t, the_first_error_is_kept, 0, sizeof broken / sizeof *broken);
  tcase_add_test(t, headers_are_read_in_order);
}
